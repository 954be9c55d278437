"""Samples that hold hits, in HDF5, ROOT or Parquet: what they share."""

from abc import abstractmethod
from pathlib import Path
from typing import Any

import numpy as np

from caloforge.calibration import Calibration
from caloforge.detector import Detector
from caloforge.errors import InputError
from caloforge.hit_arrays import HitArrays
from caloforge.hits import Hits
from caloforge.io.hdf5 import BLOCK_BYTES, LARGEST_PART
from caloforge.io.identity import (
    CALIBRATION_ATTRIBUTE,
    DETECTOR_ATTRIBUTE,
    PARTICLE_ATTRIBUTE,
    calibration_of,
    detector_from_json,
)
from caloforge.io.layout_file import READ_ROWS
from caloforge.io.sample import ShowerFile, naming
from caloforge.particle import UNKNOWN, particle_name
from caloforge.typing import AnyArray

SHAPE_ATTRIBUTE = "cell_shape"


class SparseFile(ShowerFile):
    """A sample that holds hits; errors as of ShowerFile."""

    ORDER = "cell = (x Y + y) Z + z"

    @abstractmethod
    def _stored(self, start: int, stop: int) -> HitArrays:
        """The hits of rows as they are stored, unchecked."""

    def _most(self, start: int, stop: int) -> int:
        """The most hits that rows can have."""
        return (stop - start) * int(np.prod(self.cell_shape))

    def hits(self, start: int = 0, stop: int | None = None) -> Hits:
        """As :meth:`read`, without the cells that hold nothing; errors as there."""
        start, stop = slice(start, stop).indices(len(self))[:2]
        conditions = self._conditions(start, max(start, stop))
        return Hits(
            *self._hits(start, max(start, stop)), conditions.energy, conditions.theta,
            self.detector, self.window, self.particle, self.calibration, conditions.phi,
            self.impact_points(start, max(start, stop)),
        )  # fmt: skip

    def _hits(self, start: int, stop: int) -> HitArrays:
        """The hits of rows, checked."""
        with naming(self.path):
            return HitArrays.checked(
                *self._stored(start, stop), self.cell_shape, showers=stop - start, first_row=start
            )

    def _read_images(self, start: int, stop: int) -> AnyArray:
        return self._hits(start, stop).dense(self.cell_shape)


class TableFile(SparseFile):
    """A sample in a table that is no HDF5 file and says itself whose showers it holds.

    Raises
    ------
    InputError
        if the file is missing or damaged, holds no showers, or does not say its image's shape.
    """

    def __init__(self, path: Path, detector: Detector | None = None) -> None:
        self.path, self.why = path, list[str]()
        self.attributes = said = self._opened()
        try:
            if len(self) == 0:
                msg = f"{path} holds no showers"
                raise InputError(msg)
            named, where = said.get(DETECTOR_ATTRIBUTE), str(path)
            if detector is None and named is not None:
                detector = detector_from_json(str(named), where=where)
            self.known_detector = detector
            self.cell_shape = shape_attribute(said.get(SHAPE_ATTRIBUTE), path)
            if detector is not None:
                detector.window_of(self.cell_shape)
            self.particle = particle_name(said.get(PARTICLE_ATTRIBUTE, UNKNOWN))
            meaning = said.get(CALIBRATION_ATTRIBUTE)
            self.calibration = Calibration(meaning="unknown")
            if meaning is not None:
                self.calibration = calibration_of(str(meaning), where=where)
        except BaseException:
            self.close()
            raise

    @abstractmethod
    def _opened(self) -> dict[str, Any]:
        """Open the file; return what it says of itself."""

    @property
    def block_rows(self) -> int:
        """Showers that are read at a time."""
        return min(READ_ROWS, max(1, BLOCK_BYTES // (4 * self._most(0, 1))))


def shape_attribute(said: object, path: Path) -> tuple[int, int, int]:
    """The cells (X, Y, Z) of an image as an attribute says them; InputError if it does not."""
    if not isinstance(said, list) or len(said) != 3 or not all(_is_size(size) for size in said):
        msg = f"{path}: the attribute {SHAPE_ATTRIBUTE} must be three sizes (X, Y, Z), got {said}"
        raise InputError(msg)
    x, y, z = (int(size) for size in said)
    if 4 * x * y * z > LARGEST_PART:
        msg = f"{path}: an image of {x} x {y} x {z} cells is too large: {LARGEST_PART // 4} at most"
        raise InputError(msg)
    return x, y, z


def _is_size(value: object) -> bool:
    return isinstance(value, int) and value > 0
