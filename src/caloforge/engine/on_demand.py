"""Showers as an event loop asks for them: a few at a time, in the caller's own thread."""

from typing import Protocol

import numpy as np

from caloforge.engine.base import Engine
from caloforge.engine.native import NativeEngine
from caloforge.engine.streamed import StreamedEngine
from caloforge.errors import ModelError
from caloforge.hit_arrays import HitArrays
from caloforge.typing import FloatArray


class OnDemand(Protocol):
    """Makes showers when their conditions are known, and no sooner."""

    def __call__(self, seed: int, energy: FloatArray, theta: FloatArray) -> HitArrays:
        """The showers of particles of energies (N,) in GeV and angles (N,) in rad.

        The seed fixes them. They stay valid until the next call; the model's range is not checked.
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

    def make(seed: int, energy: FloatArray, theta: FloatArray) -> HitArrays:
        rng = np.random.Generator(np.random.SFC64(seed))
        shape = len(energy), latent.dim
        normal = latent.distribution == "normal"
        draw = rng.standard_normal if normal else rng.random
        numbers = draw(shape, dtype=np.float32)
        cells = []
        for first in range(0, len(energy), batch):
            rows = np.arange(first, first + batch).clip(max=len(energy) - 1)
            made = stream.run(numbers[rows], energy[rows], theta[rows])
            cells.append(made[: len(energy) - first].copy())
        return HitArrays.of(np.concatenate(cells))

    return make
