"""Showers on all the streams of an engine, from seed and conditions."""

from collections.abc import Callable, Generator, Iterable

import numpy as np

from caloforge.engine.base import Engine, Worker
from caloforge.engine.latent import BLOCK, draw_latent
from caloforge.engine.pool import over_streams
from caloforge.typing import FloatArray

Sink = Callable[[int, FloatArray], None]


def produce(
    engine: Engine, energy: FloatArray, theta: FloatArray, sink: Sink, *, seed: int, start: int = 0
) -> Generator[int]:
    """Make the showers from ``start`` on for energies (N,) in GeV and angles (N,) in rad.

    ``sink(first, cells)`` gets the cells (n, X, Y, Z) in GeV of each batch with the number of its
    first shower, in a stream's thread and in any order; it must not keep the array. What is
    iterated over is the number of showers done without a gap.
    """
    batch, n = engine.plan.batch, len(energy)
    step = showers_in_a_task(batch)

    def make(worker: Worker, first: int) -> int:
        latent = draw_latent(engine.card.latent, seed, first, first + step)
        stop = min(first + step, n)
        for begin in range(first, stop, batch):
            rows = np.arange(begin, begin + batch).clip(max=n - 1)
            part = latent[begin - first : begin - first + batch]
            cells = worker.run(part, energy[rows], theta[rows])
            sink(begin, cells[: stop - begin])
        return stop

    yield from over_streams(engine, range(start, n, step), make)


def collected(make: Callable[[Sink], Iterable[int]], shape: tuple[int, ...]) -> FloatArray:
    """All the cells, of shape (N, X, Y, Z) in GeV, that ``make(sink)`` hands to its sink."""
    cells = np.empty(shape, np.float32)

    def keep(first: int, part: FloatArray) -> None:
        cells[first : first + len(part)] = part

    for _ in make(keep):
        pass
    return cells


def forget(first: int, cells: FloatArray) -> None:
    """A sink that keeps nothing."""


def showers_in_a_task(batch: int) -> int:
    """Whole batches that use up what is drawn at a time, so that small ones waste no numbers.

    >>> [showers_in_a_task(batch) for batch in (16, 48, 64, 500)]
    [64, 96, 64, 500]
    """
    return batch * -(-BLOCK // batch)
