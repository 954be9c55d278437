"""What rows and columns of weights mean, so that another network can start from them.

A module whose weights have rows or columns of a meaning says so in a method ``axes``: the name of a
weight -> dimension -> the blocks of places along it, in their order.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from caloforge.networks.base import ConditionFeatures, Domain, GeneratorNetwork

LEARNED_AT = 33
"""Energies, and angles, at which two networks' features are compared."""


class AxisBlock(NamedTuple):
    """``number`` things of one meaning along an axis, ``each`` with so many places.

    "layers" (of the detector), "features" and "knots" (of the condition) and "latent" numbers are
    mapped by their meaning; blocks of another name only onto as many places.
    """

    name: str
    number: int
    each: int = 1


Axes = dict[int, tuple[AxisBlock, ...]]


def places_of(blocks: Iterable[AxisBlock]) -> int:
    """How many places an axis of these blocks has."""
    return sum(block.number * block.each for block in blocks)


def axes_of(module: nn.Module) -> dict[str, Axes]:
    """The axes that a module and its parts declare, by the names of their weights."""
    found: dict[str, Axes] = {}
    for place, part in module.named_modules():
        if hasattr(part, "axes"):
            prefix = f"{place}." if place else ""
            found |= {f"{prefix}{name}": axes for name, axes in part.axes().items()}
    return found


@dataclass(frozen=True)
class Change:
    """From the meaning of a network's places to that of another's.

    ``matrices``: block -> (old, new): what the old place does in terms of the new ones;
    ``offset`` (F,): features that are constant in the new network, times the old weights, belong
    to the bias.
    """

    matrices: dict[str, Tensor]
    offset: Tensor

    def matrix(self, old: AxisBlock, new: AxisBlock) -> Tensor | None:
        """How places of a block go over into those of another of the same name, if they can."""
        if old.each != new.each:
            return None
        matrix = self.matrices.get(old.name)
        if old.name == "latent":
            matrix = torch.eye(old.number, new.number)
        if matrix is None or matrix.shape != (old.number, new.number):
            matrix = torch.eye(old.number) if old.number == new.number else None
        return None if matrix is None else torch.kron(matrix, torch.eye(old.each))


def change(old: GeneratorNetwork, was: Domain, new: GeneratorNetwork, now: Domain) -> Change:
    """How the meaning of places changes between two generators, and the domains they are for."""
    matrices = {"layers": _layers(was, now)}
    offset = torch.zeros(0)
    old_features, new_features = _features(old), _features(new)
    if old_features and new_features:
        features = _affine(old_features, was, new_features, now)
        if features is not None:
            matrices["features"], offset = features[:-1].T.contiguous(), features[-1]
        if hasattr(old_features, "at_knots_of"):
            matrices["knots"] = old_features.at_knots_of(new_features).T  # type: ignore[operator]
    return Change(matrices, offset)


def _features(generator: GeneratorNetwork) -> nn.Module | None:
    """The part that makes features (N, F) of energies and angles: of both kinds of networks."""
    for part in generator.modules():
        if isinstance(part, ConditionFeatures) or hasattr(part, "at_knots_of"):
            return part
    return None


def _layers(was: Domain, now: Domain) -> Tensor:
    """(old, new): the layer of the same number, or where their number changed of the same depth."""
    count = was.shape[2]
    if count == now.shape[2]:
        return torch.eye(count)
    old, new = torch.tensor(was.depths_in_pads), torch.tensor(now.depths_in_pads)
    distance = (old[:, None] - new).abs()
    half = 0.5 * float(old.diff().mean()) if count > 1 else 0.5
    nearest = distance == distance.min(dim=0).values
    return (nearest & (distance <= half)).float()


def _affine(old: nn.Module, was: Domain, new: nn.Module, now: Domain) -> Tensor | None:
    """(F_new + 1, F_old): the old features as an affine function of the new ones.

    Both are evaluated where the domains overlap; an angle that the old network did not know stays
    without effect.  None where no energy is in both.
    """
    low = max(was.energy_range_gev[0], now.energy_range_gev[0])
    high = min(was.energy_range_gev[1], now.energy_range_gev[1])
    first, last = now.theta_range_rad
    if was.theta_range_rad[0] < was.theta_range_rad[1]:
        first, last = max(first, was.theta_range_rad[0]), min(last, was.theta_range_rad[1])
    if low > high or first > last:
        return None
    grid = torch.cartesian_prod(
        torch.from_numpy(np.geomspace(low, high, LEARNED_AT)),
        torch.linspace(first, last, LEARNED_AT, dtype=torch.float64),
    )
    of_old, of_new = (_evaluated(part, *grid.T) for part in (old, new))
    design = torch.cat([of_new, torch.ones(len(grid), 1, dtype=torch.float64)], dim=1)
    solved: Tensor = torch.linalg.lstsq(design, of_old, rcond=1e-9, driver="gelsd").solution
    return solved.float()


def _evaluated(part: nn.Module, energy: Tensor, theta: Tensor) -> Tensor:
    made = part(energy, theta)
    features: Tensor = made if isinstance(made, Tensor) else made.features
    return features.double()
