"""Showers as their hits: the cells that hold energy, and nothing of the others.

Cells are numbered as in :mod:`caloforge.hit_arrays`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from caloforge.beam import Conditions, as_points
from caloforge.calibration import DEPOSITED, Calibration
from caloforge.detector import Detector
from caloforge.errors import InputError
from caloforge.hit_arrays import HitArrays
from caloforge.particle import UNKNOWN, particle_name
from caloforge.showers import (
    Showers,
    check_alike,
    check_unit,
    joined_directions,
    refuse_absent,
    rows_of,
)
from caloforge.typing import AnyArray, Float64Array, FloatArray, IntArray


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
    particle, calibration, phi, impact : as of :class:`~caloforge.showers.Showers`.

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
    phi: FloatArray | None = None
    impact: FloatArray | None = None

    def __post_init__(self) -> None:
        conditions = Conditions(self.energy, self.theta, self.phi)
        shape = self.detector.cell_shape(self.window)
        offsets, cell, cell_energy = HitArrays.checked(
            self.offsets, self.cell, self.cell_energy, shape, showers=len(conditions)
        )
        object.__setattr__(self, "offsets", offsets)
        object.__setattr__(self, "cell", cell)
        object.__setattr__(self, "cell_energy", cell_energy)
        object.__setattr__(self, "energy", conditions.energy)
        object.__setattr__(self, "theta", conditions.theta)
        object.__setattr__(self, "phi", conditions.phi)
        if self.impact is not None:
            object.__setattr__(self, "impact", as_points(self.impact, len(conditions)))
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
            rows_of(self.phi, rows), rows_of(self.impact, rows),
        )  # fmt: skip

    @property
    def conditions(self) -> Conditions:
        """The primary energies and directions, as of :attr:`Showers.conditions`."""
        return Conditions(self.energy, self.theta, self.phi)

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
            *HitArrays.of(showers.cells), showers.energy, showers.theta, showers.detector,
            showers.window, showers.particle, showers.calibration, showers.phi, showers.impact,
        )  # fmt: skip

    def dense(self) -> Showers:
        """The showers with all their cells; :meth:`Showers.hits` is the inverse."""
        cells = self.arrays.dense(self.cell_shape)
        return Showers(
            cells, self.energy, self.theta, self.detector, self.particle, self.calibration,
            self.phi, self.impact,
        )  # fmt: skip

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
            *joined_directions(parts),
        )  # fmt: skip
