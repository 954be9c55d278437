"""The showers around a knot, by which what holds there is measured."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from torch import Tensor

from caloforge.networks.factorised.knots import Knots
from caloforge.typing import Float64Array

ENERGY_WINDOW, ANGLE_WINDOW = 0.5, 1.0
"""Width in knots of the Gaussian that weighs the showers around a knot."""


def around_knots(
    knots: Knots, energy: Tensor, theta: Tensor
) -> Iterator[tuple[Float64Array, Float64Array]]:
    """For each knot the distances (N, F) in knots of showers with energies (N,) in GeV and angles
    (N,) in rad, and their weights (N,), a Gaussian of the distance."""
    coordinate = knots.coordinate(energy, theta).double().numpy()
    widths = np.array([ENERGY_WINDOW, ANGLE_WINDOW][: knots.features])
    for knot in knots.grid.double().numpy():
        distance = coordinate - knot
        yield distance, np.exp(-0.5 * ((distance / widths) ** 2).sum(axis=1))


def local_trend(values: Float64Array, distance: Float64Array, weight: Float64Array) -> Float64Array:
    """Slopes (F, ...) of values (N, ...) with distances (N, F), by weighted least squares."""
    design = np.concatenate([np.ones((len(distance), 1)), distance], axis=1)
    weighted = design * weight[:, None]
    ridge = 1e-9 * weight.sum() * np.eye(design.shape[1])
    found: Float64Array = np.linalg.solve(weighted.T @ design + ridge, weighted.T @ values)
    return found[1:]
