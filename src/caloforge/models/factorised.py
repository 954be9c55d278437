"""factorised: a shower as a chain of small exact steps, each the physics of its own variable.

p(cells | Ep) = p(layer energies | Ep) p(impact point | Ep) prod p(cell | expected energy), where

1. the layer energies come from a normalising flow (:mod:`.factorised_layers`);
2. a mixture of round Gaussians about the impact point, integrated over the pads, spreads each
   layer's energy (:mod:`.factorised_pattern`): this is the expected energy of every cell;
3. a cell's energy given its expectation is a compound Poisson variable, a number of deposits of
   about one minimum-ionising particle each, drawn through its measured quantile function
   (:mod:`.factorised_deposits`); the cells of a layer are then scaled to the layer's energy.

All of it is one pass of a few hundred kFLOP; the random numbers of the 15 625 cells are built from
three thousand (:mod:`.factorised_noise`).
"""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from caloforge.config import FrozenModel
from caloforge.models.base import Domain, Generator
from caloforge.models.factorised_deposits import DepositSampler
from caloforge.models.factorised_knots import EnergyKnots
from caloforge.models.factorised_layers import LayerEnergies
from caloforge.models.factorised_noise import CellNoise
from caloforge.models.factorised_pattern import ImpactPoint, TransversePattern
from caloforge.scaling import THRESHOLD_GEV


class FactorisedOptions(FrozenModel):
    """Size of the parts.

    ``flow_steps``, ``flow_width``: coupling steps of the layer energies' flow and hidden units of
    each.  ``rings``: Gaussians in a layer's transverse pattern; ``pattern_width``: hidden units of
    the network that weighs them.  ``sharing``: probability that a cell's deposits follow those of a
    neighbour (particles that cross two pads).
    """

    name: Literal["factorised"] = "factorised"
    flow_steps: int = Field(6, gt=0)
    flow_width: int = Field(48, gt=0)
    rings: int = Field(10, gt=1)
    pattern_width: int = Field(96, gt=0)
    sharing: float = Field(0.09, ge=0, lt=0.5)


class FactorisedGenerator(Generator):
    """See the module.  Empty showers until its tables have been measured.

    The latent numbers are uniform in [0, 1); theta is not used: the showers are perpendicular.
    """

    latent_distribution = "uniform"

    def __init__(self, options: FactorisedOptions, domain: Domain) -> None:
        super().__init__()
        knots = EnergyKnots(domain.energy_range_gev)
        self.layers = LayerEnergies(domain.shape[2], options.flow_steps, options.flow_width, knots)
        self.impact = ImpactPoint(knots)
        self.pattern = TransversePattern(domain.shape, options.rings, options.pattern_width, knots)
        self.noise = CellNoise(domain.shape, options.sharing, knots)
        self.deposits = DepositSampler(domain.shape[2], knots)
        self.parts = [self.layers.latent_dim, self.impact.latent_dim, self.noise.latent_dim]
        self.latent_dim = sum(self.parts)

    def forward(self, latent: Tensor, energy: Tensor, theta: Tensor) -> Tensor:
        """See :class:`Generator`."""
        for_layers, for_impact, for_cells = torch.split(latent, self.parts, dim=1)
        layer_energy = self.layers(for_layers, energy)
        impact = self.impact(for_impact, energy)
        expected = self.pattern(layer_energy, energy, impact)
        return self.cells(expected, layer_energy, energy, for_cells)

    def cells(
        self, expected: Tensor, layer_energy: Tensor, energy: Tensor, latent: Tensor
    ) -> Tensor:
        """Cells (N, X, Y, Z) given their expectations and the layer energies (N, Z), in GeV."""
        uniform = self.noise(latent, energy)
        deposit = self.deposits(expected, layer_energy, energy, uniform)
        return scale_to_layers(deposit, layer_energy)


def scale_to_layers(deposit: Tensor, layer_energy: Tensor) -> Tensor:
    """Cells (N, X, Y, Z) that add up to their layer's energy (N, Z), all in GeV.

    Cells below the threshold are zero.  A layer in which no cell was hit gives its energy to the
    cell that came nearest to it, the largest of its negligible deposits.
    """
    flat = deposit.flatten(1, 2)
    total = (flat.new_ones(1, flat.shape[1]) @ flat)[:, 0]  # faster than a sum in every engine
    largest = flat.amax(dim=1)
    empty = total < THRESHOLD_GEV
    scale = layer_energy / torch.where(empty, largest, total).clamp(min=1e-30)
    threshold = torch.where(empty, 0.999 * layer_energy, THRESHOLD_GEV).clamp(min=THRESHOLD_GEV)
    cells = deposit * scale[:, None, None]
    return torch.where(cells < threshold[:, None, None], 0.0, cells)
