"""The lateral profile about the shower's axis, whose cells a network of convolutions shares out.

Convolutions place a shower by what they draw in fixed cells: one that leans with theta, or begins a
pad to the side, is another image to them.  And a few hundred latent numbers that make thousands of
cells fluctuate move whole regions with them.  Here a shower has an axis, and each layer the profile
of Grindhammer and Peters (hep-ex/0001020, eq. 21), energy a unit of area at the distance r,

    f(r) = p C**2 / (r**2 + C**2)**2 + (1 - p) T**2 / (r**2 + T**2)**2

with core and tail radii C and T in pads.  Rings about the axis get the energy of f, times a factor
that is drawn as well; the network draws what the cells of a ring have of it.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from caloforge.networks.base import Domain
from caloforge.networks.gan.told import Told
from caloforge.networks.meaning import Axes, AxisBlock

RINGS = 5
"""Rings, at 1, 2, 4, 8 and 16 pads from the axis, that go over into each other."""
NUMBERS = 24
"""Latent numbers that move the profile: hundreds would add up to noise while they are learned."""
SMALLEST_RING = 1e-3
"""Of what a network draws in a ring, beside f: of less, it gets less energy, and a gradient."""
FIRST_CORE_PADS, FIRST_TAIL_PADS, FIRST_SHARE = 0.5, 3.0, 0.8
"""Radii and the core's share before the training."""


class LateralProfile(nn.Module):
    """Energies of cells beside each other in a layer, for an axis that leans along y as theta says.

    Where the axis passes, and p, log C, log T and the rings' log factors of each layer, are linear
    in what the network is told.
    """

    def __init__(self, latent: int, domain: Domain) -> None:
        super().__init__()
        self.told = Told(min(latent, NUMBERS), domain)
        x, y, z = domain.shape
        depth = torch.tensor(domain.depths_in_pads)
        for name, places in (("x", _from_middle(x)), ("y", _from_middle(y)), ("depth", depth)):
            self.register_buffer(name, places, persistent=False)
        self.x: Tensor
        self.y: Tensor
        self.depth: Tensor
        share = math.log(FIRST_SHARE / (1 - FIRST_SHARE))
        first = [share, math.log(FIRST_CORE_PADS), math.log(FIRST_TAIL_PADS)]
        self.axis = _linear(self.told.size, [0.0, 0.0, float(depth.mean())])
        self.profile = _linear(self.told.size, [value for value in first for _ in range(z)])
        self.rings = _linear(self.told.size, [0.0] * (RINGS * z))

    def axes(self) -> dict[str, Axes]:
        """See :mod:`caloforge.networks.meaning`."""
        found: dict[str, Axes] = {}
        for name in ("axis", "profile", "rings"):
            outputs = (AxisBlock(name, getattr(self, name).out_features),)
            found[f"{name}.weight"] = {0: outputs, 1: self.told.blocks}
            found[f"{name}.bias"] = {0: outputs}
        return found

    def forward(self, drawn: Tensor, latent: Tensor, energy: Tensor, theta: Tensor) -> Tensor:
        """Cells (N, X, Y, Z) of what was drawn in them, of that shape or of one that goes with it
        and nowhere below zero; latent (N, L), energy (N,) in GeV and theta (N,) in rad."""
        square, profile = self.profile_of(latent, energy, theta)
        inside = _rings(square)
        told = self.told(latent, energy, theta)
        factor: Tensor = self.rings(told).float().unflatten(1, (RINGS, -1)).exp()
        cells: Tensor = drawn * profile
        if drawn.shape[1] > 1:
            wanted, found = ((inside * each.unsqueeze(1)).sum((2, 3)) for each in (profile, cells))
            smallest = SMALLEST_RING * wanted + torch.finfo(torch.float32).tiny
            factor = factor * wanted / (found + smallest)
        return cells * (inside * factor[:, :, None, None]).sum(1)

    def profile_of(self, latent: Tensor, energy: Tensor, theta: Tensor) -> tuple[Tensor, Tensor]:
        """Squares of the cells' distances from the axis in pads, and f there (N, X, Y, Z)."""
        unscaled = torch.cat(
            [latent[:, : self.told.numbers], self.told.conditions(energy, theta)], 1
        )
        across, along, depth = self.axis(unscaled).float().unsqueeze(2).unbind(1)
        values = self.profile(self.told(latent, energy, theta)).float()
        share, core, tail = values.unflatten(1, (3, 1, 1, -1)).unbind(1)
        theta = theta.unsqueeze(1)
        sine = theta.sin()
        axis = along + (self.depth - depth) * theta.cos() / sine
        from_x = (self.x - across)[:, :, None, None]
        from_y = (self.y[:, None] - axis[:, None]) * sine[:, :, None]
        square = from_x.square() + from_y[:, None].square()
        share = share.sigmoid()
        return square, _term(square, core.exp(), share) + _term(square, tail.exp(), 1 - share)


def _rings(square: Tensor) -> Tensor:
    """Parts (N, RINGS, X, Y, Z) of cells at squares of distances (N, X, Y, Z) in pads."""
    place = 0.5 * square.clamp(min=1.0).log2().clamp(max=2.0 * (RINGS - 1)).unsqueeze(1)
    ring = torch.arange(RINGS, dtype=square.dtype, device=square.device)
    return (1.0 - (place - ring[:, None, None, None]).abs()).clamp(min=0.0)


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
