"""The mean response of a model: what a host divides by, so that energies sum to Ep."""

from pathlib import Path
from typing import Any

import numpy as np

from caloforge.card import ModelCard, Response
from caloforge.engine.base import INPUTS, OUTPUT, open_session
from caloforge.engine.latent import draw_latent
from caloforge.errors import ModelError
from caloforge.typing import Float64Array, FloatArray

SHOWERS = 8192
DEGREE = 3
"""Of the polynomials in ln Ep: over two decades in energy they follow a response to a few permille
that falls by a fifth, as the thick plates behind make it."""
SAME_ENERGY = 1.001
"""Ratio of the ends of a range of energies below which it counts as one energy."""


def measure_response(path: Path, card: ModelCard, showers: int = SHOWERS) -> Response:
    """The response of a model file over its range of energies and angles, seeded.

    Raises
    ------
    ModelError
        if its showers are empty, so that no factor calibrates them.
    """
    low, high = card.energy_range_gev
    rng = np.random.default_rng(0)
    conditions = {
        "latent": draw_latent(card.latent, seed=0, start=0, stop=showers),
        "energy": _energies(low, high, showers),
        "theta": rng.uniform(*card.theta_range_rad, showers).astype(np.float32),
    }
    ratio = _sums(open_session(path, _one_thread()), conditions, card.batch) / conditions["energy"]
    powers = np.arange(DEGREE if high > low * SAME_ENERGY else 0, -1, -1)
    terms = np.log(conditions["energy"].astype(np.float64))[:, None] ** powers
    if not card.one_angle:
        longer = 1 / np.sin(conditions["theta"].astype(np.float64)) - 1
        terms = np.concatenate([terms, terms * longer[:, None]], axis=1)
    solution = np.linalg.lstsq(terms, ratio, rcond=None)[0]
    fitted = terms @ solution
    if not fitted.min() > 0:
        msg = f"{card.name} makes empty showers: they cannot be calibrated to Ep"
        raise ModelError(msg)
    error = float(np.std(ratio / fitted) * np.sqrt(len(solution) / showers))
    energy_part, angle_part = np.split(solution, [len(powers)])
    return Response(
        coefficients=tuple(energy_part.tolist()), path_coefficients=tuple(angle_part.tolist()),
        showers=showers, error=error,
    )  # fmt: skip


def _energies(low: float, high: float, n: int) -> FloatArray:
    """Energies in GeV, denser in the logarithm towards the ends (Chebyshev's nodes).

    So a polynomial is known there nearly as well as in the middle.
    """
    place = np.cos(np.pi * (np.arange(n) + 0.5) / n)
    middle, half = np.log(low * high) / 2, np.log(high / low) / 2
    energies: FloatArray = np.exp(middle + half * place).clip(low, high).astype(np.float32)
    return energies


def _sums(session: Any, conditions: dict[str, FloatArray], batch: int) -> Float64Array:
    """Sum of the cells of each shower in GeV, shape (N,)."""
    names = [node.name for node in session.get_inputs() if node.name in INPUTS]
    n = len(conditions["energy"])
    sums = np.empty(n)
    for first in range(0, n, batch):
        rows = slice(first, first + batch)
        (cells,) = session.run([OUTPUT], {name: conditions[name][rows] for name in names})
        sums[rows] = cells.sum(axis=(1, 2, 3), dtype=np.float64)
    return sums


def _one_thread() -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return options
