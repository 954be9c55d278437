"""Engines that compute cells from random numbers that caloforge draws, on several streams."""

from collections.abc import Generator as Iteration
from collections.abc import Sequence

import numpy as np

from caloforge.beam import Conditions
from caloforge.card import ModelCard
from caloforge.engine.base import Engine, Stream
from caloforge.engine.entry import EntryPoint
from caloforge.engine.latent import BLOCK, draw_latent
from caloforge.engine.plan import Plan
from caloforge.engine.pool import over_streams
from caloforge.errors import InputError, ModelError
from caloforge.source import Sink
from caloforge.typing import FloatArray


class StreamedEngine:
    """A model with streams that may compute at the same time.

    Attributes
    ----------
    card, plan : the model's card, and how the engine runs it.
    streams : as many as the plan says.
    """

    def __init__(self, card: ModelCard, plan: Plan, streams: Sequence[Stream]) -> None:
        self.card, self.plan, self.streams = card, plan, streams

    def batches(
        self, conditions: Conditions, sink: Sink, *, seed: int, start: int = 0
    ) -> Iteration[int]:
        """Make the showers from ``start`` on, on all streams; the sink is called in their threads.

        What is iterated over is the number of showers done without a gap.  Batches are the same
        wherever it starts: a shower's last digits depend on its place in one.
        """
        energy, theta = conditions.energy, conditions.theta
        batch, n = self.plan.batch, len(conditions)
        step = showers_in_a_task(batch)
        entry = None if conditions.impact is None else EntryPoint(self.card)
        phi = conditions.phi
        if phi is not None and not self.card.takes_phi:
            msg = f"{self.card.name}: its graph takes no phi, so its showers lean along the pads"
            raise InputError(f"{msg}: `caloforge export` gives it a graph that does")

        def make(stream: Stream, first: int) -> int:
            latent = draw_latent(self.card.latent, seed, first, first + step)
            stop = min(first + step, n)
            for begin in range(first, stop, batch):
                if begin + batch <= start:
                    continue
                rows = np.arange(begin, begin + batch).clip(max=n - 1)
                part = latent[begin - first : begin - first + batch]
                if entry is not None:
                    enter(entry, stream, part, conditions[rows])
                leans = None if phi is None else phi[rows]
                cells = stream.run(part, energy[rows], theta[rows], leans)
                wanted = max(begin, start)
                sink(wanted, cells[wanted - begin : stop - begin])
            return stop

        yield from over_streams(self.streams, range(start - start % step, n, step), make)


def enter(entry: EntryPoint, stream: Stream, latent: FloatArray, conditions: Conditions) -> None:
    """Put the impact points of conditions (B) into latents (B, L) of a batch, in their place."""
    depth = np.zeros(len(conditions))
    if conditions.inclined:
        depth = entry.mean_depth(stream.run(latent, conditions.energy, conditions.theta))
    entry.into(latent, conditions, depth)


def run(engine: Engine, latent: FloatArray, energy: FloatArray, theta: FloatArray) -> FloatArray:
    """Cells (N, X, Y, Z) in GeV from latents (N, L), for any N, on the engine's first stream.

    ``energy`` is (N,) in GeV and ``theta`` (N,) in rad.

    Raises
    ------
    ModelError
        if the engine draws its random numbers itself.
    """
    if not isinstance(engine, StreamedEngine):
        msg = f"{engine.card.name}: {engine.plan.runtime} takes no random numbers from outside"
        raise ModelError(msg)
    stream, batch, n = engine.streams[0], engine.plan.batch, len(latent)
    cells = np.empty((n, *engine.card.cell_shape), np.float32)
    for first in range(0, n, batch):
        rows = np.arange(first, first + batch).clip(max=n - 1)
        part = stream.run(latent[rows], energy[rows], theta[rows])
        cells[first : first + batch] = part[: n - first]
    return cells


def showers_in_a_task(batch: int) -> int:
    """Whole batches that use up what is drawn at a time, so that small ones waste no numbers.

    >>> [showers_in_a_task(batch) for batch in (16, 48, 64, 500)]
    [64, 96, 64, 500]
    """
    return batch * -(-BLOCK // batch)
