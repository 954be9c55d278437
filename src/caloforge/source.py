"""The protocol that Geant4, a network and every inference engine satisfy."""

from collections.abc import Callable
from collections.abc import Generator as Iteration
from typing import Protocol, runtime_checkable

import numpy as np

from caloforge.beam import Conditions, ConditionsLike
from caloforge.showers import Showers
from caloforge.typing import FloatArray

Sink = Callable[[int, FloatArray], None]
"""``sink(first, cells)`` is given the cells (n, X, Y, Z) in GeV of a batch and the number of its
first shower: in any thread, in any order, in memory that it must not keep."""


@runtime_checkable
class ShowerSource(Protocol):
    """Anything that makes showers for given conditions; a seed fixes each of them.

    ``batches`` is the primitive: shower i under a seed is the same wherever the batches begin.
    """

    @property
    def name(self) -> str:
        """How the source is called in tables and plots."""
        ...

    def batches(
        self, conditions: Conditions, sink: Sink, *, seed: int, start: int = 0
    ) -> Iteration[int]:
        """Hand the showers from ``start`` on to the sink, batch by batch.

        What is iterated over is the number of showers that are done without a gap.
        """
        ...

    def sample(self, conditions: ConditionsLike, *, seed: int) -> Showers:
        """Make one shower for each condition; plain numbers are energies in GeV."""
        ...


def collected(batches: Callable[[Sink], Iteration[int]], shape: tuple[int, ...]) -> FloatArray:
    """All the cells, of shape (N, X, Y, Z) in GeV, that ``batches(sink)`` hands to its sink."""
    cells = np.empty(shape, np.float32)

    def keep(first: int, part: FloatArray) -> None:
        cells[first : first + len(part)] = part

    for _ in batches(keep):
        pass
    return cells


def forget(first: int, cells: FloatArray) -> None:
    """A sink that keeps nothing."""
