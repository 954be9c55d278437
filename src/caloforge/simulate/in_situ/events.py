"""The events of an in-situ run: particles of many energies, angles and impact points."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from caloforge.detector import Detector
from caloforge.errors import DetectorError
from caloforge.hit_arrays import HitArrays
from caloforge.simulate.geometry import Grid, grid_of
from caloforge.simulate.request import Production
from caloforge.typing import Float64Array, IntArray


@dataclass(frozen=True, eq=False)
class Events:
    """Events of ``particles`` primaries each; the production's showers are their particles.

    Attributes
    ----------
    production : detector, window, kind of particle, energies and angles, seed.
    impact : where each particle enters the face, (N, 2) in mm from the middle of the central pad.
    particles : of each event.

    Raises
    ------
    DetectorError
        if the detector is read out in rings around one particle, or is a GDML file.
    """

    production: Production
    impact: Float64Array
    particles: int = 1

    @classmethod
    def drawn(cls, production: Production, particles: int = 1) -> "Events":
        """Impact points uniform over as much of the face as the window covers."""
        detector = production.detector
        if detector.readout != "pads":
            msg = f"{detector.name} is read out in rings around one particle: it has no face"
            raise DetectorError(msg)
        if detector.gdml is not None:
            msg = f"{detector.name} is a GDML file: the event loop knows flat layers along z only"
            raise DetectorError(msg)
        half = half_face_mm(detector, production.window)
        rng = np.random.default_rng([production.seed, len(production)])
        impact = rng.uniform(-1, 1, (len(production), 2)) * half
        return cls(production, impact, particles)

    def __len__(self) -> int:
        return len(self.production) // self.particles

    @cached_property
    def grid(self) -> Grid:
        """Pads of the calorimeter in x and y."""
        production = self.production
        return grid_of(production.detector, production.window, sideways=production.sideways)

    def rows(self, event: int) -> range:
        """Numbers of an event's particles."""
        return range(event * self.particles, (event + 1) * self.particles)

    def pads(self, hits: HitArrays) -> tuple[IntArray, IntArray, IntArray]:
        """Pads x and y from the one in the middle, and layers, of all hits of this grid."""
        grid = self.grid
        layer, rest = np.divmod(hits.cell.astype(np.int64), grid.rows * grid.columns)
        x, y = np.divmod(rest, grid.columns)
        return x - grid.rows // 2, y - grid.columns // 2, layer

    @cached_property
    def engine_seeds(self) -> list[int]:
        """What Geant4's engine is seeded with before each event, and the sampler too."""
        rng = np.random.default_rng(self.production.seed)
        seeds: list[int] = rng.integers(2**62, size=len(self)).tolist()
        return seeds


def half_face_mm(detector: Detector, window: str) -> Float64Array:
    """How far from the middle particles may enter in x and y (mm): half the window, less a pad.

    The calorimeter is so much larger that their showers stay within it.
    """
    shape = np.array(detector.cell_shape(window)[:2])
    half: Float64Array = np.maximum(shape / 2 - 1, 0.5) * np.array(detector.pad_mm)
    return half


@dataclass(frozen=True, eq=False)
class SimulatedEvents:
    """Events as the calorimeter saw them.

    Attributes
    ----------
    hits : by event; cells are numbered (layer, x, y) row-major on the events' grid, GeV.
    seconds : processor time of the whole loop: primaries, tracking, showers, placement, reading.
    taken : particles that the model took over.
    """

    hits: HitArrays
    seconds: float
    taken: int
