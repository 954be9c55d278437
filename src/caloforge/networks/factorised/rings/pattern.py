"""Where the energy of a layer falls in rings: round Gaussians about the particle, exactly.

The integral of a centred Gaussian over a ring is a difference of two exponentials of the squared
radii; its sectors expect equal parts.  Layers may differ in rings and sectors: cells that a layer
does not have expect nothing.
"""

from __future__ import annotations

import torch
from torch import Tensor

from caloforge.networks.base import Domain
from caloforge.networks.factorised.knots import Condition, Knots
from caloforge.networks.factorised.pattern import FAINTEST_SHARE, ExpectedCells, LateralMixture

WIDEST = 0.8
"""Of the Gaussians at first, in radii of the cylinder."""


class RingPattern(LateralMixture):
    """Expected cell energies in rings and sectors, given layer energies."""

    def __init__(
        self,
        domain: Domain,
        number: int,
        width: int,
        knots: Knots,
        *,
        shared: bool = False,
        sizes: bool = False,
    ) -> None:
        assert domain.rings is not None
        most, sectors, layers = domain.shape
        outermost = max(edges[-1] for edges in domain.rings.edges)
        widest = WIDEST * outermost
        super().__init__(layers, number, width, knots, widest, shared=shared, sizes=sizes)
        edges = [[*each, *[each[-1]] * (most + 1 - len(each))] for each in domain.rings.edges]
        self.register_buffer("square", torch.tensor(edges) ** 2, persistent=False)
        count = torch.tensor(domain.rings.sectors)
        there = torch.arange(sectors)[:, None] < count
        self.register_buffer("in_sector", there / count, persistent=False)
        self.square: Tensor
        self.in_sector: Tensor

    def forward(
        self, layer_energy: Tensor, condition: Condition, axis_x: Tensor, axis_y: Tensor
    ) -> ExpectedCells:
        """What cells expect; nothing is beside the cylinder.

        ``layer_energy`` (N, Z) in GeV; the axis is that of the cylinder.
        """
        energies, larger = self.energies(layer_energy, condition)
        rings = (self.shares() @ energies.permute(1, 2, 0)).permute(2, 1, 0)
        beside = torch.zeros_like(layer_energy)
        return ExpectedCells(rings[:, :, None] * self.in_sector, beside, larger)

    def tables(self) -> dict[str, Tensor]:
        """What a sampler reads of it, beside the network."""
        return self.network_tables() | {"shares": self.shares()}

    def shares(self) -> Tensor:
        """Share (Z, X, number) of each Gaussian in each ring; together one."""
        within = torch.exp(self.square[..., None] * (-0.5 * torch.exp(-2.0 * self.log_sigma)))
        share = within[:, :-1] - within[:, 1:]
        return share / share.sum(dim=1, keepdim=True).clamp(min=FAINTEST_SHARE)
