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

from caloforge.errors import ConfigError
from caloforge.networks.base import Domain
from caloforge.networks.meaning import Axes, AxisBlock, places_of

FIRST_CORE_PADS, FIRST_TAIL_PADS, FIRST_SHARE = 0.5, 3.0, 0.8
"""Radii and the core's share before the training."""
PLACES = 3
"""Numbers that place an axis: its x and y, and the depth at which it has them."""


class LateralProfile(nn.Module):
    """Roots of f (N, X, Y, Z) in each cell, for an axis that leans along y as theta says.

    Where the axis passes, and p, C and T of each layer, are linear in what the network is given.
    """

    def __init__(self, inputs: tuple[AxisBlock, ...], domain: Domain) -> None:
        super().__init__()
        self.inputs = inputs
        x, y, z = domain.shape
        depth = torch.tensor(domain.depths_in_pads)
        for name, places in (("x", _from_middle(x)), ("y", _from_middle(y)), ("depth", depth)):
            self.register_buffer(name, places, persistent=False)
        self.x: Tensor
        self.y: Tensor
        self.depth: Tensor
        share = math.log(FIRST_SHARE / (1 - FIRST_SHARE))
        first = [share, math.log(FIRST_CORE_PADS), math.log(FIRST_TAIL_PADS)]
        profile = torch.tensor(first).repeat_interleave(z)
        self.first = nn.Parameter(torch.cat([torch.zeros(2), depth.mean()[None], profile]))
        self.change = nn.Linear(places_of(inputs), len(self.first), bias=False)
        nn.init.zeros_(self.change.weight)

    def axes(self) -> dict[str, Axes]:
        """See :mod:`caloforge.networks.meaning`."""
        layers = len(self.first) - PLACES
        outputs = (AxisBlock("places", PLACES), AxisBlock("profile", layers))
        return {"first": {0: outputs}, "change.weight": {0: outputs, 1: self.inputs}}

    def forward(self, vector: Tensor, theta: Tensor) -> Tensor:
        """Of the network's input (N, inputs) and theta (N,) in rad."""
        values = self.first + self.change(vector).float()
        across, along, depth = (values[:, place, None] for place in range(PLACES))
        share, core, tail = values[:, PLACES:].unflatten(1, (3, 1, 1, -1)).unbind(1)
        theta = theta.unsqueeze(1)
        sine = theta.sin()
        axis = along + (self.depth - depth) * theta.cos() / sine
        from_x = (self.x - across)[:, :, None, None]
        from_y = (self.y[:, None] - axis[:, None]) * sine[:, :, None]
        square = from_x.square() + from_y[:, None].square()
        share = share.sigmoid()
        return (_term(square, core.exp(), share) + _term(square, tail.exp(), 1 - share)).sqrt()


def lateral_of(
    relative: bool, lateral: bool, inputs: tuple[AxisBlock, ...], domain: Domain
) -> LateralProfile | None:
    """The profile of a network that is given ``inputs``, where its options ask for one.

    Raises :class:`ConfigError` where they ask for one of cells that are not relative to Ep.
    """
    if lateral and not relative:
        msg = "network.lateral needs network.relative = true"
        raise ConfigError(msg)
    return LateralProfile(inputs, domain) if lateral else None


def _term(square: Tensor, radius: Tensor, share: Tensor) -> Tensor:
    area = radius.square()
    return share * area / (square + area).square()


def _from_middle(size: int) -> Tensor:
    return torch.arange(size, dtype=torch.float32) - 0.5 * (size - 1)
