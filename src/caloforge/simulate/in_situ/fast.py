"""The model's side of a host's event loop: particles at the face in, hits of the event out."""

import math

import numpy as np

from caloforge.beam import IN_PLANE, Conditions
from caloforge.card import ModelCard, widened
from caloforge.engine.on_demand import OnDemand
from caloforge.engine.turned import made_on_demand
from caloforge.errors import RangeError
from caloforge.impact import in_pad
from caloforge.pad_hits import PadPlacer
from caloforge.scaling import THRESHOLD_GEV
from caloforge.simulate.geometry import Grid
from caloforge.typing import FloatArray, IntArray

IN_THE_PLANE = 1e-3
"""Most of a direction that may point out of the y-z plane, where theta alone tells it."""
Direction = tuple[float, float, float]
"""Of a flight: unit vector along x, y and the layers' normal."""


class FastShowers:
    """Collects an event's particles, and makes their showers all at once.

    Attributes
    ----------
    taken : particles since the beginning.
    """

    def __init__(self, card: ModelCard, make: OnDemand, grid: Grid) -> None:
        self._energies = widened(card.energy_range_gev)
        self._angles = widened(card.theta_range_rad)
        self._card, self._validity = card, card.validity
        self._make, self._grid, self._detector = make, grid, card.detector
        self._placer = PadPlacer(card.detector, card.window)
        self._waiting: list[tuple[float, float, float, float, float]] = []
        self.taken = 0

    def take(self, energy: float, position: tuple[float, float], direction: Direction) -> bool:
        """Whether the model takes a particle (GeV, mm) at the face; else it is the host's."""
        if not self._energies[0] <= energy <= self._energies[1]:
            return False
        angles = self._angles_of(energy, direction)
        if angles is None:
            return False
        self._waiting.append((energy, *angles, *position))
        self.taken += 1
        return True

    def _angles_of(self, energy: float, direction: Direction) -> tuple[float, float] | None:
        """Theta and phi (rad) of a flight, None where the model makes no such showers."""
        x, y, z = direction
        if abs(x) < IN_THE_PLANE:
            theta = float(np.arctan2(z, y))
            return (theta, IN_PLANE) if self._angles[0] <= theta <= self._angles[1] else None
        if not self._card.takes_phi:
            return None
        theta, phi = math.atan2(z, math.hypot(x, y)), math.atan2(y, x)
        try:
            self._validity.check(Conditions.of(energy, theta, phi))
        except RangeError:
            return None
        return theta, phi

    def finish(self, seed: int) -> tuple[IntArray, FloatArray]:
        """Cells (layer, x, y), each once, and energies (GeV) of the event that ends here."""
        if not self._waiting:
            return np.empty(0, np.int64), np.empty(0, np.float32)
        particles = np.array(self._waiting)
        self._waiting.clear()
        energy, theta, phi = particles[:, :3].T.astype(np.float32)
        impact = particles[:, 3:]
        in_pads = in_pad(impact, self._detector)
        if np.all(particles[:, 2] == IN_PLANE):
            hits = self._make(seed, energy, theta, impact=in_pads)
            placed = self._placer.place(hits, impact, theta)
        else:
            asked = Conditions(energy, theta, phi, in_pads)
            hits = made_on_demand(self._make, self._card, asked, seed=seed)
            placed = self._placer.place(hits, impact, theta, phi)
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
