"""The energy of a cell, given its expectation: a compound Poisson variable by its quantiles.

A cell that expects m GeV is crossed by about m / 0.29 MeV particles (half a millimetre of
silicon): most cells get none, some one, few many. Measured on Geant4 showers, this distribution
depends on m; in faint layers on the layer's energy (no cell gets more); in the first layers on the
track of the primary particle, which always crosses its pad; and hardly on anything else. So a
table of E / m is all that is needed. Its axes: the layer's class, a factor in its energy (of two in
silicon), apart for each of the first layers; log m, in steps between which the table is drawn at
random; and the quantile u as u**(1/4), which resolves cells that are hit in one shower of ten
thousand.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from caloforge.networks.factorised.knots import Condition, Knots, look_up
from caloforge.networks.factorised.logarithm import ranged_logarithm

LARGEST_GEV, LOWEST = 1.0, 1e-8
"""Expectation of the table's last row, of silicon, and over it that of the first."""
EXPECTED = (2e-9, 3.0)
"""Expectations over the largest outside this range have the table's first and last row, whatever
their shift."""
STEPS_PER_DECADE = 8
EXPECTATIONS = 64
QUANTILES = 512
LAYER_CLASSES = 8
FIRST_LAYERS, FIRST_LAYER_CLASSES = 3, 6
CLASSES = LAYER_CLASSES + FIRST_LAYERS * FIRST_LAYER_CLASSES


class LayerClasses(NamedTuple):
    """Layers by their energy: those below ``faint_gev``, and one class more for every ``ratio``."""

    faint_gev: float = 1e-3
    ratio: float = 2.0

    def of(self, layer_energy: Tensor) -> Tensor:
        """The table's class (N, Z), as a float, of layers with these energies (N, Z) in GeV.

        >>> LayerClasses().of(torch.tensor([[0.0005, 0.0005, 0.0005, 0.0005, 0.0015, 0.003, 1.0]]))
        tensor([[10., 16., 22.,  0.,  1.,  2.,  7.]])
        >>> LayerClasses(0.002, 4.0).of(torch.tensor([[0.0, 0.0, 0.0, 0.001, 0.003, 0.01, 100.0]]))
        tensor([[ 8., 14., 20.,  0.,  1.,  2.,  7.]])
        """
        first, others = layer_energy[:, :FIRST_LAYERS], layer_energy[:, FIRST_LAYERS:]
        begin = LAYER_CLASSES + FIRST_LAYER_CLASSES * torch.arange(first.shape[1])
        first = begin + self._steps(first, self.faint_gev / 4, FIRST_LAYER_CLASSES)
        return torch.cat([first, self._steps(others, self.faint_gev, LAYER_CLASSES)], dim=1)

    def _steps(self, energy: Tensor, faint: float, classes: int) -> Tensor:
        """Class of an energy: 0 below ``faint``, one more for every ratio."""
        steps = torch.log2(energy.clamp(min=1e-9) / faint) / math.log2(self.ratio) + 1.0
        return torch.floor(steps.clamp(0.0, classes - 1.0))


SILICON = LayerClasses()
"""For layers of half a millimetre of silicon."""


class DepositSampler(nn.Module):
    """Cell energies, before their layer is scaled to its sum, over what they expect, which is at
    most ``largest_gev``."""

    def __init__(
        self,
        layers: int,
        knots: Knots,
        classes: LayerClasses = SILICON,
        largest_gev: float = LARGEST_GEV,
    ) -> None:
        super().__init__()
        self.classes, self.largest_gev = classes, largest_gev
        self.usual_shift = -STEPS_PER_DECADE * math.log10(largest_gev / LARGEST_GEV)
        self.register_buffer("shift", torch.full((knots.size, layers), self.usual_shift))
        self.register_buffer("table", torch.zeros(CLASSES * EXPECTATIONS * QUANTILES))
        self.shift: Tensor
        self.table: Tensor

    def rows(
        self,
        expected: Tensor,
        layer_energy: Tensor,
        condition: Condition,
        dither: Tensor,
        larger: Tensor | None = None,
    ) -> Tensor:
        """Rows (N, X, Y, Z) of the table, counted through all classes.

        ``expected`` (N, X, Y, Z) and ``layer_energy`` (N, Z) in GeV; ``dither`` (N, X, Y, Z) in
        [0, 1); ``larger``: as :class:`caloforge.networks.factorised.pattern.ExpectedCells` has it.
        """
        place = self.coordinate(expected, condition, larger) + dither
        row = torch.floor(place.clamp(0.0, EXPECTATIONS - 1.0))
        return row + (self.classes.of(layer_energy) * EXPECTATIONS)[:, None, None]

    def ratio(self, row: Tensor, quantile: Tensor) -> Tensor:
        """Energies over expectations at the quantiles of these rows, all (N, X, Y, Z); small
        quantiles in [0, 1) are large energies."""
        column = torch.floor(torch.sqrt(torch.sqrt(quantile)) * (QUANTILES - 0.01))
        return look_up(self.table, row * QUANTILES + column)

    def coordinate(
        self, expected: Tensor, condition: Condition, larger: Tensor | None = None
    ) -> Tensor:
        """Place (N, X, Y, Z) of expectations in GeV among the table's rows: larger deposits are as
        many as those of a cell that expects so much less."""
        per_log = STEPS_PER_DECADE / math.log(10.0)
        shift = condition.weights @ self.shift - math.log(LARGEST_GEV * LOWEST) * per_log
        if larger is not None:
            shift = shift - larger * per_log
        low, high = (bound * self.largest_gev for bound in EXPECTED)
        return ranged_logarithm(expected, low, high) * per_log + shift[:, None, None]
