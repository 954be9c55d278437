"""The lateral profile about the shower's axis, by which a network of convolutions is multiplied.

Convolutions place a shower by what they draw in fixed cells: one that leans with theta, or begins a
pad to the side, is another image to them.  Here a shower has an axis, and each layer the profile of
Grindhammer and Peters (hep-ex/0001020, eq. 21), energy a unit of area at the distance r,

    f(r) = p C**2 / (r**2 + C**2)**2 + (1 - p) T**2 / (r**2 + T**2)**2

with core and tail radii C and T in pads; the network draws what a shower has beside it.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from caloforge.networks.base import Domain
from caloforge.networks.gan.told import ConditionSquares, Told
from caloforge.networks.meaning import Axes, AxisBlock

FIRST_CORE_PADS, FIRST_TAIL_PADS, FIRST_SHARE = 0.5, 3.0, 0.8
"""Radii and the core's share before the training."""


class LateralProfile(nn.Module):
    """Roots of f (N, X, Y, Z) in each cell, for an axis that leans along y as theta says.

    Where the axis passes, and p, C and T of each layer, are linear in what the network is told.
    """

    def __init__(self, latent: int, domain: Domain) -> None:
        super().__init__()
        self.told = Told(latent, domain)
        x, y, z = domain.shape
        depth = torch.tensor(domain.depths_in_pads)
        for name, places in (("x", _from_middle(x)), ("y", _from_middle(y)), ("depth", depth)):
            self.register_buffer(name, places, persistent=False)
        self.x: Tensor
        self.y: Tensor
        self.depth: Tensor
        share = math.log(FIRST_SHARE / (1 - FIRST_SHARE))
        first = [share, math.log(FIRST_CORE_PADS), math.log(FIRST_TAIL_PADS)]
        self.axis = _linear(latent + ConditionSquares.size, [0.0, 0.0, float(depth.mean())])
        self.profile = _linear(self.told.size, [value for value in first for _ in range(z)])

    def axes(self) -> dict[str, Axes]:
        """See :mod:`caloforge.networks.meaning`."""
        axis, profile = (
            (AxisBlock(name, getattr(self, name).out_features),) for name in ("axis", "profile")
        )
        return {
            "axis.weight": {0: axis, 1: self.told.blocks},
            "axis.bias": {0: axis},
            "profile.weight": {0: profile, 1: self.told.blocks},
            "profile.bias": {0: profile},
        }

    def forward(self, latent: Tensor, energy: Tensor, theta: Tensor) -> Tensor:
        """Of latent (N, L), energy (N,) in GeV and theta (N,) in rad."""
        conditions = self.told.conditions(energy, theta)
        across, along, depth = (
            self.axis(torch.cat([latent, conditions], 1)).float().unsqueeze(2).unbind(1)
        )
        profile = self.profile(self.told(latent, energy, theta)).float()
        share, core, tail = profile.unflatten(1, (3, 1, 1, -1)).unbind(1)
        theta = theta.unsqueeze(1)
        sine = theta.sin()
        axis = along + (self.depth - depth) * theta.cos() / sine
        from_x = (self.x - across)[:, :, None, None]
        from_y = (self.y[:, None] - axis[:, None]) * sine[:, :, None]
        square = from_x.square() + from_y[:, None].square()
        share = share.sigmoid()
        return (_term(square, core.exp(), share) + _term(square, tail.exp(), 1 - share)).sqrt()


def _linear(inputs: int, first: list[float]) -> nn.Linear:
    linear = nn.Linear(inputs, len(first))
    with torch.no_grad():
        linear.weight.zero_()
        linear.bias.copy_(torch.tensor(first))
    return linear


def _term(square: Tensor, radius: Tensor, share: Tensor) -> Tensor:
    area = radius.square()
    return share * area / (square + area).square()


def _from_middle(size: int) -> Tensor:
    return torch.arange(size, dtype=torch.float32) - 0.5 * (size - 1)
