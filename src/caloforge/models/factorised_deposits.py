"""The energy of a cell, given its expectation: a compound Poisson variable by its quantiles.

A cell that expects m GeV is crossed by about m / 0.29 MeV particles (half a millimetre of silicon);
most cells get none, some one, few many.  Measured on Geant4 showers, this distribution depends on m
and hardly on anything else, so a table of E / m over (m, quantile) is all that is needed.  Its axes:
log m, in steps between which the table is drawn at random, and u**(1/4), which resolves cells that are
hit once in ten thousand showers.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from caloforge.models.factorised_knots import EnergyKnots

LOWEST_GEV = 1e-8
STEPS_PER_DECADE = 8
EXPECTATIONS = 64
QUANTILES = 512


class DepositSampler(nn.Module):
    """Cell energies (N, Z, X, Y) in GeV, given what they expect."""

    def __init__(self, layers: int, depth_groups: tuple[int, ...], knots: EnergyKnots) -> None:
        super().__init__()
        self.knots = knots
        groups = sum((torch.arange(layers) >= start).float() for start in depth_groups[1:])
        self.register_buffer("group", torch.zeros(layers) + groups)
        self.register_buffer("shift", torch.zeros(knots.size, layers))
        size = len(depth_groups) * EXPECTATIONS * QUANTILES
        self.register_buffer("table", torch.zeros(size))
        self.group: Tensor
        self.shift: Tensor
        self.table: Tensor

    def forward(self, expected: Tensor, energy: Tensor, quantile: Tensor, dither: Tensor) -> Tensor:
        """Energies (N, Z, X, Y) in GeV, before the layer is scaled to its sum.

        ``quantile`` and ``dither``: uniform numbers in [0, 1) of the same shape; small quantiles
        are large energies.
        """
        place = self.coordinate(expected, energy) + dither
        row = torch.floor(place.clamp(0.0, EXPECTATIONS - 1.0)) + self._first_row()
        column = torch.floor(torch.sqrt(torch.sqrt(quantile)) * (QUANTILES - 0.01))
        index = (row * QUANTILES + column).to(torch.int32)
        return expected * torch.index_select(self.table, 0, index.flatten()).view_as(expected)

    def coordinate(self, expected: Tensor, energy: Tensor) -> Tensor:
        """Place (N, Z, X, Y) of expectations in GeV among the table's rows."""
        per_log = STEPS_PER_DECADE / math.log(10.0)
        shift = self.knots(energy) @ self.shift - math.log(LOWEST_GEV) * per_log
        return torch.log(expected + 1e-30) * per_log + shift[:, :, None, None]

    def _first_row(self) -> Tensor:
        return (self.group * EXPECTATIONS)[:, None, None]
