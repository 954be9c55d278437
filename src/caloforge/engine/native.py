"""The native sampler: factorised models as hits, several times faster than any graph; an extra.

It samples the model of the graph from the same tables with random numbers of its own: a seed means
other showers here than in the engines that run the graph.
"""

from collections.abc import Generator as Iteration
from pathlib import Path
from typing import Any

import numpy as np

from caloforge._extras import require
from caloforge.beam import Conditions
from caloforge.card import ModelCard
from caloforge.engine.plan import Plan
from caloforge.engine.pool import over_streams
from caloforge.errors import InputError, ModelError
from caloforge.hit_arrays import HitArrays
from caloforge.source import Sink
from caloforge.typing import FloatArray

HITS_BATCH = 512
"""Showers made at a time as hits: some megabytes, so that handing them over costs little."""


class NativeWorker:
    """Makes showers in one thread at a time."""

    cores: tuple[int, ...] = ()

    def __init__(self, sampler: Any, pad_mm: tuple[float, float]) -> None:
        self._maker = require("caloforge_native").Maker(sampler)
        self._pad_mm = np.array(pad_mm)

    def hits(self, conditions: Conditions, seed: int, start: int, stop: int) -> HitArrays:
        """The showers ``start`` to ``stop`` of a seed; errors as of :meth:`make`."""
        rows = slice(start, stop)
        impact = None if conditions.impact is None else conditions.impact[rows]
        phi = None if conditions.phi is None else conditions.phi[rows]
        energy, theta = conditions.energy[rows], conditions.theta[rows]
        return self.make(seed, energy, theta, start, impact=impact, phi=phi)

    def make(
        self,
        seed: int,
        energy: FloatArray,
        theta: FloatArray,
        first: int = 0,
        *,
        impact: FloatArray | None = None,
        phi: FloatArray | None = None,
    ) -> HitArrays:
        """The showers of a seed from ``first`` on: energies (N,) in GeV, angles ``theta`` and
        ``phi`` (N,) in rad, ``impact`` (N, 2) in mm.

        Raises
        ------
        InputError
            if the sampler that is installed is too old to place impact points, or for phi.
        """
        energy, theta = (np.ascontiguousarray(each, np.float32) for each in (energy, theta))
        more: dict[str, FloatArray] = {}
        if impact is not None:
            more["impact"] = np.ascontiguousarray(impact / self._pad_mm, np.float32)
        if phi is not None:
            more["phi"] = np.ascontiguousarray(phi, np.float32)
        try:
            return HitArrays(*self._maker.make(seed % 2**64, first, energy, theta, **more))
        except TypeError:
            msg = f"the caloforge-native that is installed knows no {' or '.join(more)}: renew it,"
            raise InputError(f"{msg} or take another runtime (--runtime onnx)") from None


class NativeEngine:
    """A model file in the native sampler, with a worker for each core of the plan.

    Attributes
    ----------
    card, plan : the model's card, and how the engine runs it.

    Raises
    ------
    ModelError
        if the sampler cannot run the model.
    MissingExtraError
        if caloforge-native is not installed.
    """

    def __init__(self, path: Path, plan: Plan, card: ModelCard) -> None:
        native = require("caloforge_native")
        self.card, self.plan = card, plan
        try:
            self._sampler = native.Sampler(str(path))
        except native.ModelFileError as problem:
            msg = f"{path}: {problem}"
            raise ModelError(msg) from None
        if tuple(self._sampler.shape) != card.cell_shape:
            shape = tuple(self._sampler.shape)
            msg = f"{path}: its card says cells {card.cell_shape}, its tables are for {shape}"
            raise ModelError(msg)
        self._workers = [self.worker() for _ in range(plan.cores)]

    def worker(self) -> NativeWorker:
        """A worker of the caller's own."""
        return NativeWorker(self._sampler, self.card.detector.pad_mm)

    def batches(
        self, conditions: Conditions, sink: Sink, *, seed: int, start: int = 0
    ) -> Iteration[int]:
        """As of :meth:`caloforge.engine.base.Engine.batches`; cells are scattered from hits."""

        def make(worker: NativeWorker, first: int) -> int:
            stop = min(first + self.plan.batch, len(conditions))
            hits = worker.hits(conditions, seed, first, stop)
            sink(first, hits.dense(self.card.cell_shape))
            return stop

        starts = range(start, len(conditions), self.plan.batch)
        yield from over_streams(self._workers, starts, make)

    def hits(
        self, conditions: Conditions, *, seed: int, start: int = 0
    ) -> Iteration[tuple[int, HitArrays]]:
        """The showers from ``start`` on as hits, in order: first shower of a batch, and its hits.

        They are those of :meth:`batches`; the range is not checked.
        """

        def make(worker: NativeWorker, first: int) -> tuple[int, HitArrays]:
            stop = min(first + HITS_BATCH, len(conditions))
            return first, worker.hits(conditions, seed, first, stop)

        yield from over_streams(self._workers, range(start, len(conditions), HITS_BATCH), make)


def load(path: Path, plan: Plan, card: ModelCard) -> NativeEngine:
    """As of :class:`caloforge.engine.runtimes.Runtime`; errors as of the engine."""
    return NativeEngine(path, plan, card)
