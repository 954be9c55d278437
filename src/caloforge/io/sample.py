"""A sample opened for reading, whatever its layout: what all layouts share.

A layout says in which datasets cells, energies and angles lie and turns rows of them into GeV, rad
and images (N, X, Y, Z); everything else is here: lengths, the detector, what the cells mean, blocks
of bounded bytes.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

import numpy as np

from caloforge.beam import Conditions
from caloforge.calibration import Calibration
from caloforge.card import ModelCard
from caloforge.detector import Detector
from caloforge.errors import DetectorError, InputError
from caloforge.io.block import Block
from caloforge.io.hdf5 import BLOCK_BYTES, Column, Hdf5File
from caloforge.io.identity import (
    CALIBRATION_ATTRIBUTE,
    DETECTOR_ATTRIBUTE,
    calibration_of,
    detector_from_json,
    judged_calibration,
    only_particle,
)
from caloforge.particle import may_be_same
from caloforge.showers import Showers, checked_cells
from caloforge.typing import AnyArray, FloatArray

READ_ROWS = 512
"""Showers in a block, where that many fit into BLOCK_BYTES."""

PROBE_ROWS = 64
"""Showers that are looked at, here and there, to see what the cells of a file mean."""


class ShowerFile(ABC):
    """A sample opened for reading; use it as a context manager.

    Attributes
    ----------
    path, attributes : the file, and what it says of itself.
    cell_shape : cells (X, Y, Z) of a shower.
    particle : Geant4's name of the primary, or ``unknown``.
    calibration : what the cells mean.
    why : how each of these was found, a line each.

    Raises
    ------
    InputError
        if the file is missing, empty, truncated, not HDF5, or has the wrong datasets or shapes.
    """

    LAYOUT: ClassVar[str]
    UNIT: ClassVar[str] = "cells and energies in GeV"
    ORDER: ClassVar[str] = "x, y, layer"
    SHAPE_TELLS: ClassVar[str] = "and they fit no bundled one"

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

    # What a layout says.

    @abstractmethod
    def _find_cells(self) -> Column:
        """The dataset of the cells, one row a shower."""

    @abstractmethod
    def _find_conditions(self) -> None:
        """Find the datasets of energies and angles, and refuse those of other lengths."""

    @abstractmethod
    def _find_cell_shape(self) -> tuple[int, int, int]:
        """Cells (X, Y, Z) of a shower; ``known_detector`` is at hand."""

    @abstractmethod
    def _images(self, stored: AnyArray) -> AnyArray:
        """Cells (n, X, Y, Z) in GeV from rows of the cells' dataset."""

    @abstractmethod
    def _energies(self, start: int, stop: int) -> AnyArray:
        """Primary energies of the rows in GeV, (n,)."""

    def _angles(self, start: int, stop: int) -> AnyArray:
        """Polar angles of the rows in rad, (n,)."""
        return np.full(stop - start, np.pi / 2)

    def _azimuths(self, start: int, stop: int) -> AnyArray | None:
        """Azimuths of the rows in rad, (n,), where the layout has them."""
        return None

    def _detector_of_shape(self) -> Detector | None:
        """The bundled detector that the shape tells, where a layout's shape does."""
        return None

    def _find_particle(self) -> str:
        """The particle that the file's attribute or datasets name; errors as of only_particle."""
        return only_particle(self.file, len(self), self.why)

    def _usual_calibration(self, fraction: float | None) -> Calibration:
        """What cells mean that sum to this ``fraction`` of Ep, where the file does not say."""
        return judged_calibration(fraction, self.known_detector, self.why)

    # What follows from it.

    def __len__(self) -> int:
        return len(self._cells)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.file.close()

    @property
    def unit(self) -> str:
        """In which units the file holds cells and energies."""
        return self.UNIT

    @property
    def order(self) -> str:
        """In which order the file holds the axes of the cells."""
        return self.ORDER

    @property
    def detector(self) -> Detector:
        """The calorimeter that the showers belong to.

        Raises
        ------
        DetectorError
            if it is neither given, nor named in the file, nor told by the cells' shape.
        """
        if self.known_detector is None:
            msg = (
                f"{self.path} does not say which detector its cells {self.cell_shape} belong to, "
                f"{self.SHAPE_TELLS}: give the detector's .toml file with --detector"
            )
            raise DetectorError(msg)
        return self.known_detector

    @property
    def window(self) -> str:
        """Name of the detector's window that the cells fill; errors as of detector."""
        return self.detector.window_of(self.cell_shape)

    @property
    def notes(self) -> list[str]:
        """What the rows that were read so far have shown, a line each."""
        return []

    @property
    def compression(self) -> str:
        """How the cells are compressed in the file."""
        return self._cells.compression

    @cached_property
    def conditions(self) -> Conditions:
        """Energies and angles of all showers; InputError for impossible ones."""
        return self._conditions(0, len(self))

    @property
    def energy(self) -> FloatArray:
        """Primary energies in GeV, shape (N,)."""
        return self.conditions.energy

    @property
    def theta(self) -> FloatArray:
        """Polar angles in rad, shape (N,)."""
        return self.conditions.theta

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

    def check_model(self, card: ModelCard) -> None:
        """Refuse a sample that is not of such showers as a model makes.

        Raises
        ------
        DetectorError, InputError
            naming both detectors, particles or meanings of the cells.
        """
        card.check_detector(self.detector, self.window, where=self.path)
        card.check_particle(self.particle, where=self.path)
        card.check_calibration(self.calibration, where=self.path)

    def check_comparable(self, other: "ShowerFile") -> None:
        """Refuse to compare showers of two particles, or cells that mean different things.

        Raises
        ------
        InputError
            naming both.
        """
        if not may_be_same(self.particle, other.particle):
            msg = (
                f"{self.path} holds {self.particle} showers, {other.path} {other.particle}: "
                "samples of different particles cannot be compared"
            )
            raise InputError(msg)
        if not self.calibration.compares_with(other.calibration):
            msg = (
                f"the cells of {self.path} are: {self.calibration}; those of {other.path}: "
                f"{other.calibration}. `caloforge convert --calibrate` applies a factor"
            )
            raise InputError(msg)

    def read(self, start: int = 0, stop: int | None = None) -> Showers:
        """Showers ``start`` to ``stop`` (exclusive; to the end if None).

        Raises
        ------
        InputError
            if the file is damaged there, or holds values that no shower has.
        DetectorError
            if nothing tells the detector.
        """
        detector = self.detector
        block = self.block(*slice(start, stop).indices(len(self))[:2])
        energy, theta = block.energy, block.theta
        return Showers(block.cells, energy, theta, detector, self.particle, self.calibration)

    def block(self, start: int, stop: int) -> Block:
        """Showers ``start`` to ``stop``, whether or not the detector is known; InputError as read.

        Cells that rounding made negative (scaling.NEGATIVE_TOLERANCE_GEV) are zero.
        """
        stop = max(start, stop)
        if start == stop:
            return Block(np.empty((0, *self.cell_shape), np.float32), Conditions.of([], []))
        conditions = self._conditions(start, stop)
        with np.errstate(over="ignore", invalid="ignore"):
            cells = np.asarray(self._images(self._cells.read(start, stop)), np.float32)
        try:
            cells = checked_cells(
                cells, conditions.energy, self.calibration_so_far, first_row=start
            )
        except InputError as error:
            msg = f"{self.path}: {error}"
            raise InputError(msg) from None
        phi = self._azimuths(start, stop)
        return Block(cells, conditions, None if phi is None else np.asarray(phi, np.float32))

    def blocks(self, rows: int | None = None, stop: int | None = None) -> Iterator[Block]:
        """All showers up to ``stop`` in order, at most ``rows`` at a time; errors as of block."""
        end = len(self) if stop is None else min(stop, len(self))
        step = rows or self.block_rows
        for start in range(0, end, step):
            yield self.block(start, min(start + step, end))

    def chunks(self, rows: int | None = None, stop: int | None = None) -> Iterator[Showers]:
        """As blocks, as showers; errors as of read."""
        end = len(self) if stop is None else min(stop, len(self))
        step = rows or self.block_rows
        for start in range(0, end, step):
            yield self.read(start, min(start + step, end))

    def _conditions(self, start: int, stop: int) -> Conditions:
        try:
            return Conditions(self._energies(start, stop), self._angles(start, stop))
        except InputError as error:
            msg = str(error) if str(self.path) in str(error) else f"{self.path}: {error}"
            raise InputError(msg) from None

    def _check_length(self, column: Column) -> Column:
        if len(column) != len(self._cells):
            msg = (
                f"{self.path}: lengths differ: {self._cells.name} has {len(self._cells)} showers, "
                f"{column.name} {len(column)}"
            )
            raise InputError(msg)
        return column

    def _named_detector(self) -> Detector | None:
        text = self.attributes.get(DETECTOR_ATTRIBUTE)
        return None if text is None else detector_from_json(str(text), where=str(self.path))

    @property
    def calibration_so_far(self) -> Calibration:
        """The calibration, or what lets any through while it is being found."""
        return getattr(self, "calibration", Calibration(meaning="unknown"))

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
