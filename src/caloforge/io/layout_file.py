"""A file of one layout opened for reading: what all layouts share.

A layout says in which datasets cells, energies and angles lie and turns rows of them into GeV, rad
and images (N, X, Y, Z); what follows from that is here: lengths, the detector, what the cells mean.
"""

from abc import abstractmethod
from pathlib import Path

import numpy as np

from caloforge.calibration import Calibration
from caloforge.detector import Detector
from caloforge.errors import InputError
from caloforge.io.hdf5 import BLOCK_BYTES, Column, Hdf5File
from caloforge.io.identity import (
    CALIBRATION_ATTRIBUTE,
    DETECTOR_ATTRIBUTE,
    calibration_of,
    detector_from_json,
    judged_calibration,
    only_particle,
)
from caloforge.io.sample import ShowerFile
from caloforge.io.shapes import scalar_per_shower
from caloforge.typing import AnyArray

READ_ROWS = 512
"""Showers in a block, where that many fit into BLOCK_BYTES."""

PROBE_ROWS = 64
"""Showers that are looked at, here and there, to see what the cells of a file mean."""


class LayoutFile(ShowerFile):
    """A sample in one file of a layout; errors as of ShowerFile."""

    _angle: Column | None = None
    """Polar angles, where the file has them."""
    _azimuth: Column | None = None
    """Azimuths, where the file has them."""
    _impact: Column | None = None
    """Impact points, where the file has them."""
    _angle_unit: float = 1.0
    """What one of their numbers is in rad."""

    def __init__(self, path: Path, detector: Detector | None = None) -> None:
        self.path, self.why = path, list[str]()
        self.file = Hdf5File(path)
        try:
            self.attributes = self.file.attributes
            self.given_detector = detector
            self._cells = self._find_cells()
            if len(self._cells) == 0:
                msg = f"{path} holds no showers"
                raise InputError(msg)
            self._find_conditions()
            self.known_detector = detector or self._named_detector() or self._detector_of_shape()
            self.cell_shape = self._find_cell_shape()
            self.particle = self._find_particle()
            self.calibration = self._find_calibration()
            if self.known_detector is not None:
                self.known_detector.window_of(self.cell_shape)
        except BaseException:
            self.file.close()
            raise

    @abstractmethod
    def _find_cells(self) -> Column:
        """The dataset of the cells, one row a shower."""

    @abstractmethod
    def _find_conditions(self) -> None:
        """Find the datasets of energies and angles, and refuse those of other lengths."""

    @abstractmethod
    def _find_cell_shape(self) -> tuple[int, int, int]:
        """Cells (X, Y, Z) of a shower; ``known_detector`` is at hand."""

    def _images(self, stored: AnyArray) -> AnyArray:
        """Cells (n, X, Y, Z) in GeV from rows of the cells' dataset."""
        return stored.reshape(-1, *self.cell_shape)

    def _read_images(self, start: int, stop: int) -> AnyArray:
        return self._images(self._cells.read(start, stop))

    def _angles(self, start: int, stop: int) -> AnyArray:
        if self._angle is None:
            return super()._angles(start, stop)
        return scalar_per_shower(self._angle.read(start, stop)) * self._angle_unit

    def _azimuths(self, start: int, stop: int) -> AnyArray | None:
        if self._azimuth is None:
            return None
        return scalar_per_shower(self._azimuth.read(start, stop)) * self._angle_unit

    def _impacts(self, start: int, stop: int) -> AnyArray | None:
        return None if self._impact is None else self._impact.read(start, stop)

    def _detector_of_shape(self) -> Detector | None:
        """The bundled detector that the shape tells, where a layout's shape does."""
        return None

    def _find_particle(self) -> str:
        """The particle that the file's attribute or datasets name; errors as of only_particle."""
        return only_particle(self.file, len(self), self.why)

    def _usual_calibration(self, fraction: float | None) -> Calibration:
        """What cells mean that sum to this ``fraction`` of Ep, where the file does not say."""
        return judged_calibration(fraction, self.known_detector, self.why)

    def __len__(self) -> int:
        return len(self._cells)

    def close(self) -> None:
        """Close the file."""
        self.file.close()

    @property
    def compression(self) -> str:
        """How the cells are compressed in the file."""
        return self._cells.compression

    @property
    def block_rows(self) -> int:
        """Showers that are read at a time.

        Where compressed chunks hold more rows than READ_ROWS, each read takes as many as fit:
        every one of those chunks is unpacked anew for it.
        """
        image = 4 * int(np.prod(self.cell_shape))
        fitting = max(1, BLOCK_BYTES // max(self._cells.row_bytes, image))
        chunk = self._cells.chunks[0] if self._cells.chunks else 1
        return fitting if chunk > READ_ROWS else min(READ_ROWS, fitting)

    def _check_length(self, column: Column) -> Column:
        if len(column) != len(self._cells):
            msg = (
                f"{self.path}: lengths differ: {self._cells.name} has {len(self._cells)} showers, "
                f"{column.name} {len(column)}"
            )
            raise InputError(msg)
        return column

    def _column_if_any(self, name: str) -> Column | None:
        return self._check_length(self.file.column(name)) if name in self.file else None

    def _named_detector(self) -> Detector | None:
        text = self.attributes.get(DETECTOR_ATTRIBUTE)
        return None if text is None else detector_from_json(str(text), where=str(self.path))

    def _find_calibration(self) -> Calibration:
        said = self.attributes.get(CALIBRATION_ATTRIBUTE)
        if said is not None:
            self.why.append(f"calibration: the attribute {CALIBRATION_ATTRIBUTE} says so")
            return calibration_of(str(said), where=str(self.path))
        return self._usual_calibration(self._fraction())

    def _fraction(self) -> float | None:
        """Median of sum over Ep of some showers that are not empty; None where all are."""
        rows = min(PROBE_ROWS, self.block_rows)
        for start in sorted({0, len(self) // 2, max(0, len(self) - rows)}):
            block = self.block(start, min(start + rows, len(self)))
            sums = block.cells.sum(axis=(1, 2, 3), dtype=np.float64)
            if np.any(sums > 0):
                return float(np.median((sums / block.energy)[sums > 0]))
        return None
