"""The event loop: Geant4 with the calorimeter's sensitive detectors, with a model or without."""

from pathlib import Path
from time import process_time
from typing import Any

import numpy as np

from caloforge._extras import require
from caloforge.card import ModelCard
from caloforge.engine import Plan, load_engine, read_card
from caloforge.engine.on_demand import on_demand
from caloforge.errors import SimulationError
from caloforge.hit_arrays import HitArrays
from caloforge.simulate.calorimeter import open_calorimeter
from caloforge.simulate.geometry import element_charges
from caloforge.simulate.in_situ.events import Events, SimulatedEvents
from caloforge.simulate.in_situ.fast import FastShowers, over_threshold, summed
from caloforge.simulate.session import physics_list, primaries, reader
from caloforge.simulate.tables import ensure_tables, prepare_folder
from caloforge.typing import FloatArray, IntArray

START_MM = 5.0
"""How far before the face particles start, along their direction."""


class EventLoop:
    """Geant4 in this process, with a detector and, where a model is given, its fast simulation.

    A process can hold one. Data variables are set as of
    :meth:`~caloforge.simulate.data.DataSets.environment` before.

    Raises
    ------
    MissingExtraError
        if geant4_pybind is not installed.
    ModelError
        if the model file is none.
    """

    def __init__(self, events: Events, model: Path | None, runtime: str) -> None:
        self.events, self._range = events, range(0)
        production = events.production
        prepare_folder(production.data.built_in)
        self.g4 = g4 = require("geant4_pybind")
        self._manager = g4.G4RunManager()
        self._calorimeter = open_calorimeter(
            g4, production.detector, production.window, sideways=production.sideways
        )
        if production.data.kind == "built-in":
            charges = element_charges(g4)
            ensure_tables(production.data.built_in, charges, g4)
        initial = [self._calorimeter.construction(), physics_list(g4)]
        for part in initial:
            self._manager.SetUserInitialization(part)
        self.fast = None if model is None else fast_showers(model, runtime, events)
        actions = [primaries(g4, production.particle, self.start), reader(g4, self.read)]
        if self.fast is not None:
            actions.append(_at_the_face(g4, self.fast, production.particle))
        for action in actions:
            self._manager.SetUserAction(action)
        self._kept = [*initial, *actions]
        self._manager.Initialize()
        self._read: list[tuple[IntArray, FloatArray]] = []

    def run(self, first: int, stop: int) -> SimulatedEvents:
        """Simulate the events ``first`` to ``stop``.

        Raises
        ------
        SimulationError
            if Geant4 aborts one.
        """
        self._range, self._read = range(first, stop), []
        before = self.fast.taken if self.fast else 0
        began = process_time()
        self._manager.BeamOn(len(self._range))
        seconds = process_time() - began
        if len(self._read) < len(self._range):
            msg = f"Geant4 aborted one of the events {first}-{stop - 1}: try another seed"
            raise SimulationError(msg)
        counts = [len(cell) for cell, _ in self._read]
        offsets = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
        cell, energy = (np.concatenate(parts) for parts in zip(*self._read, strict=True))
        taken = (self.fast.taken if self.fast else 0) - before
        return SimulatedEvents(HitArrays(offsets, cell, energy), seconds, taken)

    def start(self, gun: Any, geant4_event: Any) -> None:
        """Seed the engine, and shoot an event's particles from before the face."""
        event = self._range[geant4_event.GetEventID()]
        production, vector, unit = self.events.production, self.g4.G4ThreeVector, self.g4.GeV
        self.g4.G4Random.setTheSeed(self.events.engine_seeds[event])
        for row in self.events.rows(event):
            way = production.conditions.direction(row)
            place = (*self.events.impact[row].tolist(), 0.0)
            before = (at - START_MM * along for at, along in zip(place, way, strict=True))
            gun.SetParticlePosition(vector(*before))
            gun.SetParticleMomentumDirection(vector(*way))
            gun.SetParticleEnergy(float(production.conditions.energy[row]) * unit)
            gun.GeneratePrimaryVertex(geant4_event)

    def read(self, geant4_event: Any) -> None:
        """Read the sensitive detectors at the end of an event, the model's hits among theirs."""
        if geant4_event.IsAborted():
            return
        cell, deposited = self._calorimeter.cells(geant4_event)
        energy = deposited.astype(np.float32)
        if self.fast is not None:
            event = self._range[geant4_event.GetEventID()]
            made, made_energy = self.fast.finish(self.events.engine_seeds[event])
            if len(cell):
                parts = np.concatenate([cell, made]), np.concatenate([energy, made_energy])
                made, made_energy = summed(*parts)
            cell, energy = made, made_energy
        self._read.append(over_threshold(cell, energy))


def fast_showers(model: Path, runtime: str, events: Events) -> FastShowers:
    """The model, ready for these events; errors as of load_engine."""
    card: ModelCard = read_card(model)
    card.check_detector(
        events.production.detector, events.production.window, where="the event loop"
    )
    batch = min(events.particles, card.batch)
    engine = load_engine(model, Plan(runtime=runtime, batch=batch), card)
    return FastShowers(card, on_demand(engine), events.grid)


# geant4_pybind is imported when a loop opens, so its classes are derived from inside functions.


def _at_the_face(g4: Any, fast: FastShowers, particle: str) -> Any:
    boundary, killed, gev = g4.fGeomBoundary, g4.fStopAndKill, g4.GeV

    class AtTheFace(g4.G4UserSteppingAction):  # type: ignore[misc]
        """Kills what the model takes, when it steps onto the first layer from before it."""

        def UserSteppingAction(self, step: Any) -> None:
            if step.GetPreStepPoint().GetPosition().z >= 0:
                return
            point = step.GetPostStepPoint()
            if point.GetStepStatus() != boundary:
                return
            track, place, way = step.GetTrack(), point.GetPosition(), point.GetMomentumDirection()
            if way.z <= 0 or track.GetDefinition().GetParticleName() != particle:
                return
            energy = point.GetKineticEnergy() / gev
            if fast.take(energy, (place.x, place.y), (way.x, way.y, way.z)):
                track.SetTrackStatus(killed)

    return AtTheFace()
