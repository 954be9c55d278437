"""Functions of the primary energy that are measured at a few energies and interpolated."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

from caloforge.typing import Float64Array

KNOTS = 9


class EnergyKnots(nn.Module):
    """Knots equally spaced in log Ep over a range in GeV; linear interpolation between them."""

    def __init__(self, energy_range_gev: tuple[float, float], knots: int = KNOTS) -> None:
        super().__init__()
        low, high = energy_range_gev
        self.log_low = math.log(low)
        self.per_log = (knots - 1) / max(math.log(high / low), 1e-3)
        self.size = knots
        self.register_buffer("position", torch.arange(knots, dtype=torch.float32))
        self.position: Tensor

    def coordinate(self, energy: Tensor) -> Tensor:
        """Place of energies (N,) in GeV among the knots: 0 at the first, size - 1 at the last."""
        return ((energy.log() - self.log_low) * self.per_log).clamp(0.0, self.size - 1.0)

    def forward(self, energy: Tensor) -> Tensor:
        """Weights (N, knots) of the knots at energies (N,) in GeV; they add up to one."""
        return (1.0 - (self.coordinate(energy)[:, None] - self.position).abs()).clamp(min=0.0)


def quantiles_at_knots(
    values: Float64Array, coordinate: Float64Array, levels: Float64Array, knots: int
) -> Float64Array:
    """Quantiles (knots, variables, levels) of values (N, variables) as a function of energy.

    Showers are weighed by a Gaussian of the distance between their ``coordinate`` (N,) and the
    knot, after removing the local linear trend, so that the width of the window does not widen
    the distribution.
    """
    table = np.empty((knots, values.shape[1], len(levels)))
    for knot in range(knots):
        distance = coordinate - knot
        weight = np.exp(-0.5 * (distance / 0.5) ** 2)
        design = np.stack([np.ones_like(distance), distance], axis=1)
        weighted = design * weight[:, None]
        ridge = 1e-9 * weight.sum() * np.eye(2)
        slope = np.linalg.solve(weighted.T @ design + ridge, weighted.T @ values)[1]
        level = values - distance[:, None] * slope
        for variable in range(values.shape[1]):
            order = np.argsort(level[:, variable])
            below = np.cumsum(weight[order]) - 0.5 * weight[order]
            ordered = level[order, variable]
            table[knot, variable] = np.interp(levels, below / weight.sum(), ordered)
    return table
