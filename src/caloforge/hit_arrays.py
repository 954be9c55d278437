"""Sparse arrays: the hits of images without their conditions, and the laws that they keep.

Cell (x, y, z) of an image (X, Y, Z) has the number (x Y + y) Z + z, its place in the raveled image;
the hits of shower i are those from ``offsets[i]`` to ``offsets[i + 1]``.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, Self

import numpy as np

from caloforge.errors import InputError
from caloforge.typing import AnyArray, BoolArray, FloatArray, IntArray


def cell_type(shape: Sequence[int]) -> Any:
    """The type of cell numbers of an image (X, Y, Z): uint16 where it has room, else uint32.

    >>> cell_type((25, 25, 25)).__name__, cell_type((51, 51, 26)).__name__
    ('uint16', 'uint32')
    """
    return np.uint16 if np.prod(shape, dtype=float) <= 2**16 else np.uint32


POSITIVE = "hits must have a positive, finite energy in GeV"


class HitArrays(NamedTuple):
    """The hits of N showers and nothing else: what engines make and files hold.

    ``offsets`` (N + 1,) int64, ``cell`` (H,) whole numbers that rise within a shower, and
    ``cell_energy`` (H,) float32 in GeV.
    """

    offsets: IntArray
    cell: AnyArray
    cell_energy: FloatArray

    @classmethod
    def of(cls, cells: FloatArray) -> Self:
        """The hits of cells (N, X, Y, Z) in GeV; :meth:`dense` is the inverse."""
        flat, size = cells.reshape(-1), int(np.prod(cells.shape[1:]))
        place = np.flatnonzero(flat != 0)  # twice as fast as of the numbers themselves
        starts = np.arange(len(cells) + 1) * size
        offsets = np.searchsorted(place, starts)
        cell = place - np.repeat(starts[:-1], np.diff(offsets))
        return cls(offsets, cell.astype(cell_type(cells.shape[1:])), flat[place])

    def copy(self) -> Self:
        """The same in memory of its own."""
        return type(self)(self.offsets.copy(), self.cell.copy(), self.cell_energy.copy())

    def dense(self, shape: tuple[int, int, int]) -> FloatArray:
        """Cells (N, X, Y, Z) in GeV."""
        size = int(np.prod(shape))
        cells = np.zeros((len(self.offsets) - 1, size), np.float32)
        starts = np.arange(len(cells)) * size
        place = self.cell + np.repeat(starts, np.diff(self.offsets))
        cells.reshape(-1)[place] = self.cell_energy
        return cells.reshape(-1, *shape)

    def transposed(self, which: BoolArray, shape: tuple[int, int, int]) -> Self:
        """With x and y exchanged in some showers (N,) of a square image (X, Y, Z)."""
        shower = np.repeat(np.arange(len(which)), np.diff(self.offsets))
        x, y, z = np.unravel_index(self.cell, shape)
        turned = np.ravel_multi_index((y, x, z), shape)
        cell = np.where(which[shower], turned, self.cell).astype(self.cell.dtype)
        order = np.lexsort((cell, shower))
        return type(self)(self.offsets, cell[order], self.cell_energy[order])

    @classmethod
    def checked(
        cls,
        offsets: Any,
        cell: Any,
        cell_energy: Any,
        shape: tuple[int, int, int],
        *,
        showers: int,
        first_row: int = 0,
    ) -> Self:
        """Hits that can be, in their types; messages count the showers from ``first_row``.

        Raises
        ------
        InputError
            for offsets that fall or do not end with the hits, cells outside the image (X, Y, Z) or
            out of order, and energies that are not positive and finite.
        """
        offsets = _whole_numbers(offsets, "offsets").astype(np.int64)
        cell, energy = _whole_numbers(cell, "cell"), np.asarray(cell_energy, np.float32)
        if len(offsets) != showers + 1 or energy.shape != cell.shape:
            msg = (
                f"{showers} showers need {showers + 1} offsets and as many energies as cells, got "
                f"{len(offsets)} offsets, {len(cell)} cells and energies of shape {energy.shape}"
            )
            raise InputError(msg)
        _check_offsets(offsets, len(cell), first_row)
        size = int(np.prod(shape))
        rising = np.concatenate([np.ones(min(len(cell), 1), bool), cell[1:] > cell[:-1]])
        rising[offsets[:-1][offsets[:-1] < len(cell)]] = True
        outside = f"cells of {shape} have the numbers 0-{size - 1}"
        for wrong, law, values in (
            ((cell < 0) | (cell >= size), outside, cell),
            (~rising, "the cells of a shower must rise", cell),
            (~((energy > 0) & (energy < np.inf)), POSITIVE, energy),
        ):
            if np.any(wrong):
                hit = int(np.argmax(wrong))
                row = first_row + int(np.searchsorted(offsets, hit, side="right")) - 1
                msg = f"{law}, got {values[hit]} in shower {row}"
                raise InputError(msg)
        return cls(offsets, cell.astype(cell_type(shape), copy=False), energy)


def _check_offsets(offsets: IntArray, hits: int, first_row: int) -> None:
    falling = np.flatnonzero(np.diff(offsets) < 0)
    if len(falling):
        row = int(falling[0])
        msg = f"offsets must not fall, got {offsets[row]} and then {offsets[row + 1]}"
        raise InputError(f"{msg} at shower {first_row + row}")
    if offsets[0] != 0 or offsets[-1] != hits:
        msg = f"offsets must run from 0 to the number of hits, {hits}"
        raise InputError(f"{msg}, got {offsets[0]} to {offsets[-1]}")


def _whole_numbers(values: Any, name: str) -> AnyArray:
    array = np.asarray(values)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        msg = f"{name} must be whole numbers in one row, got {array.dtype} of shape {array.shape}"
        raise InputError(msg)
    return array if array.size else array.astype(np.int64)
