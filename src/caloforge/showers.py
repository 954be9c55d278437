"""The noun of the house: showers, checked when they are built."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from caloforge.beam import IN_PLANE, Conditions, as_points
from caloforge.calibration import DEPOSITED, Calibration
from caloforge.detector import Detector
from caloforge.errors import DetectorError, InputError
from caloforge.particle import UNKNOWN, particle_name
from caloforge.scaling import MAX_FRACTION, NEGATIVE_TOLERANCE_GEV
from caloforge.typing import AnyArray, BoolArray, FloatArray

if TYPE_CHECKING:
    from caloforge.hits import Hits


@dataclass(frozen=True, eq=False)
class Showers:
    """N showers of one particle in one detector.

    Attributes
    ----------
    cells : float32 (N, X, Y, Z), energy in each cell in GeV, as ``calibration`` says; x and y
        transverse, z the layer.
    energy : float32 (N,), primary energy Ep in GeV.
    theta : float32 (N,), polar angle in rad, pi / 2 = perpendicular.
    detector : the calorimeter that they belong to.
    particle : Geant4's name of the primary, or ``unknown``.
    calibration : what the energies in cells mean.
    phi : float32 (N,), which way inclined showers lean, in rad from x towards y; None: along y.
    impact : float32 (N, 2), where the particles entered the front, in mm along x and y from the
        middle of the image's middle pad; None where it is not known.

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
    particle: str = UNKNOWN
    calibration: Calibration = DEPOSITED
    phi: FloatArray | None = None
    impact: FloatArray | None = None

    def __post_init__(self) -> None:
        cells = np.asarray(self.cells, dtype=np.float32)
        if cells.ndim != 4:
            msg = f"cells must have the shape (N, X, Y, Z), got {cells.shape}"
            raise InputError(msg)
        self.detector.window_of(cells.shape[1:])
        conditions = Conditions(self.energy, self.theta, self.phi)
        if len(conditions) != len(cells):
            msg = f"{len(cells)} showers in cells but {len(conditions)} energies"
            raise InputError(msg)
        cells = checked_cells(cells, conditions.energy, self.calibration)
        object.__setattr__(self, "cells", cells)
        object.__setattr__(self, "energy", conditions.energy)
        object.__setattr__(self, "theta", conditions.theta)
        object.__setattr__(self, "phi", conditions.phi)
        if self.impact is not None:
            object.__setattr__(self, "impact", as_points(self.impact, len(cells)))
        object.__setattr__(self, "particle", particle_name(self.particle))
        if self.detector.layers_differ:
            refuse_absent(np.any(cells > 0, axis=0), self.detector, self.window)

    def __len__(self) -> int:
        return len(self.cells)

    def __getitem__(self, index: Any) -> Self:
        """A subset by slice, index array or mask."""
        return type(self)(
            self.cells[index], self.energy[index], self.theta[index], self.detector, self.particle,
            self.calibration, rows_of(self.phi, index), rows_of(self.impact, index),
        )  # fmt: skip

    @property
    def conditions(self) -> Conditions:
        """The primary energies and directions; not where the particles entered, which may be
        another pad than the image's middle one."""
        return Conditions(self.energy, self.theta, self.phi)

    @property
    def cell_shape(self) -> tuple[int, int, int]:
        """Cells (X, Y, Z) of a shower."""
        x, y, z = self.cells.shape[1:]
        return x, y, z

    @property
    def window(self) -> str:
        """Name of the detector's window that the cells fill."""
        return self.detector.window_of(self.cell_shape)

    def hits(self) -> "Hits":
        """The same showers as their hits; :meth:`Hits.dense` is the inverse."""
        from caloforge.hits import Hits

        return Hits.of(self)

    @classmethod
    def concatenate(cls, parts: Sequence[Self]) -> Self:
        """Join showers of one particle in one detector.

        Raises
        ------
        DetectorError
            if the parts belong to different detectors.
        InputError
            if they began with different particles, or their cells mean different things.
        """
        first = parts[0]
        for part in parts[1:]:
            check_alike(first, part)
        return cls(
            np.concatenate([part.cells for part in parts]),
            np.concatenate([part.energy for part in parts]),
            np.concatenate([part.theta for part in parts]),
            first.detector,
            first.particle,
            first.calibration,
            *joined_directions(parts),
        )


