"""A model file of before graphs took phi, with one that does; its other showers stay the same."""

from __future__ import annotations

from pathlib import Path

import onnx
import torch

from caloforge.aslant_graph import with_branch
from caloforge.card import METADATA_KEY, SCHEMA_VERSION, ModelCard
from caloforge.engine import read_card
from caloforge.export import (
    CHECKED_SHOWERS,
    example_inputs,
    initializers_of,
    trace,
    write_checked,
)
from caloforge.networks.factorised.restore import restored
from caloforge.networks.factorised.tables import TABLES_KEY, named, renamed, tables


def add_phi(path: Path) -> ModelCard:
    """Give a model file a branch that takes phi; its card.

    Raises
    ------
    ModelError
        if the file does not hold all of its network.
    OutputError
        if it cannot be written.
    """
    card, model = read_card(path), onnx.load(str(path))
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    described = metadata.get(TABLES_KEY, "")
    card = card.model_copy(update={"takes_phi": True, "schema_version": SCHEMA_VERSION})
    network = restored(card, described, initializers_of(model))
    inputs = example_inputs(card, CHECKED_SHOWERS)
    with torch.no_grad():
        reference = network(*inputs).numpy()
    aslant = trace(network, inputs)
    here = renamed(described)
    there = named(initializers_of(aslant), tables(network))
    same = {place: here[table] for table, place in there.items() if table in here}
    model = with_branch(model, aslant, same)
    metadata[METADATA_KEY] = card.model_dump_json()
    write_checked(model, metadata, inputs, reference, path)
    return card
