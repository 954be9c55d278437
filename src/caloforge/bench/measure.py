"""Seconds of each case, alone and with the file on disk, in rounds so that drifts hit all alike."""

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from caloforge.beam import Conditions
from caloforge.bench.cases import Case
from caloforge.bench.power import EnergyMeter
from caloforge.bench.report import Timing
from caloforge.engine.base import HitEngine
from caloforge.engine.streamed import showers_in_a_task
from caloforge.generate import generate_file
from caloforge.source import forget

SEED = 1
Job = Callable[[], None]


def alone(case: Case, conditions: Conditions) -> None:
    """Make the showers, as cells or hits, and forget them."""
    engine = case.source.engine
    if case.layout == "hits" and isinstance(engine, HitEngine):
        made: Iterator[object] = engine.hits(conditions, seed=SEED)
    else:
        made = case.source.batches(conditions, forget, seed=SEED)
    for _ in made:
        pass


@dataclass
class ToDisk:
    """Makes the showers into an HDF5 file in a folder, and removes it.

    Attributes
    ----------
    bytes : the size of the last file.
    """

    case: Case
    conditions: Conditions
    folder: Path
    bytes: int = 0

    def __call__(self) -> None:
        with tempfile.TemporaryDirectory(dir=self.folder, prefix=".caloforge-bench-") as temporary:
            path = Path(temporary) / "showers.h5"
            layout = self.case.layout
            generate_file(self.case.source, self.conditions, path, seed=SEED, layout=layout)
            self.bytes = path.stat().st_size


def fitting_count(case: Case, conditions: Conditions, seconds: float) -> int:
    """How many of the showers a case makes in about so many seconds, in whole rounds of batches.

    The case is warm afterwards.
    """
    step = min(showers_in_a_task(case.plan.batch) * case.plan.streams, len(conditions))
    alone(case, conditions[:step])
    began = time.perf_counter()
    alone(case, conditions[:step])
    rounds = max(int(seconds / (time.perf_counter() - began)), 1)
    return min(rounds * step, len(conditions))


def in_rounds(
    jobs: Sequence[Job],
    showers: Sequence[int],
    repeats: int,
    beside: Callable[[int], None] = lambda number: None,
) -> list[Timing]:
    """Run all the jobs ``repeats`` times, in turn; one timing a job.

    ``beside`` is called first in every round, with its number, and times itself.
    """
    seconds: list[list[float]] = [[] for _ in jobs]
    for number in range(repeats):
        beside(number)
        for job, taken in zip(jobs, seconds, strict=True):
            began = time.perf_counter()
            job()
            taken.append(time.perf_counter() - began)
    return [Timing.of(taken, n) for taken, n in zip(seconds, showers, strict=True)]


def kilojoules_per_million(case: Case, conditions: Conditions) -> float | None:
    """Energy of a million showers in kJ, None where the machine cannot tell."""
    meter = EnergyMeter()
    if meter.joules() is None:
        return None
    alone(case, conditions)
    used = meter.joules()
    return None if used is None else used / len(conditions) * 1e3
