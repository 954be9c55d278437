"""What a shower is made for, and functions of it that are measured at a few points.

The factorised network knows energy and angle in three ways: as they are, as features of order one
for its small networks, and as weights of knots between which measured tables are interpolated.
The knots are equally spaced in log Ep and, where the showers are inclined, in cos(theta)**2: the
material that a shower sees grows as 1 / sin(theta), and theta and pi - theta are mirror images.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from caloforge.networks.base import Domain

ENERGY_KNOTS = 9
ANGLE_KNOTS = 2
SMALLEST_TILT = 1e-3
"""Below this cos(theta) all showers count as perpendicular."""
ROUNDING = 1e-6
"""What float32 leaves of the cosine of a right angle, at most."""


class Condition(NamedTuple):
    """Energy (N,) in GeV, theta (N,) in rad, features (N, F) of order one, knots' weights (N, K).

    The features and the weights do not tell theta from pi - theta.
    """

    energy: Tensor
    theta: Tensor
    features: Tensor
    weights: Tensor

    @property
    def slope(self) -> Tensor:
        """cot(theta) (N, 1): how far the axis moves along y for a unit of depth."""
        return (torch.cos(self.theta) / torch.sin(self.theta))[:, None]

    @property
    def stretch(self) -> Tensor:
        """1 / sin(theta) (N, 1): how much longer things are along y in a layer."""
        return 1.0 / torch.sin(self.theta)[:, None]

    def repeat(self, copies: int) -> Condition:
        """Every shower's condition so many times."""
        return Condition(*(part.repeat(copies, *[1] * (part.dim() - 1)) for part in self))


class Knots(nn.Module):
    """Turns energies and angles into conditions; linear interpolation between the knots."""

    def __init__(self, domain: Domain) -> None:
        super().__init__()
        low, high = domain.energy_range_gev
        self.log_low = math.log(low)
        self.per_log = (ENERGY_KNOTS - 1) / max(math.log(high / low), 1e-3)
        tilt = max(abs(math.cos(theta)) for theta in domain.theta_range_rad)
        self.inclined = tilt > SMALLEST_TILT
        self.per_tilt = (ANGLE_KNOTS - 1) / tilt**2 if self.inclined else 0.0
        self.steepest = tilt / math.sqrt(1.0 - tilt**2)
        self.counts = (ENERGY_KNOTS, ANGLE_KNOTS) if self.inclined else (ENERGY_KNOTS,)
        self.size = math.prod(self.counts)
        axes = [torch.arange(count, dtype=torch.float32) for count in self.counts]
        self.register_buffer(
            "grid", torch.cartesian_prod(*axes).reshape(self.size, -1), persistent=False
        )
        self.grid: Tensor

    @property
    def features(self) -> int:
        """Number of features."""
        return len(self.counts)

    def forward(self, energy: Tensor, theta: Tensor) -> Condition:
        """The condition of energies (N,) in GeV and angles (N,) in rad."""
        place = self.coordinate(energy, theta)
        near = (1.0 - (place[:, None] - self.grid).abs()).clamp(min=0.0)
        weights = near[..., 0] * near[..., 1] if self.inclined else near[..., 0]
        scale = place.new_tensor([4.0 / (count - 1) for count in self.counts])
        return Condition(energy, theta, place * scale - 2.0, weights)

    def energies(self) -> Tensor:
        """Energies (K,) in GeV of the knots."""
        energies: Tensor = torch.exp(self.log_low + self.grid[:, 0] / self.per_log)
        return energies

    def at_knots_of(self, other: Knots) -> Tensor:
        """Weights (K of the other, K) of these knots at the energies and angles of the other's."""
        log_energy = other.log_low + other.grid[:, 0] / other.per_log
        theta = torch.full_like(log_energy, math.pi / 2)
        if other.inclined:
            theta = torch.acos(torch.sqrt(other.grid[:, 1] / other.per_tilt))
        weights: Tensor = self(log_energy.exp(), theta).weights
        return weights

    def coordinate(self, energy: Tensor, theta: Tensor) -> Tensor:
        """Places (N, F) among the knots: 0 at the first, count - 1 at the last."""
        in_energy = ((energy.log() - self.log_low) * self.per_log).clamp(0.0, ENERGY_KNOTS - 1.0)
        if not self.inclined:
            return in_energy[:, None]
        in_angle = (torch.cos(theta) ** 2 * self.per_tilt).clamp(0.0, ANGLE_KNOTS - 1.0)
        return torch.stack([in_energy, in_angle], dim=1)


def unit_vectors(phi: Tensor) -> Tensor:
    """Unit vectors (N, 2) along x and y of azimuths (N,) in rad; pi / 2 is along y and no x.

    >>> unit_vectors(torch.tensor([math.pi / 2])).tolist()
    [[0.0, 1.0]]
    """
    along_x = torch.cos(phi)
    along_x = torch.where(along_x.abs() < ROUNDING, 0.0, along_x)
    return torch.stack([along_x, torch.sin(phi)], dim=1)


def look_up(table: Tensor, index: Tensor) -> Tensor:
    """Entries of a table (K,) at whole numbers of any shape and type."""
    return torch.index_select(table, 0, index.to(torch.int32).flatten()).view_as(index)
