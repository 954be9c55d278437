"""Showers as their hits: the cells that hold energy, and nothing of the others.

Cell (x, y, z) of an image (X, Y, Z) has the number (x Y + y) Z + z, its place in the raveled image;
the hits of shower i are those from ``offsets[i]`` to ``offsets[i + 1]``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np

from caloforge.beam import Conditions
from caloforge.calibration import DEPOSITED, Calibration
from caloforge.detector import Detector
from caloforge.errors import InputError
from caloforge.particle import UNKNOWN, particle_name
from caloforge.showers import Showers, check_alike, check_unit, refuse_absent
from caloforge.typing import AnyArray, Float64Array, FloatArray, IntArray


class HitArrays(NamedTuple):
    """The hits of N showers and nothing else: what engines make and files hold.

    ``offsets`` (N + 1,) int64, ``cell`` (H,) whole numbers and ``cell_energy`` (H,) float32 in GeV,
    as of :class:`Hits`.
    """

    offsets: IntArray
    cell: AnyArray
    cell_energy: FloatArray

    def copy(self) -> "HitArrays":
        """The same in memory of its own."""
        return HitArrays(self.offsets.copy(), self.cell.copy(), self.cell_energy.copy())

    def dense(self, shape: tuple[int, int, int]) -> FloatArray:
        """Cells (N, X, Y, Z) in GeV."""
        size = int(np.prod(shape))
        cells = np.zeros((len(self.offsets) - 1, size), np.float32)
        starts = np.arange(len(cells)) * size
        place = self.cell + np.repeat(starts, np.diff(self.offsets))
        cells.reshape(-1)[place] = self.cell_energy
        return cells.reshape(-1, *shape)


@dataclass(frozen=True, eq=False)
class Hits:
    """N showers of one particle in one detector, as H hits.

    Attributes
    ----------
    offsets : int64 (N + 1,), where each shower's hits begin, and the end.
    cell : uint16 or uint32 (H,), number of each hit's cell, rising within a shower.
    cell_energy : float32 (H,), energy in that cell in GeV, as ``calibration`` says.
    energy : float32 (N,), primary energy Ep in GeV.
    theta : float32 (N,), polar angle in rad, pi / 2 = perpendicular.
    detector, window : the calorimeter that they belong to, and which image of it.
    particle, calibration : as of :class:`~caloforge.showers.Showers`.

    Raises
    ------
    InputError
        if shapes, lengths or values are impossible, or a cell that the detector lacks is hit.
    DetectorError
        if the detector has no such window.
    """

    offsets: IntArray
    cell: AnyArray
    cell_energy: FloatArray
    energy: FloatArray
    theta: FloatArray
    detector: Detector
    window: str
    particle: str = UNKNOWN
    calibration: Calibration = DEPOSITED

    def __post_init__(self) -> None:
        conditions = Conditions(self.energy, self.theta)
        shape = self.detector.cell_shape(self.window)
        offsets, cell, cell_energy = checked_hits(
            self.offsets, self.cell, self.cell_energy, shape, showers=len(conditions)
        )
        object.__setattr__(self, "offsets", offsets)
        object.__setattr__(self, "cell", cell)
        object.__setattr__(self, "cell_energy", cell_energy)
        object.__setattr__(self, "energy", conditions.energy)
        object.__setattr__(self, "theta", conditions.theta)
        object.__setattr__(self, "particle", particle_name(self.particle))
        if len(conditions):
            check_unit(self.deposited_energy, conditions.energy, self.calibration)
        if self.detector.layers_differ:
            hit = np.zeros(int(np.prod(shape)), bool)
            hit[cell] = True
            refuse_absent(hit.reshape(shape), self.detector, self.window)

    def __len__(self) -> int:
        return len(self.energy)

    def __getitem__(self, index: Any) -> Self:
        """A subset by slice, index array or mask."""
        rows = np.arange(len(self))[index]
        first, counts = self.offsets[rows], self.counts[rows]
        offsets = np.concatenate([[0], np.cumsum(counts)])
        place = np.arange(offsets[-1]) + np.repeat(first - offsets[:-1], counts)
        return type(self)(
            offsets, self.cell[place], self.cell_energy[place], self.energy[rows],
            self.theta[rows], self.detector, self.window, self.particle, self.calibration,
        )  # fmt: skip

    @property
    def conditions(self) -> Conditions:
        """The primary energies and angles."""
        return Conditions(self.energy, self.theta)

    @property
    def cell_shape(self) -> tuple[int, int, int]:
        """Cells (X, Y, Z) of the image."""
        return self.detector.cell_shape(self.window)

    @property
    def arrays(self) -> HitArrays:
        """The hits alone."""
        return HitArrays(self.offsets, self.cell, self.cell_energy)

    @property
    def counts(self) -> IntArray:
        """Hits of each shower, shape (N,)."""
        return np.diff(self.offsets)

    @property
    def shower(self) -> IntArray:
        """Number of the shower that each hit belongs to, shape (H,)."""
        return np.repeat(np.arange(len(self)), self.counts)

    @property
    def deposited_energy(self) -> Float64Array:
        """Energy in all cells of each shower, (N,) GeV."""
        total = np.bincount(self.shower, self.cell_energy, minlength=len(self))
        return total.astype(np.float64)

    @classmethod
    def of(cls, showers: Showers) -> Self:
        """The hits of showers; :meth:`dense` is the inverse."""
        return cls(
            *hits_of(showers.cells), showers.energy, showers.theta, showers.detector,
            showers.window, showers.particle, showers.calibration,
        )  # fmt: skip

    def dense(self) -> Showers:
        """The showers with all their cells; :meth:`Showers.hits` is the inverse."""
        cells = self.arrays.dense(self.cell_shape)
        return Showers(
            cells, self.energy, self.theta, self.detector, self.particle, self.calibration
        )

    @classmethod
    def concatenate(cls, parts: Sequence[Self]) -> Self:
        """Join showers of one particle in one image; errors as of :meth:`Showers.concatenate`."""
        first = parts[0]
        for part in parts[1:]:
            check_alike(first, part)
            if part.cell_shape != first.cell_shape:
                shapes = f"{first.cell_shape}, {part.cell_shape}"
                msg = f"showers of different windows cannot be joined: {shapes}"
                raise InputError(msg)
        counts = np.concatenate([part.counts for part in parts])
        return cls(
            np.concatenate([[0], np.cumsum(counts)]),
            np.concatenate([part.cell for part in parts]),
            np.concatenate([part.cell_energy for part in parts]),
            np.concatenate([part.energy for part in parts]),
            np.concatenate([part.theta for part in parts]),
            first.detector, first.window, first.particle, first.calibration,
        )  # fmt: skip


def cell_type(shape: Sequence[int]) -> Any:
    """The type of cell numbers of an image (X, Y, Z): uint16 where it has room, else uint32.

    >>> cell_type((25, 25, 25)).__name__, cell_type((51, 51, 26)).__name__
    ('uint16', 'uint32')
    """
    return np.uint16 if np.prod(shape, dtype=float) <= 2**16 else np.uint32


def hits_of(cells: FloatArray) -> HitArrays:
    """The hits of cells (N, X, Y, Z) in GeV."""
    flat, size = cells.reshape(-1), int(np.prod(cells.shape[1:]))
    place = np.flatnonzero(flat != 0)  # twice as fast as of the numbers themselves
    starts = np.arange(len(cells) + 1) * size
    offsets = np.searchsorted(place, starts)
    cell = place - np.repeat(starts[:-1], np.diff(offsets))
    return HitArrays(offsets, cell.astype(cell_type(cells.shape[1:])), flat[place])


def checked_hits(
    offsets: Any,
    cell: Any,
    cell_energy: Any,
    shape: tuple[int, int, int],
    *,
    showers: int,
    first_row: int = 0,
) -> HitArrays:
    """Hits that can be, in their types.

    ``first_row`` is what messages count the showers from.

    Raises
    ------
    InputError
        for offsets that fall or do not end with the hits, cells outside the image (X, Y, Z) or out
        of order, and energies that are not positive and finite.
    """
    offsets = _whole_numbers(offsets, "offsets").astype(np.int64)
    cell, energies = _whole_numbers(cell, "cell"), np.asarray(cell_energy, np.float32)
    if len(offsets) != showers + 1 or energies.shape != cell.shape:
        msg = (
            f"{showers} showers need {showers + 1} offsets and as many energies as cells, got "
            f"{len(offsets)} offsets, {len(cell)} cells and energies of shape {energies.shape}"
        )
        raise InputError(msg)
    falling = np.flatnonzero(np.diff(offsets) < 0)
    if len(falling):
        row = int(falling[0])
        msg = f"offsets must not fall, got {offsets[row]} and then {offsets[row + 1]}"
        raise InputError(f"{msg} at shower {first_row + row}")
    if offsets[0] != 0 or offsets[-1] != len(cell):
        msg = f"offsets must run from 0 to the number of hits, {len(cell)}"
        raise InputError(f"{msg}, got {offsets[0]} to {offsets[-1]}")

    def refuse(wrong: AnyArray, what: str, values: AnyArray) -> None:
        if np.any(wrong):
            hit = int(np.argmax(wrong))
            row = first_row + int(np.searchsorted(offsets, hit, side="right")) - 1
            msg = f"{what}, got {values[hit]} in shower {row}"
            raise InputError(msg)

    size = int(np.prod(shape))
    refuse((cell < 0) | (cell >= size), f"cells of {shape} have the numbers 0-{size - 1}", cell)
    cell = cell.astype(cell_type(shape), copy=False)
    rising = np.concatenate([np.ones(min(len(cell), 1), bool), cell[1:] > cell[:-1]])
    rising[offsets[:-1][offsets[:-1] < len(cell)]] = True
    refuse(~rising, "the cells of a shower must rise", cell)
    good = (energies > 0) & (energies < np.inf)
    refuse(~good, "hits must have a positive, finite energy in GeV", energies)
    return HitArrays(offsets, cell, energies)


def _whole_numbers(values: Any, name: str) -> AnyArray:
    array = np.asarray(values)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        msg = f"{name} must be whole numbers in one row, got {array.dtype} of shape {array.shape}"
        raise InputError(msg)
    return array if array.size else array.astype(np.int64)
