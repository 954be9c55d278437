"""Transfer learning: a training that starts from the weights of another.

Weights go by name.  One of the same shape is taken as it is; one that has grown (another angle or
more layers) gets the old weight as its leading block and zeros beside it, so that what is new has
no effect at first.  Measured tables and running means are taken where the shape is the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from caloforge.card import METADATA_KEY, ModelCard, Parent
from caloforge.errors import ModelError
from caloforge.networks.objective import Objective
from caloforge.provenance import file_digest
from caloforge.train.checkpoint import BEST, CHECKPOINT, load_state
from caloforge.zoo import model_names, model_path

State = dict[str, Tensor]


@dataclass(frozen=True)
class Start:
    """Where a training starts: weights of the objective's parts ("generator", ...)."""

    parent: Parent
    network: str
    parts: dict[str, State]


def read_start(path: Path) -> Start:
    """The weights of a run folder, or those that a model file (or a bundled model) still holds.

    Raises
    ------
    ModelError
        if the path is neither, or a quantized model.
    InputError
        if a file of the run folder is damaged.
    """
    if (path / BEST).is_file():
        return _from_run(path)
    return _from_model(model_path(path) if str(path) in model_names() else path)


def _from_run(folder: Path) -> Start:
    best = load_state(folder / BEST)
    recipe = best["description"]["recipe"]
    parts: dict[str, State] = {"generator": best["generator"]}
    if (folder / CHECKPOINT).is_file():
        objective = load_state(folder / CHECKPOINT)["objective"]
        for part in ("discriminator", "encoder"):
            if part in objective:
                parts[part] = objective[part]
    parent = Parent(name=recipe["name"], digest=file_digest(folder / BEST), how={"verb": "train"})
    return Start(parent, recipe["network"]["name"], parts)


def _from_model(path: Path) -> Start:
    import onnx
    from onnx import numpy_helper

    if not path.is_file():
        msg = (
            f"{path} is no run folder with a finished epoch, no model file and no bundled model: "
            f"{', '.join(model_names())}"
        )
        raise ModelError(msg)
    try:
        model = onnx.load(str(path))
    except Exception as problem:
        msg = f"{path} is no ONNX file: {problem}"
        raise ModelError(msg) from None
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    if METADATA_KEY not in metadata:
        msg = f"{path} has no model card: not a caloforge model"
        raise ModelError(msg)
    card = ModelCard.from_json(metadata[METADATA_KEY], where=str(path))
    if card.format != "float32":
        msg = f"{path} is {card.format}: a training starts from a float32 model or a run folder"
        raise ModelError(msg)
    weights = {
        entry.name: torch.from_numpy(numpy_helper.to_array(entry).copy())
        for entry in model.graph.initializer
    }
    parent = Parent(name=card.name, digest=file_digest(path), how={"verb": "train"})
    return Start(parent, card.network, {"generator": weights})


def start_from(start: Start, objective: Objective, network: str) -> float:
    """Put the weights of a start into a new objective; the share of the generator's that fitted.

    Raises
    ------
    ModelError
        if the network is another one, or no weight fits.
    """
    if start.network != network:
        msg = f"{start.parent.name} is a {start.network}: a {network} cannot start from it"
        raise ModelError(msg)
    modules = objective.trained_modules()
    shares = {
        name: take(modules[name], state) for name, state in start.parts.items() if name in modules
    }
    if not shares["generator"]:
        msg = f"no weight of {start.parent.name} fits this {network}"
        raise ModelError(msg)
    objective.restart_average()
    return shares["generator"]


@torch.no_grad()
def take(module: nn.Module, state: State) -> float:
    """Put what fits of a state into a module; the share of its weights that was found there."""
    weights = dict(module.named_parameters())
    taken = 0
    for name, mine in module.state_dict().items():
        theirs = state.get(name)
        if theirs is None or theirs.dim() != mine.dim() or theirs.dtype != mine.dtype:
            continue
        if theirs.shape == mine.shape:
            mine.copy_(theirs)
        elif name in weights and _grew(theirs, mine):
            mine.zero_()
            mine[tuple(slice(size) for size in theirs.shape)] = theirs
        else:
            continue
        taken += theirs.numel() if name in weights else 0
    return taken / max(1, sum(weight.numel() for weight in weights.values()))


def _grew(theirs: Tensor, mine: Tensor) -> bool:
    return all(old <= new for old, new in zip(theirs.shape, mine.shape, strict=True))


def described(start: Start) -> dict[str, Any]:
    """The start as a run folder's description has it."""
    return start.parent.model_dump(mode="json")
