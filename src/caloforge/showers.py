"""The noun of the house: showers, checked when they are built."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from caloforge.beam import Conditions
from caloforge.detector import Detector
from caloforge.errors import DetectorError, InputError
from caloforge.scaling import MAX_SAMPLING_FRACTION
from caloforge.typing import FloatArray


@dataclass(frozen=True, eq=False)
class Showers:
    """N showers of one detector.

    Attributes
    ----------
    cells : float32 (N, X, Y, Z), energy deposited in each cell in GeV; x and y transverse,
        z the layer.
    energy : float32 (N,), primary energy Ep in GeV.
    theta : float32 (N,), polar angle in rad, pi / 2 = perpendicular.
    detector : the calorimeter that they belong to.

    Raises
    ------
    InputError
        if shapes, lengths or values are impossible, or a cell that the detector lacks holds energy.
    DetectorError
        if the cells fit no window of the detector.
    """

    cells: FloatArray
    energy: FloatArray
    theta: FloatArray
    detector: Detector

    def __post_init__(self) -> None:
        cells = np.asarray(self.cells, dtype=np.float32)
        if cells.ndim != 4:
            msg = f"cells must have the shape (N, X, Y, Z), got {cells.shape}"
            raise InputError(msg)
        self.detector.window_of(cells.shape[1:])
        conditions = Conditions(self.energy, self.theta)
        if len(conditions) != len(cells):
            msg = f"{len(cells)} showers in cells but {len(conditions)} energies"
            raise InputError(msg)
        object.__setattr__(self, "cells", cells)
        object.__setattr__(self, "energy", conditions.energy)
        object.__setattr__(self, "theta", conditions.theta)
        _check_cells(cells, conditions.energy)
        if self.detector.layers_differ:
            _check_absent(cells, self.detector, self.window)

    def __len__(self) -> int:
        return len(self.cells)

    def __getitem__(self, index: Any) -> Self:
        """A subset by slice, index array or mask."""
        return type(self)(self.cells[index], self.energy[index], self.theta[index], self.detector)

    @property
    def conditions(self) -> Conditions:
        """The primary energies and angles."""
        return Conditions(self.energy, self.theta)

    @property
    def window(self) -> str:
        """Name of the detector's window that the cells fill."""
        return self.detector.window_of(self.cells.shape[1:])

    @classmethod
    def concatenate(cls, parts: Sequence[Self]) -> Self:
        """Join showers of one detector.

        Raises
        ------
        DetectorError
            if the parts belong to different detectors.
        """
        detector = parts[0].detector
        if any(part.detector.digest != detector.digest for part in parts):
            names = ", ".join(sorted({part.detector.name for part in parts}))
            msg = f"showers of different detectors cannot be joined: {names}"
            raise DetectorError(msg)
        return cls(
            np.concatenate([part.cells for part in parts]),
            np.concatenate([part.energy for part in parts]),
            np.concatenate([part.theta for part in parts]),
            detector,
        )


def _check_cells(cells: FloatArray, energy: FloatArray) -> None:
    """Refuse NaN, infinite and negative cells, and sums that betray another unit."""
    if cells.size == 0:
        return
    if not cells.min() >= 0:
        if np.isnan(cells).any():
            msg = "cells contain NaN"
            raise InputError(msg)
        msg = f"cells must not be negative, got {cells.min():g} GeV"
        raise InputError(msg)
    with np.errstate(over="ignore"):
        sums = cells.sum(axis=(1, 2, 3), dtype=np.float32)
    if not np.all(np.isfinite(sums)):
        msg = "cells contain infinite values"
        raise InputError(msg)
    fraction = sums / energy
    if np.median(fraction) > MAX_SAMPLING_FRACTION:
        msg = (
            f"the cells sum to {np.median(fraction):.3g} times Ep (median): "
            "cells and energy must both be in GeV (cells in MeV by mistake?)"
        )
        raise InputError(msg)


def _check_absent(cells: FloatArray, detector: Detector, window: str) -> None:
    """Refuse energy in cells that the layer does not have."""
    absent = ~detector.geometry(window).present
    wrong = np.argwhere((cells > 0).any(axis=0) & absent)
    if len(wrong):
        x, y, z = wrong[0]
        msg = f"cell ({x}, {y}) of layer {z} holds energy, but {detector.name} has no such cell"
        raise InputError(msg)
