"""Showers of an engine that lean anywhere (see :mod:`caloforge.turn`)."""

from collections.abc import Generator as Iteration

import numpy as np

from caloforge.beam import Conditions
from caloforge.card import ModelCard
from caloforge.engine.base import Engine, HitEngine
from caloforge.engine.on_demand import OnDemand
from caloforge.hit_arrays import HitArrays
from caloforge.source import Sink
from caloforge.turn import as_made, leans_along_x
from caloforge.typing import FloatArray


def batches_of(
    engine: Engine, conditions: Conditions, sink: Sink, *, seed: int, start: int = 0
) -> Iteration[int]:
    """As of :meth:`Engine.batches`, of showers of any phi that the card allows."""
    detector = engine.card.detector
    transposed = leans_along_x(conditions, detector)

    def turning(first: int, cells: FloatArray) -> None:
        mine = transposed[first : first + len(cells), None, None, None]
        sink(first, np.where(mine, cells.swapaxes(1, 2), cells))

    into = turning if transposed.any() else sink
    yield from engine.batches(as_made(conditions, detector), into, seed=seed, start=start)


def hits_of(
    engine: HitEngine, card: ModelCard, conditions: Conditions, *, seed: int, start: int = 0
) -> Iteration[tuple[int, HitArrays]]:
    """As of :meth:`HitEngine.hits`, of showers of any phi that the card allows."""
    transposed = leans_along_x(conditions, card.detector)
    asked = as_made(conditions, card.detector)
    for first, hits in engine.hits(asked, seed=seed, start=start):
        mine = transposed[first : first + len(hits.offsets) - 1]
        yield first, hits.transposed(mine, card.cell_shape) if mine.any() else hits


def made_on_demand(
    make: OnDemand, card: ModelCard, conditions: Conditions, *, seed: int
) -> HitArrays:
    """As of :class:`OnDemand`, of showers of any phi that the card allows."""
    transposed = leans_along_x(conditions, card.detector)
    asked = as_made(conditions, card.detector)
    hits = make(seed, asked.energy, asked.theta, impact=asked.impact, phi=asked.phi)
    return hits.transposed(transposed, card.cell_shape) if transposed.any() else hits
