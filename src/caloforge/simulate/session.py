"""Geant4 in this process: one detector, one particle, events by their numbers.

A process can hold one session, since Geant4's run manager is a singleton. The data variables of
:meth:`~caloforge.simulate.data.DataSets.environment` must be set before it is opened.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from time import process_time
from typing import Any

import numpy as np

from caloforge._extras import require
from caloforge.errors import SimulationError
from caloforge.simulate.calorimeter import open_calorimeter
from caloforge.simulate.geometry import element_charges
from caloforge.simulate.request import PRODUCTION_CUT_MM, Production
from caloforge.simulate.scoring import ScoredHits, window_hits
from caloforge.simulate.tables import ensure_tables, prepare_folder
from caloforge.typing import IntArray

GUN_GAP_MM = 1e-3
"""Distance of the particle's start from the front of the first layer."""

MAX_ATTEMPTS = 4
"""How often an event is made that Geant4 aborts every time, before the production is given up."""


@dataclass(frozen=True)
class Simulated:
    """A shower as Geant4 made it: its hits, its processor seconds, how many attempts that Geant4
    aborted came before, and where the particle entered, in mm from the image's middle pad."""

    hits: ScoredHits
    seconds: float
    aborted: int
    impact: tuple[float, float] = (0.0, 0.0)


OnEvent = Callable[[int, Simulated], None]
"""Called after each event with its number."""


@dataclass(frozen=True)
class EventStart:
    """How an event starts: where the particle enters (mm) and the seed of Geant4's engine."""

    x: float
    y: float
    engine_seed: int

    @classmethod
    def of(cls, production: Production, event: int, attempt: int = 0) -> "EventStart":
        """The start of an event, from the production's seed and the event's number alone.

        Attempts after the first, where Geant4 aborted those before, start otherwise. The impact
        point is the condition's, or uniform in the central pad; in a cylinder it is its centre.
        """
        number = production.first + event
        rng = np.random.default_rng([production.seed, number, *([attempt] if attempt else [])])
        x, y = rng.uniform(-0.5, 0.5, 2) * production.detector.pad_mm
        if production.detector.readout == "cylinder":
            x = y = 0.0
        if production.conditions.impact is not None:
            x, y = production.conditions.impact[event]
        return cls(float(x), float(y), int(rng.integers(2**62)))

    def in_image(self, middle: tuple[int, int], pad_mm: tuple[float, float]) -> tuple[float, float]:
        """The impact point in mm from the middle of an image, which is whole pads away."""
        return self.x - middle[0] * pad_mm[0], self.y - middle[1] * pad_mm[1]


