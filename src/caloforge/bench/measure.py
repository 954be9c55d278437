"""Seconds of each case, alone and with the file on disk, in rounds so that drifts hit all alike."""

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from caloforge.beam import Conditions
from caloforge.bench.cases import Case
from caloforge.bench.power import EnergyMeter
from caloforge.bench.report import Timing
from caloforge.engine.streamed import showers_in_a_task
from caloforge.generate import generate_file
from caloforge.source import ShowerSource, forget

SEED = 1
Job = Callable[[], None]


def alone(source: ShowerSource, conditions: Conditions) -> None:
    """Make the showers and forget them."""
    for _ in source.batches(conditions, forget, seed=SEED):
        pass


def to_disk(case: Case, conditions: Conditions, folder: Path) -> None:
    """Make the showers into an HDF5 file in a folder, and remove it."""
    with tempfile.TemporaryDirectory(dir=folder, prefix=".caloforge-bench-") as temporary:
        generate_file(case.source, conditions, Path(temporary) / "showers.h5", seed=SEED)


def fitting_count(case: Case, conditions: Conditions, seconds: float) -> int:
    """How many of the showers a case makes in about so many seconds, in whole rounds of batches.

    The case is warm afterwards.
    """
    step = min(showers_in_a_task(case.plan.batch) * case.plan.streams, len(conditions))
    alone(case.source, conditions[:step])
    began = time.perf_counter()
    alone(case.source, conditions[:step])
    rounds = max(int(seconds / (time.perf_counter() - began)), 1)
    return min(rounds * step, len(conditions))


def in_rounds(jobs: Sequence[Job], showers: Sequence[int], repeats: int) -> list[Timing]:
    """Run all the jobs ``repeats`` times, in turn; one timing a job."""
    seconds: list[list[float]] = [[] for _ in jobs]
    for _ in range(repeats):
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
    alone(case.source, conditions)
    used = meter.joules()
    return None if used is None else used / len(conditions) * 1e3
