"""Showers as an event loop asks for them: a few at a time, in the caller's own thread."""

from typing import Protocol

import numpy as np

from caloforge.beam import Conditions
from caloforge.engine.base import Engine
from caloforge.engine.entry import EntryPoint
from caloforge.engine.native import NativeEngine
from caloforge.engine.streamed import StreamedEngine, enter
from caloforge.errors import ModelError
from caloforge.hit_arrays import HitArrays
from caloforge.typing import FloatArray


class OnDemand(Protocol):
    """Makes showers when their conditions are known, and no sooner."""

    def __call__(
        self,
        seed: int,
        energy: FloatArray,
        theta: FloatArray,
        *,
        impact: FloatArray | None = None,
        phi: FloatArray | None = None,
    ) -> HitArrays:
        """The showers of particles of energies (N,) in GeV and angles (N,) in rad, which enter at
        ``impact`` (N, 2) in mm from the middle of their pad, where the model can place it.

        ``phi`` (N,) in rad is within 45 degrees of y, as of :func:`caloforge.turn.as_made`, and for
        models that take it. The seed fixes the showers. They stay valid until the next call; the
        model's range is not checked.
        """
        ...


def on_demand(engine: Engine) -> OnDemand:
    """The showers of an engine, without its threads.

    Raises
    ------
    ModelError
        if the engine cannot be asked so.
    """
    if isinstance(engine, NativeEngine):
        return engine.worker().make
    if isinstance(engine, StreamedEngine):
        return _from_latents(engine)
    msg = f"{engine.card.name}: {engine.plan.runtime} makes showers in batches alone"
    raise ModelError(msg)


def _from_latents(engine: StreamedEngine) -> OnDemand:
    """The engine's own block of random numbers is for many showers: here only those needed."""
    latent, stream, batch = engine.card.latent, engine.streams[0], engine.plan.batch
    entry = None if engine.card.impact_latent is None else EntryPoint(engine.card)

    def make(
        seed: int,
        energy: FloatArray,
        theta: FloatArray,
        *,
        impact: FloatArray | None = None,
        phi: FloatArray | None = None,
    ) -> HitArrays:
        rng = np.random.Generator(np.random.SFC64(seed))
        shape = len(energy), latent.dim
        normal = latent.distribution == "normal"
        draw = rng.standard_normal if normal else rng.random
        numbers = draw(shape, dtype=np.float32)
        cells = []
        for first in range(0, len(energy), batch):
            rows = np.arange(first, first + batch).clip(max=len(energy) - 1)
            mine, leans = numbers[rows], None if phi is None else phi[rows]
            if entry is not None and impact is not None:
                part = Conditions(energy[rows], theta[rows], leans, impact[rows])
                enter(entry, stream, mine, part)
            made = stream.run(mine, energy[rows], theta[rows], leans)
            cells.append(made[: len(energy) - first].copy())
        return HitArrays.of(np.concatenate(cells))

    return make
