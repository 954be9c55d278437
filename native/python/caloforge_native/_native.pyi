from typing import Any

import numpy as np
from numpy.typing import NDArray

class ModelFileError(ValueError): ...

def instruction_sets() -> list[str]:
    """Instruction sets that this machine can run, best first."""

class Sampler:
    """A model's tables: ``path`` of a model file, or its bytes."""

    def __init__(self, path: str | bytes) -> None: ...
    @property
    def shape(self) -> tuple[int, int, int]:
        """Cells (X, Y, Z) of one shower."""
    @property
    def flow_numbers(self) -> int:
        """Uniform numbers that a shower's layer energies are made from."""
    @property
    def numbers(self) -> int:
        """These, four for its axis, one for where it begins, two for its centre and ten for each
        layer's field in rings, if drawn."""

class Maker:
    """Makes showers in one thread at a time."""

    def __init__(self, sampler: Sampler, instruction_set: str = "") -> None: ...
    def make(
        self,
        seed: int,
        first: int,
        energy: NDArray[np.float32],
        theta: NDArray[np.float32],
        impact: NDArray[np.float32] | None = None,
        phi: NDArray[np.float32] | None = None,
    ) -> tuple[NDArray[np.int64], NDArray[np.uint16 | np.uint32], NDArray[np.float32]]:
        """Offsets (N + 1,), cells and energies in GeV of the showers from ``first`` on.

        ``impact`` (N, 2): where the particles enter the front, in pads from the middle of one along
        x and y; None: anywhere, drawn.  ``phi`` (N,): which way they lean, in rad from x towards
        y; None: along y.
        Cells are uint16 where an image has no more of them than that tells apart.
        """
    def trace(
        self,
        energy: NDArray[np.float32],
        theta: NDArray[np.float32],
        numbers: NDArray[np.float32],
        cell_numbers: NDArray[np.uint32] | None = None,
        phi: NDArray[np.float32] | None = None,
    ) -> dict[str, NDArray[Any]]:
        """What the steps make of given numbers (N, numbers); for tests."""
