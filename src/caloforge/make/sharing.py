"""How often neighbouring cells have the energy of one particle."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from caloforge.showers import Showers
from caloforge.typing import BoolArray, Float64Array

APART = 3
"""Pads from which on two of them have no particle in common, only the shower."""
FAINT = 0.3
"""Cells that are hit more often have more than one particle."""
ENOUGH_CELLS = 200_000_000
"""Of all showers; of more, some are left out."""
LEAST_DEEP, MOST_DEEP = 0.05, 0.2
"""Of sharing between layers, from which on it is more than a chance: absorbers leave less."""

Step = tuple[int, int, int]
"""From a cell to another one, in x, y and layers."""
BESIDE: tuple[Step, ...] = ((1, 0, 0), (0, 1, 0), (1, 1, 0), (1, -1, 0), (2, 0, 0), (0, 2, 0))
"""To the cells that a particle may have hit as well, one of each two opposite ones."""


@dataclass(frozen=True)
class Sharing:
    """How often a cell follows its neighbour in x or y, as particles do that cross two pads, and
    the cell behind it, as photons do that scatter twice; 0: never."""

    beside: float
    behind: float

    @classmethod
    def of(cls, showers: Showers) -> Sharing:
        """What showers on pads say."""
        pairs = _Pairs.of(showers)
        deep = round(_behind(pairs), 3)
        return cls(round(_beside(pairs), 3), deep if deep > LEAST_DEEP else 0.0)

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


def _beside(pairs: _Pairs) -> float:
    """Probability p by which a cell has to follow its neighbour in x, and again that in y, to have
    as many hits near it as particles leave there, in fine pads also diagonally and two pads away.

    Of a cell and its neighbour p (1 - 2 p) are one hit, as the neighbour may follow another one,
    and p squared of those that follow the same third: in all 2 p - 3 p squared, a third at most.
    """
    apart = min(APART, max(pairs.chance.shape[:2]) - 1)
    near = [step for step in BESIDE if max(step) < apart]
    sought = sum(pairs.shared(near, [(apart, 0, 0), (0, apart, 0)]))
    return (1.0 - math.sqrt(1.0 - min(max(3.0 * sought, 0.0), 1.0))) / 3.0


def _behind(pairs: _Pairs) -> float:
    """Probability that a cell's energy is that of a particle which the next layer's has, too."""
    found = sum(pairs.shared([(0, 0, 1)], [(0, 0, 2)]))
    return min(found, MOST_DEEP)


@dataclass(frozen=True)
class _Pairs:
    """Pairs of cells of which neither is often hit: ``hit`` (N, X, Y, Z), and how often
    ``chance`` (X, Y, Z); 0: too often."""

    hit: BoolArray
    chance: Float64Array

    @classmethod
    def of(cls, showers: Showers) -> _Pairs:
        hit = showers.cells[:: 1 + showers.cells.size // ENOUGH_CELLS] > 0
        chance = hit.mean(axis=0, dtype=np.float64)
        chance[chance > FAINT] = 0.0
        return cls(hit, chance)

    def shared(self, steps: list[Step], apart: list[Step]) -> list[float]:
        """Probability that a cell has the particle of the one a step away, for each step.

        Cells are hit together more often than those ``apart``, which are near each other in the
        shower as well but share no particle: by the probability of a hit times what is sought.
        """
        near, alone, _ = np.sum([self._counts(step) for step in apart], axis=0)
        together = near / max(alone, 1e-12)
        found = []
        for step in steps:
            both, chance, follow = self._counts(step)
            found.append(float((both - together * chance) / max(follow - chance, 1e-12)))
        return found

    def _counts(self, step: Step) -> tuple[float, float, float]:
        """Pairs of cells a step apart: how many are hit, would be if they were independent, and if
        one always followed the other."""
        one = tuple(slice(max(0, -by), min(0, -by) or None) for by in step)
        other = tuple(slice(max(0, by), min(0, by) or None) for by in step)
        first, second = self.chance[one], self.chance[other]
        used = (first > 0) & (second > 0)
        hits = (self.hit[:, *one] & self.hit[:, *other]).mean(axis=0, dtype=np.float64)
        return (
            float(hits[used].sum()),
            float((first * second)[used].sum()),
            float(np.minimum(first, second)[used].sum()),
        )
