"""The model's side of a host's event loop: particles at the face in, hits of the event out."""

import numpy as np

from caloforge.card import ModelCard, widened
from caloforge.engine.on_demand import OnDemand
from caloforge.impact import in_pad
from caloforge.pad_hits import PadPlacer
from caloforge.scaling import THRESHOLD_GEV
from caloforge.simulate.geometry import Grid
from caloforge.typing import FloatArray, IntArray

IN_THE_PLANE = 1e-3
"""Most of a direction that may point out of the y-z plane, in which the model's angles lie."""


class FastShowers:
    """Collects an event's particles, and makes their showers all at once.

    Attributes
    ----------
    taken : particles since the beginning.
    """

    def __init__(self, card: ModelCard, make: OnDemand, grid: Grid) -> None:
        self._energies = widened(card.energy_range_gev)
        self._angles = widened(card.theta_range_rad)
        self._make, self._grid, self._detector = make, grid, card.detector
        self._placer = PadPlacer(card.detector, card.window)
        self._waiting: list[tuple[float, float, float, float]] = []
        self.taken = 0

    def take(
        self,
        energy: float,
        position: tuple[float, float],
        direction: tuple[float, float, float],
    ) -> bool:
        """Whether the model takes a particle (GeV, mm) at the face; else it is the host's."""
        theta = float(np.arctan2(direction[2], direction[1]))
        if not (
            self._energies[0] <= energy <= self._energies[1]
            and self._angles[0] <= theta <= self._angles[1]
            and abs(direction[0]) < IN_THE_PLANE
        ):
            return False
        self._waiting.append((energy, theta, *position))
        self.taken += 1
        return True

    def finish(self, seed: int) -> tuple[IntArray, FloatArray]:
        """Cells (layer, x, y), each once, and energies (GeV) of the event that ends here."""
        if not self._waiting:
            return np.empty(0, np.int64), np.empty(0, np.float32)
        particles = np.array(self._waiting)
        self._waiting.clear()
        energy, theta = particles[:, :2].T.astype(np.float32)
        impact = particles[:, 2:]
        hits = self._make(seed, energy, theta, impact=in_pad(impact, self._detector))
        placed = self._placer.place(hits, impact, theta)
        grid = self._grid
        x, y = placed.x + grid.rows // 2, placed.y + grid.columns // 2
        inside = (x >= 0) & (x < grid.rows) & (y >= 0) & (y < grid.columns)
        cell = ((placed.layer * grid.rows + x) * grid.columns + y)[inside]
        kept = placed.energy[inside]
        return (cell, kept) if len(particles) == 1 else summed(cell, kept)


def summed(cell: IntArray, energy: FloatArray) -> tuple[IntArray, FloatArray]:
    """Hits with the energies of those in one cell added up.

    >>> [part.tolist() for part in summed(np.array([7, 3, 7]), np.array([1.0, 2.0, 3.0]))]
    [[3, 7], [2.0, 4.0]]
    """
    once, place = np.unique(cell, return_inverse=True)
    return once, np.bincount(place, energy).astype(np.float32)


def over_threshold(cell: IntArray, energy: FloatArray) -> tuple[IntArray, FloatArray]:
    """Hits of at least the threshold, as the model's are."""
    kept = energy >= THRESHOLD_GEV
    return cell[kept], energy[kept]