def rows_of(values: FloatArray | None, index: Any) -> FloatArray | None:
    """Rows of what showers may have."""
    return None if values is None else values[index]


def joined_directions(
    parts: "Sequence[Showers | Hits]",
) -> tuple[FloatArray | None, FloatArray | None]:
    """Phi of all parts, if one of them tells it; and impact points, if all tell them."""
    phi, impact = ([getattr(part, name) for part in parts] for name in ("phi", "impact"))
    along_y = (np.full(len(part), IN_PLANE, np.float32) for part in parts)
    known = (along if told is None else told for told, along in zip(phi, along_y, strict=True))
    return (
        None if all(told is None for told in phi) else np.concatenate([*known]),
        None if any(told is None for told in impact) else np.concatenate(impact),
    )


def check_alike(one: "Showers | Hits", other: "Showers | Hits") -> None:
    """Refuse showers that cannot be joined with others; errors as of Showers.concatenate."""
    if one.detector.digest != other.detector.digest:
        names = f"{one.detector.name}, {other.detector.name}"
        msg = f"showers of different detectors cannot be joined: {names}"
        raise DetectorError(msg)
    if one.particle != other.particle:
        names = f"{one.particle}, {other.particle}"
        msg = f"showers of different particles cannot be joined: {names}"
        raise InputError(msg)
    if one.calibration != other.calibration:
        names = f"{one.calibration}; {other.calibration}"
        msg = f"showers whose cells mean different things cannot be joined: {names}"
        raise InputError(msg)


def checked_cells(
    cells: FloatArray, energy: FloatArray, calibration: Calibration, *, first_row: int = 0
) -> FloatArray:
    """Cells (N, X, Y, Z) in GeV that can be: tiny negative ones (NEGATIVE_TOLERANCE_GEV) as zero.

    ``first_row`` is what messages count the showers from.

    Raises
    ------
    InputError
        for NaN, infinite and negative cells, naming the first row of them, and for sums that betray
        another unit.
    """
    if cells.size == 0:
        return cells
    lowest = cells.min()
    if not lowest >= -NEGATIVE_TOLERANCE_GEV:
        _refuse_cells(cells, first_row)
    if lowest < 0:
        cells = np.maximum(cells, np.float32(0))
    with np.errstate(over="ignore"):
        sums = cells.sum(axis=(1, 2, 3), dtype=np.float32)
    if not np.all(np.isfinite(sums)):
        row = first_row + int(np.argmin(np.isfinite(sums)))
        msg = f"cells contain infinite values in shower {row}"
        raise InputError(msg)
    check_unit(sums, energy, calibration)
    return cells


def _refuse_cells(cells: FloatArray, first_row: int) -> None:
    lowest = cells.reshape(len(cells), -1).min(axis=1)
    row = int(np.argmin(lowest >= -NEGATIVE_TOLERANCE_GEV))
    if np.isnan(lowest[row]):
        msg = f"cells contain NaN in shower {first_row + row}"
        raise InputError(msg)
    msg = (
        f"cells must not be negative, got {lowest[row]:g} GeV in shower {first_row + row} "
        f"(down to {-NEGATIVE_TOLERANCE_GEV:g} GeV is taken for zero)"
    )
    raise InputError(msg)


def check_unit(sums: AnyArray, energy: FloatArray, calibration: Calibration) -> None:
    """Refuse sums (N,) of cells in GeV that betray another unit; InputError."""
    scale = max((1.0, *calibration.factor)) if calibration.meaning == "scaled" else 1.0
    fraction = np.median(sums / energy)
    if fraction > MAX_FRACTION * scale:
        msg = (
            f"the cells sum to {fraction:.3g} times Ep (median): "
            "cells and energy must both be in GeV (cells in MeV by mistake?)"
        )
        raise InputError(msg)


def refuse_absent(hit: BoolArray, detector: Detector, window: str) -> None:
    """Refuse showers that hit (X, Y, Z) a cell that the layer does not have; InputError."""
    wrong = np.argwhere(hit & ~detector.geometry(window).present)
    if len(wrong):
        x, y, z = wrong[0]
        msg = f"cell ({x}, {y}) of layer {z} holds energy, but {detector.name} has no such cell"
        raise InputError(msg)