class Session:
    """Geant4, ready to simulate the events of a production.

    Raises
    ------
    MissingExtraError
        if geant4_pybind is not installed.
    DetectorError
        if Geant4 lacks a material, the mesh over a GDML file misses what is sensitive, or there are
        no built-in tables for an element.
    SimulationError
        if Geant4 cannot read GDML, where the geometry is such a file.
    """

    def __init__(self, production: Production) -> None:
        self.production = production
        prepare_folder(production.data.built_in)
        self.g4 = require("geant4_pybind")
        self._manager = self.g4.G4RunManager()
        self._calorimeter = open_calorimeter(
            self.g4, production.detector, production.window, sideways=production.sideways
        )
        if production.data.kind == "built-in":
            charges = element_charges(self.g4)
            ensure_tables(production.data.built_in, charges, self.g4)
        self._events: list[int] = []
        self._on_event: OnEvent = lambda event, simulated: None
        self._attempt = 0
        self._whole: set[int] = set()
        self._started = 0.0
        self._kept = [self._calorimeter.construction(), physics_list(self.g4)]
        for part in self._kept:
            self._manager.SetUserInitialization(part)
        actions = [
            primaries(self.g4, self.production.particle, self.aim),
            reader(self.g4, self.read),
        ]
        for action in actions:
            self._manager.SetUserAction(action)
        self._kept += actions
        self._manager.Initialize()

    @property
    def geant4_version(self) -> str:
        """Geant4's version, like 11.4.1."""
        numbers = re.findall(r"-(\d+)", self._manager.GetVersionString())
        return ".".join(str(int(number)) for number in numbers[:3])

    def simulate(self, events: IntArray, on_event: OnEvent) -> None:
        """Simulate events by their numbers in the production.

        Those that Geant4 aborts, or never comes to in a run that it aborts, are made again.

        Raises
        ------
        SimulationError
            if Geant4 aborts an event every time.
        """
        self._on_event, self._whole = on_event, set()
        self._events = [int(event) for event in events]
        for self._attempt in range(MAX_ATTEMPTS):
            self._manager.BeamOn(len(self._events))
            self._events = [event for event in self._events if event not in self._whole]
            if not self._events:
                return
        event = self._events[0]
        energy = float(self.production.conditions.energy[event])
        msg = (
            f"Geant4 aborted event {event} ({energy:g} GeV) {MAX_ATTEMPTS} times: is a slab of "
            f"{self.production.detector.name} too thin to be tracked in?"
        )
        raise SimulationError(msg)

    def aim(self, gun: Any, geant4_event: Any) -> None:
        """Seed the engine and shoot the primary of an event."""
        event = self._events[geant4_event.GetEventID()]
        start = EventStart.of(self.production, event, self._attempt)
        energy = float(self.production.conditions.energy[event])
        vector, face = self.g4.G4ThreeVector, self._calorimeter.face
        self.g4.G4Random.setTheSeed(start.engine_seed)
        direction = self.production.conditions.direction(event)
        gun.SetParticlePosition(vector(*face.place((start.x, start.y, -GUN_GAP_MM))))
        gun.SetParticleMomentumDirection(vector(*face.to_world(direction)))
        gun.SetParticleEnergy(energy * self.g4.GeV)
        self._started = process_time()
        gun.GeneratePrimaryVertex(geant4_event)

    def read(self, geant4_event: Any) -> None:
        """Read the cells of a finished event, once; an aborted one is not whole."""
        if geant4_event.IsAborted():
            return
        seconds = process_time() - self._started
        cells, energies = self._calorimeter.cells(geant4_event)
        hits = window_hits(cells, energies, self._calorimeter.grid, self.production)
        event = self._events[geant4_event.GetEventID()]
        start = EventStart.of(self.production, event, self._attempt)
        impact = start.in_image(hits.middle, self.production.detector.pad_mm)
        self._whole.add(event)
        self._on_event(event, Simulated(hits, seconds, self._attempt, impact))


# geant4_pybind is imported when a session opens, so its classes are derived from inside functions.


def physics_list(g4: Any) -> Any:
    class Physics(g4.G4VModularPhysicsList):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.SetVerboseLevel(0)
            self.RegisterPhysics(g4.G4EmStandardPhysics())
            self.SetDefaultCutValue(PRODUCTION_CUT_MM * g4.mm)

    return Physics()


def primaries(g4: Any, particle: str, aim: Callable[[Any, Any], None]) -> Any:
    """A generator of a particle's primaries; ``aim(gun, event)`` shoots those of an event."""

    class Primaries(g4.G4VUserPrimaryGeneratorAction):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.gun = g4.G4ParticleGun(1)
            particles = g4.G4ParticleTable.GetParticleTable()
            self.gun.SetParticleDefinition(particles.FindParticle(particle))

        def GeneratePrimaries(self, event: Any) -> None:
            aim(self.gun, event)

    return Primaries()


def reader(g4: Any, read: Callable[[Any], None]) -> Any:
    """An event action; ``read(event)`` takes what the calorimeter collected."""

    class Reader(g4.G4UserEventAction):  # type: ignore[misc]
        def EndOfEventAction(self, event: Any) -> None:
            read(event)

    return Reader()
