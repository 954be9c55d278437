"""The best sharing of the cores for a model, measured on this machine once and remembered."""

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from caloforge.beam import Conditions
from caloforge.card import ModelCard
from caloforge.engine.base import Engine
from caloforge.engine.plan import QUANTIZED_BATCH, Plan
from caloforge.engine.runtimes import runtime_named
from caloforge.engine.streamed import showers_in_a_task
from caloforge.source import forget

BATCHES = (8, 16, 32, 64, 128, 256, 512)
SLOWER = 1.10
"""Two batch sizes in a row that are this much slower than a smaller one end the search upwards;
plans within this factor of the fastest meet again in the final."""
FINALISTS = 4
FINAL_ROUNDS = 10
SECONDS = 0.15
"""Length of one measurement; the fastest of each plan's counts, because others disturb it."""
SHORT_REPEATS = 3

Measure = Callable[[Sequence[Plan], int], list[float]]


class Trial(NamedTuple):
    """A plan that was tried, and its ms a shower."""

    plan: Plan
    ms: float


def tune(path: Path, card: ModelCard, base: Plan, measure: Measure | None = None) -> list[Trial]:
    """Try the ways to share ``base.cores`` cores, fastest first.

    Runtime and precision are those of ``base``. ``measure(plans, rounds)`` gives the ms a shower
    of each plan, measured in turn.
    """
    timed = measure or (lambda plans, rounds: _measure_plans(path, card, plans, rounds))
    smallest = QUANTIZED_BATCH if card.format == "int8" else BATCHES[0]
    tried = [trial for pair in _pairs(base.cores) for trial in _climb(base, pair, smallest, timed)]
    tried.sort(key=lambda trial: trial.ms)
    final = [trial for trial in tried[:FINALISTS] if trial.ms <= SLOWER * tried[0].ms]
    again = timed([trial.plan for trial in final], FINAL_ROUNDS)
    winners = [Trial(trial.plan, ms) for trial, ms in zip(final, again, strict=True)]
    return sorted(winners, key=lambda trial: trial.ms) + tried[len(final) :]


def measure_engines(engines: Sequence[Engine], rounds: int) -> list[float]:
    """Fastest of some short runs of each engine in ms a shower, all in turn in each round."""
    counts = [_count(engine) for engine in engines]
    seconds = [
        [_seconds(engine, n) for engine, n in zip(engines, counts, strict=True)]
        for _ in range(rounds)
    ]
    return [1e3 * float(best) / n for best, n in zip(np.min(seconds, axis=0), counts, strict=True)]


def _measure_plans(path: Path, card: ModelCard, plans: Sequence[Plan], rounds: int) -> list[float]:
    engines = [runtime_named(plan.runtime).load(path, plan, card) for plan in plans]
    return measure_engines(engines, rounds)


def _pairs(cores: int) -> Iterator[tuple[int, int]]:
    """(streams, threads) that use all the cores, streams in powers of two and one a core."""
    streams = {2**k for k in range(cores.bit_length())} | {cores}
    for parallel in sorted(streams):
        if parallel <= cores:
            yield parallel, cores // parallel


def _climb(base: Plan, pair: tuple[int, int], smallest: int, measure: Measure) -> Iterator[Trial]:
    """Ever larger batches, until they are clearly slower than a smaller one."""
    streams, threads = pair
    best, slower = np.inf, 0
    for batch in BATCHES[BATCHES.index(smallest) :]:
        plan = base.model_copy(update={"streams": streams, "threads": threads, "batch": batch})
        (ms,) = measure([plan], SHORT_REPEATS)
        yield Trial(plan, ms)
        best = min(best, ms)
        slower = slower + 1 if ms > SLOWER * best else 0
        if slower == 2:
            return


def _count(engine: Engine) -> int:
    """Showers that take about ``SECONDS``: whole rounds over all the streams."""
    step = showers_in_a_task(engine.plan.batch) * engine.plan.streams
    _seconds(engine, step)
    return step * max(int(SECONDS / _seconds(engine, step)), 1)


def _seconds(engine: Engine, n: int) -> float:
    """Time to draw the random numbers of n showers and to compute them."""
    energy = np.linspace(*engine.card.energy_range_gev, n, dtype=np.float32)
    theta = np.linspace(*engine.card.theta_range_rad, n, dtype=np.float32)
    conditions = Conditions(energy, theta)
    began = time.perf_counter()
    for _ in engine.batches(conditions, forget, seed=0):
        pass
    return time.perf_counter() - began
