"""How often neighbouring cells have the energy of one particle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from caloforge.showers import Showers
from caloforge.typing import BoolArray, Float64Array

MOST_SHARING = 0.2
FAINT = 0.3
"""Cells that are hit more often have more than one particle."""
LEAST_DEEP = 0.05
"""Of sharing between layers, from which on it is more than a chance: absorbers leave less."""


@dataclass(frozen=True)
class Sharing:
    """How often a cell follows its neighbour in x or y, as particles do that cross two pads, and
    the cell behind it, as photons do that scatter twice; 0: never."""

    beside: float
    behind: float

    @classmethod
    def of(cls, showers: Showers) -> Sharing:
        """What showers on pads say."""
        beside, behind = (
            round(min(max(neighbours_follow(showers, axis), 0.0), MOST_SHARING), 3)
            for axis in (0, 2)
        )
        return cls(beside, behind if behind > LEAST_DEEP else 0.0)

    def options(self) -> dict[str, Any]:
        """As options of the network."""
        behind = {"deep_sharing": self.behind} if self.behind else {}
        return {"sharing": self.beside, **behind}

    def lines(self) -> list[str]:
        """What was found, in words."""
        lines = [f"sharing {self.beside:g}: hits in neighbouring pads that are one particle's"]
        if self.behind:
            lines.append(f"deep_sharing {self.behind:g}: the same in neighbouring layers")
        return lines


def neighbours_follow(showers: Showers, axis: int = 0) -> float:
    """Probability that a cell's energy is that of a particle which its neighbour along an axis (0:
    x, 2: the next layer) has, too.

    Neighbours are hit together more often than cells two pads apart, which are near each other in
    the shower as well but share no particle: by the probability of a hit times what is sought.
    """
    hit = showers.cells > 0
    chance = hit.mean(axis=0, dtype=np.float64)
    chance[chance > FAINT] = 0.0
    hit, chance = np.moveaxis(hit, 1 + axis, 1), np.moveaxis(chance, axis, 0)
    (both, apart, follow), (near, near_apart, _) = _pairs(hit, chance, 1), _pairs(hit, chance, 2)
    together = near / max(near_apart, 1e-12)
    return float((both - together * apart) / max(follow - apart, 1e-12))


def _pairs(hit: BoolArray, chance: Float64Array, pads: int) -> tuple[float, float, float]:
    """Pairs of cells so many apart along the first axis: how many are hit, would be if they were
    independent, and if one always followed the other."""
    first, second = chance[:-pads], chance[pads:]
    used = (first > 0) & (second > 0)
    hits = (hit[:, :-pads] & hit[:, pads:]).mean(axis=0, dtype=np.float64)
    return (
        float(hits[used].sum()),
        float((first * second)[used].sum()),
        float(np.minimum(first, second)[used].sum()),
    )
