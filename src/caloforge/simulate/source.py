"""Geant4 as a source of showers, interchangeable with any model."""

from collections.abc import Generator as Iteration
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from caloforge import io
from caloforge.beam import Conditions, ConditionsLike
from caloforge.detector import Detector
from caloforge.showers import Showers
from caloforge.simulate.data import DataChoice, choose_data
from caloforge.simulate.pool import Pool
from caloforge.simulate.produce import LocalRunner, ProductionSummary, produce, replay
from caloforge.simulate.request import Production
from caloforge.simulate.shards import Shard, ShardFolder
from caloforge.simulate.tables import cache_folder
from caloforge.source import ShowerSource, Sink


@dataclass(frozen=True)
class Geant4Source(ShowerSource):
    """A ShowerSource that simulates with Geant4, in worker processes of its own.

    Attributes
    ----------
    detector, window : the calorimeter, and the window that is cut out.
    particle : Geant4's name of the primary.
    jobs : worker processes.
    data : ``auto`` (official data where configured), ``official`` or ``built-in``.
    """

    detector: Detector
    window: str
    particle: str = "e-"
    jobs: int = 1
    data: DataChoice = "auto"
    name: str = field(default="Geant4", kw_only=True)

    def production(self, conditions: Conditions, *, seed: int) -> Production:
        """The checked request for these showers; errors as of Production and choose_data."""
        data = choose_data(self.data, cache_folder(), self.detector)
        return Production(self.detector, self.window, self.particle, conditions, seed, data)

    def batches(
        self, conditions: Conditions, sink: Sink, *, seed: int, start: int = 0
    ) -> Iteration[int]:
        """Simulate the showers from ``start`` on; as of caloforge.source.ShowerSource.batches."""
        production = self.production(conditions, seed=seed)
        wanted = {n: events[events >= start] for n, events in enumerate(production.shards)}
        shards = {n: events for n, events in wanted.items() if len(events)}
        with TemporaryDirectory(prefix="caloforge-") as path:
            folder = ShardFolder(Path(path), production)
            Pool(folder, shards, self.jobs).run()
            for number, events in shards.items():
                hits = Shard.load(folder.file(number)).hits
                sink(int(events[0]), np.stack([each.image(production.cell_shape) for each in hits]))
                yield int(events[-1]) + 1

    def sample(self, conditions: ConditionsLike, *, seed: int) -> Showers:
        """Simulate one shower for each condition; plain numbers are energies in GeV."""
        return self.sample_timed(Conditions.like(conditions), seed=seed)[0]

    def sample_timed(
        self, conditions: Conditions, *, seed: int
    ) -> tuple[Showers, ProductionSummary]:
        """Simulate, and tell the seconds of each shower.

        Raises
        ------
        MissingExtraError
            if Geant4 is not installed.
        SimulationError
            if Geant4 gives up.
        """
        production = self.production(conditions, seed=seed)
        with TemporaryDirectory(prefix="caloforge-") as folder:
            path = Path(folder) / "showers.h5"
            summary = produce(production, path, runner=LocalRunner(self.jobs))
            return io.read(path, detector=self.detector), summary

    def replay(self, conditions: Conditions, event: int, *, seed: int) -> Showers:
        """One event of :meth:`sample` again, from its number; raises InputError if none has it."""
        return replay(self.production(conditions, seed=seed), event)[0]
