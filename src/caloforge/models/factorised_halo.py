"""The halo: single hits far from the axis, drawn as points instead of asking every cell.

Beside the window around the axis a shower is a Poisson process: photons and electrons of a few MeV,
each leaving about 0.3 MeV in one pad, whatever the shower.  Points are thrown around the halo's
centre with the measured density in the distance, in the order of their distance (the arrival times
of the process); those that fall into the window or beside the image are not hits.  A point that
follows the one before at no distance lies in the next pad: a particle that crosses two pads, as
those that deposit much energy often do.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from caloforge.models.factorised_axis import Hits, ShowerAxis
from caloforge.models.factorised_knots import Condition, Knots
from caloforge.models.factorised_noise import fraction

DISTANCES, ENERGIES = 256, 1024
PAIR_POWER = 16
"""Pairs rise with the deposit's quantile to this power: only the largest often have a neighbour."""


class Halo(nn.Module):
    """Hits beside the window; at most ``points`` thrown in a layer."""

    def __init__(self, axis: ShowerAxis, points: int, knots: Knots) -> None:
        super().__init__()
        layers = axis.image[2]
        self.image, self.window, self.grid = axis.image, axis.window, (layers, points)
        self.latent_dim = 3 * layers * points
        self.register_buffer("before", torch.ones(points, points).triu(), persistent=False)
        self.register_buffer("later", (torch.arange(points) > 0).float(), persistent=False)
        self.register_buffer(
            "row", torch.arange(layers)[:, None] * float(DISTANCES), persistent=False
        )
        self.register_buffer("shift", torch.zeros(2, layers))
        self.register_buffer("per_gev", torch.zeros(knots.size, layers))
        self.register_buffer("pairs", torch.zeros(2))
        self.register_buffer("distance", torch.ones(layers * DISTANCES))
        self.register_buffer("deposit", torch.zeros(ENERGIES))
        self.before: Tensor
        self.later: Tensor
        self.row: Tensor
        self.shift: Tensor
        self.per_gev: Tensor
        self.pairs: Tensor
        self.distance: Tensor
        self.deposit: Tensor

    def forward(
        self, beside: Tensor, condition: Condition, axis: Tensor, centre: Tensor, latent: Tensor
    ) -> Hits:
        """Hits before the layer is scaled to its sum.

        ``beside`` (N, Z): GeV expected beside the window; ``axis`` (N, Z, 2): x and y of the axis
        and ``centre`` (N, Z): y of the window, in pads from the centre of the image.
        """
        waiting, turn, size = (part.reshape(-1, *self.grid) for part in latent.chunk(3, dim=1))
        few, more = self.pairs
        pairs = (few + more * _before(size) ** PAIR_POWER) * self.later
        paired = waiting < pairs
        free = ((1.0 - waiting) / (1.0 - pairs)).clamp(min=1e-7)
        arrival = torch.where(paired, 0.0, -torch.log(free)) @ self.before
        alone = 1.0 - few - more / (PAIR_POWER + 1)
        rate = (beside * (condition.weights @ self.per_gev) * alone)[..., None]
        level = (arrival / rate.clamp(min=1e-6)).clamp(max=1.0 - 1e-6)
        distance = _look_up(self.distance, torch.floor(level * DISTANCES) + self.row)
        turn, follower = _tracks(turn, paired)
        angle = 2.0 * math.pi * turn
        x = distance * torch.cos(angle) + axis[..., :1]
        y = distance * torch.sin(angle) * condition.stretch[..., None]
        y = y + (axis[..., 1] + self.shifted(condition))[..., None]
        side = torch.floor(4.0 * fraction(16.0 * turn))
        step_x = follower * ((side == 0).float() - (side == 1).float())
        step_y = follower * ((side == 2).float() - (side == 3).float())
        pad_x = torch.floor(x + self.image[0] / 2) + step_x
        pad_y = torch.floor(y + self.image[1] / 2) + step_y
        hit = (arrival < rate) & self.beside(pad_x, pad_y, centre[..., None])
        energy = _look_up(self.deposit, torch.floor(size * ENERGIES))
        return Hits(torch.where(hit, energy, 0.0), pad_x, pad_y)

    def shifted(self, condition: Condition) -> Tensor:
        """How far (N, Z) in pads along y the halo's centre is from the axis."""
        at, with_energy = self.shift
        shifted: Tensor = at + with_energy * condition.features[:, :1]
        return shifted * condition.slope

    def beside(self, pad_x: Tensor, pad_y: Tensor, centre: Tensor) -> Tensor:
        """Whether pads (counted from the image's corner) are in the image, beside the window."""
        half_x, half_y = (self.image[0] - 1) / 2, (self.image[1] - 1) / 2
        from_x, from_y = (pad_x - half_x).abs(), (pad_y - half_y).abs()
        inside = (from_x <= half_x) & (from_y <= half_y)
        across = (pad_y - half_y - centre).abs()
        return inside & ((from_x > (self.window[0] - 1) / 2) | (across > (self.window[1] - 1) / 2))


def _tracks(turn: Tensor, paired: Tensor) -> tuple[Tensor, Tensor]:
    """Directions of points of which those ``paired`` take that of the one before, and how many
    there are before them: 0, 1 or 2."""
    second = paired & (_before(paired.float()) > 0)
    turn = torch.where(paired, _before(turn), turn)
    return torch.where(second, _before(turn), turn), paired.float() + second.float()


def _before(points: Tensor) -> Tensor:
    return torch.cat([points[..., :1], points[..., :-1]], dim=2)


def _look_up(table: Tensor, index: Tensor) -> Tensor:
    return torch.index_select(table, 0, index.to(torch.int32).flatten()).view_as(index)
