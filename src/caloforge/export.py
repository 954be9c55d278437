"""A torch generator as one ONNX file that describes itself.

The graph takes ``latent`` (N, L), ``energy`` (N,) in GeV and ``theta`` (N,) in rad and returns
``cells`` (N, X, Y, Z) in GeV for any N; its card is in the metadata.  Where the card says so, it
takes ``phi`` (N,) in rad, too; who does not feed it gets showers that lean along y.
"""

from __future__ import annotations

import logging
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import onnxscript.optimizer
import torch
from torch import nn

from caloforge.aslant_graph import with_branch
from caloforge.atomic import check_writable, replacing
from caloforge.card import METADATA_KEY, ModelCard
from caloforge.engine.base import INPUTS, OUTPUT, PHI
from caloforge.engine.latent import draw_latent
from caloforge.errors import ModelError
from caloforge.networks.factorised.generator import FactorisedGenerator
from caloforge.networks.factorised.tables import TABLES_KEY, description
from caloforge.typing import AnyArray, FloatArray

OPSET = 18
CHECKED_SHOWERS = 3
ANY_PHI = (0.8, 2.2)
"""In rad, of the showers that are checked."""
PARITY_TOLERANCE = 1e-3
"""Largest difference between torch and ONNX Runtime over the largest cell of the shower."""
LARGEST_FOLDED = 1 << 20
"""Numbers from which a constant is computed beforehand: samplers look for the tables of factorised
networks, and the exporter leaves what is made of more than 8192 numbers to the graph."""


def export_generator(generator: nn.Module, card: ModelCard, path: Path) -> None:
    """Write the generator, in evaluation mode, with its card to an ONNX file.

    The file is compared with torch in ONNX Runtime before it takes its place.

    Raises
    ------
    OutputError
        if the file cannot be written.
    ModelError
        if the graph does not reproduce the generator, or its cells do not fit the card.
    """
    check_writable(path)
    generator = generator.eval()
    inputs = example_inputs(card, CHECKED_SHOWERS)
    with torch.no_grad():
        reference = generator(*inputs).numpy()
    if reference.shape[1:] != card.cell_shape:
        msg = f"the network gives cells {reference.shape[1:]}, its card says {card.cell_shape}"
        raise ModelError(msg)
    model = trace(generator, inputs[: len(INPUTS)])
    if card.takes_phi:
        model = with_branch(model, trace(generator, inputs))
    write_checked(model, _metadata(model, generator, card), inputs, reference, path)


def example_inputs(card: ModelCard, n: int) -> tuple[torch.Tensor, ...]:
    """Latent vectors (n, L) and conditions (n,) over the whole range of a card, seeded."""
    latent = draw_latent(card.latent, seed=0, start=0, stop=n)
    low, high = card.energy_range_gev
    energy = np.geomspace(low, high, n)
    theta = np.linspace(*card.theta_range_rad, n)
    inputs: list[AnyArray] = [latent, energy, theta]
    if card.takes_phi:
        inputs.append(np.linspace(*ANY_PHI, n))
    return tuple(torch.from_numpy(values.astype(np.float32)) for values in inputs)


def parity(cells: FloatArray, reference: FloatArray) -> float:
    """Largest difference of two sets of cells over the largest reference cell, shower by shower.

    >>> parity(np.array([[1.0, 2.0]]), np.array([[1.0, 2.5]]))
    0.2
    """
    axes = tuple(range(1, cells.ndim))
    largest = np.maximum(reference.max(axis=axes), np.finfo(np.float32).tiny)
    return float((np.abs(cells - reference).max(axis=axes) / largest).max())


def trace(generator: nn.Module, inputs: tuple[torch.Tensor, ...]) -> Any:
    """The ONNX model of a generator, for inputs as of :func:`example_inputs`; no card in it."""
    batch = torch.export.Dim("batch")
    names = (*INPUTS, PHI)[: len(inputs)]
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            generator,
            inputs,
            dynamo=True,
            opset_version=OPSET,
            input_names=list(names),
            output_names=[OUTPUT],
            dynamic_shapes={name: {0: batch} for name in names},
            verbose=False,
        )
    assert program is not None
    if isinstance(generator, FactorisedGenerator):
        onnxscript.optimizer.optimize(program.model, input_size_limit=LARGEST_FOLDED)
    model = program.model_proto
    _forget_origin(model.graph)
    return model


def _metadata(model: Any, generator: nn.Module, card: ModelCard) -> dict[str, str]:
    """The card, and for samplers that need no graph the names of a factorised network's tables."""
    metadata = {METADATA_KEY: card.model_dump_json()}
    if isinstance(generator, FactorisedGenerator):
        metadata[TABLES_KEY] = description(
            generator, card.energy_range_gev, card.theta_range_rad, initializers_of(model)
        )
    return metadata


def initializers_of(model: Any) -> dict[str, np.ndarray[Any, Any]]:
    """The arrays that a model's graph holds, by name."""
    return {each.name: onnx.numpy_helper.to_array(each) for each in model.graph.initializer}


def _forget_origin(graph: Any) -> None:
    """Drop the exporter's notes (stack traces with the paths of this machine)."""
    for part in (*graph.node, *graph.value_info, *graph.input, *graph.output, *graph.initializer):
        del part.metadata_props[:]
        part.doc_string = ""


def write_checked(
    model: Any,
    metadata: dict[str, str],
    inputs: tuple[torch.Tensor, ...],
    reference: FloatArray,
    path: Path,
) -> None:
    """Write a model with its metadata, if it makes the reference (N, X, Y, Z) in GeV of inputs.

    Raises
    ------
    ModelError
        if it does not.
    OutputError
        if the file cannot be written.
    """
    onnx.helper.set_model_props(model, metadata)
    content = model.SerializeToString()
    _check_parity(content, inputs, reference)
    with replacing(path) as partial:
        partial.write_bytes(content)


def _check_parity(content: bytes, inputs: tuple[torch.Tensor, ...], reference: FloatArray) -> None:
    """Compare a model in ONNX Runtime with a reference (N, X, Y, Z) in GeV; ModelError."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    feed = {name: value.numpy() for name, value in zip((*INPUTS, PHI), inputs, strict=False)}
    (cells,) = session.run([OUTPUT], feed)
    difference = parity(cells, reference)
    if not difference <= PARITY_TOLERANCE:
        msg = (
            f"the exported graph differs from the network by {difference:.2g} of the largest "
            f"cell, allowed is {PARITY_TOLERANCE:g}"
        )
        raise ModelError(msg)
