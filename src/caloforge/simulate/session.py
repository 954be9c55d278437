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
from caloforge.simulate import geometry
from caloforge.simulate.request import PRODUCTION_CUT_MM, Production
from caloforge.simulate.scoring import ScoredHits, window_hits
from caloforge.simulate.tables import ensure_tables, prepare_folder
from caloforge.typing import IntArray

DETECTOR_NAME, SCORER_NAME = "calorimeter", "energy"
GUN_GAP_MM = 1e-3
"""Distance of the particle's start from the front of the first layer."""

MAX_ATTEMPTS = 4
"""How often an event is made that Geant4 aborts every time, before the production is given up."""


@dataclass(frozen=True)
class Simulated:
    """A shower as Geant4 made it: its hits, its processor seconds, and how many attempts that
    Geant4 aborted came before."""

    hits: ScoredHits
    seconds: float
    aborted: int


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
        point is uniform in the central pad; in a cylinder it is its centre.
        """
        number = production.first + event
        rng = np.random.default_rng([production.seed, number, *([attempt] if attempt else [])])
        x, y = rng.uniform(-0.5, 0.5, 2) * production.detector.pad_mm
        if production.detector.readout == "cylinder":
            x = y = 0.0
        return cls(float(x), float(y), int(rng.integers(2**62)))


class Session:
    """Geant4, ready to simulate the events of a production.

    Raises
    ------
    MissingExtraError
        if geant4_pybind is not installed.
    DetectorError
        if Geant4 lacks a material, or there are no built-in tables for an element.
    """

    def __init__(self, production: Production) -> None:
        self.production = production
        prepare_folder(production.data.built_in)
        self.g4 = require("geant4_pybind")
        self._manager = self.g4.G4RunManager()
        volumes = geometry.VolumeBuilder(self.g4, production.detector, production.window)
        if production.data.kind == "built-in":
            charges = geometry.element_charges(self.g4)
            ensure_tables(production.data.built_in, charges, self.g4)
        self._grid = volumes.grid
        self._events: list[int] = []
        self._on_event: OnEvent = lambda event, simulated: None
        self._attempt = 0
        self._whole: set[int] = set()
        self._started = 0.0
        self._kept = [
            construction(self.g4, volumes, production.detector.n_layers),
            physics_list(self.g4),
        ]
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
        theta = float(self.production.conditions.theta[event])
        energy = float(self.production.conditions.energy[event])
        vector = self.g4.G4ThreeVector
        self.g4.G4Random.setTheSeed(start.engine_seed)
        gun.SetParticlePosition(vector(start.x, start.y, -GUN_GAP_MM))
        gun.SetParticleMomentumDirection(vector(0.0, float(np.cos(theta)), float(np.sin(theta))))
        gun.SetParticleEnergy(energy * self.g4.GeV)
        self._started = process_time()
        gun.GeneratePrimaryVertex(geant4_event)

    def read(self, geant4_event: Any, collection: int) -> None:
        """Read the scorer of a finished event, once; an aborted one is not whole."""
        if geant4_event.IsAborted():
            return
        seconds = process_time() - self._started
        scored = geant4_event.GetHCofThisEvent().GetHC(collection)
        pairs = np.array(list(scored), dtype=np.float64).reshape(-1, 2)
        indices = pairs[:, 0].astype(np.int64)
        energies = pairs[:, 1] * (self.g4.MeV / self.g4.GeV)
        hits = window_hits(indices, energies, self._grid, self.production)
        event = self._events[geant4_event.GetEventID()]
        self._whole.add(event)
        self._on_event(event, Simulated(hits, seconds, self._attempt))


# geant4_pybind is imported when a session opens, so its classes are derived from inside functions.


def construction(g4: Any, volumes: geometry.VolumeBuilder, n_layers: int) -> Any:
    class Construction(g4.G4VUserDetectorConstruction):  # type: ignore[misc]
        def Construct(self) -> Any:
            return volumes.world()

        def ConstructSDandField(self) -> None:
            self.sensitive = g4.G4MultiFunctionalDetector(DETECTOR_NAME)
            g4.G4SDManager.GetSDMpointer().AddNewDetector(self.sensitive)
            grid = volumes.grid
            self.scorer = g4.G4PSEnergyDeposit3D(
                SCORER_NAME, n_layers, grid.rows, grid.columns,
                geometry.LAYER_DEPTH, geometry.ROW_DEPTH, geometry.CELL_DEPTH,
            )  # fmt: skip
            self.sensitive.RegisterPrimitive(self.scorer)
            for cell in volumes.cells:
                cell.SetSensitiveDetector(self.sensitive)

    return Construction()


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


def reader(g4: Any, read: Callable[[Any, int], None]) -> Any:
    """An event action; ``read(event, collection)`` takes what the scorer collected."""

    class Reader(g4.G4UserEventAction):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.collection: int | None = None

        def EndOfEventAction(self, event: Any) -> None:
            if self.collection is None:
                manager = g4.G4SDManager.GetSDMpointer()
                self.collection = manager.GetCollectionID(f"{DETECTOR_NAME}/{SCORER_NAME}")
            read(event, self.collection)

    return Reader()
