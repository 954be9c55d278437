"""A torch generator as one ONNX file that describes itself.

The graph takes ``latent`` (N, L), ``energy`` (N,) in GeV and ``theta`` (N,) in rad and returns
``cells`` (N, X, Y, Z) in GeV for any N; its card is in the metadata.
"""

from __future__ import annotations

import logging
import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from torch import nn

from caloforge.atomic import replacing
from caloforge.card import METADATA_KEY, ModelCard
from caloforge.errors import ModelError
from caloforge.typing import FloatArray

OPSET = 18
INPUTS = ("latent", "energy", "theta")
CHECKED_SHOWERS = 3
PARITY_TOLERANCE = 1e-3
"""Largest difference between torch and ONNX Runtime over the largest cell of the shower."""


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
    generator = generator.eval()
    inputs = example_inputs(card, CHECKED_SHOWERS)
    model = _trace(generator, inputs)
    onnx.helper.set_model_props(model, {METADATA_KEY: card.model_dump_json()})
    content = model.SerializeToString()
    _check(generator, inputs, content, card)
    with replacing(path) as partial:
        partial.write_bytes(content)


def example_inputs(card: ModelCard, n: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Latent vectors (n, L) and conditions (n,) over the whole range of a card, seeded."""
    rng = np.random.default_rng(0)
    if card.latent.distribution == "uniform":
        latent = rng.uniform(-1, 1, (n, card.latent.dim))
    else:
        latent = rng.standard_normal((n, card.latent.dim))
    low, high = card.energy_range_gev
    energy = np.geomspace(low, high, n)
    theta = np.linspace(*card.theta_range_rad, n)
    first, second, third = (
        torch.from_numpy(values.astype(np.float32)) for values in (latent, energy, theta)
    )
    return first, second, third


def parity(cells: FloatArray, reference: FloatArray) -> float:
    """Largest difference of two sets of cells over the largest reference cell, shower by shower.

    >>> parity(np.array([[1.0, 2.0]]), np.array([[1.0, 2.5]]))
    0.2
    """
    axes = tuple(range(1, cells.ndim))
    largest = np.maximum(reference.max(axis=axes), np.finfo(np.float32).tiny)
    return float((np.abs(cells - reference).max(axis=axes) / largest).max())


def _trace(generator: nn.Module, inputs: tuple[torch.Tensor, ...]) -> Any:
    batch = torch.export.Dim("batch")
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            generator,
            inputs,
            dynamo=True,
            opset_version=OPSET,
            input_names=list(INPUTS),
            output_names=["cells"],
            dynamic_shapes={name: {0: batch} for name in INPUTS},
            verbose=False,
        )
    assert program is not None
    return program.model_proto


def _check(
    generator: nn.Module, inputs: tuple[torch.Tensor, ...], content: bytes, card: ModelCard
) -> None:
    with torch.no_grad():
        reference = generator(*inputs).numpy()
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    feed = {name: value.numpy() for name, value in zip(INPUTS, inputs, strict=True)}
    (cells,) = session.run(["cells"], feed)
    if cells.shape[1:] != card.cell_shape:
        msg = f"the network gives cells {cells.shape[1:]}, its card says {card.cell_shape}"
        raise ModelError(msg)
    difference = parity(cells, reference)
    if not math.isfinite(difference) or difference > PARITY_TOLERANCE:
        msg = (
            f"the exported graph differs from the network by {difference:.2g} of the largest "
            f"cell, allowed is {PARITY_TOLERANCE:g}"
        )
        raise ModelError(msg)
