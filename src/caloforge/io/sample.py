"""A sample opened for reading, whatever it lies in: conditions, blocks of bounded bytes."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self

import numpy as np

from caloforge.beam import Conditions, as_points
from caloforge.calibration import Calibration
from caloforge.card import ModelCard
from caloforge.detector import Detector
from caloforge.errors import DetectorError, InputError
from caloforge.hits import Hits
from caloforge.io.block import Block
from caloforge.showers import Showers, checked_cells
from caloforge.typing import AnyArray, FloatArray


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Have an InputError name the file where it does not."""
    try:
        yield
    except InputError as error:
        msg = str(error) if str(path) in str(error) else f"{path}: {error}"
        raise InputError(msg) from None


class ShowerFile(ABC):
    """A sample opened for reading; use it as a context manager.

    Attributes
    ----------
    path, attributes : the file, and what it says of itself.
    known_detector : the calorimeter, None where nothing tells it.
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

    path: Path
    why: list[str]
    attributes: dict[str, Any]
    known_detector: Detector | None
    cell_shape: tuple[int, int, int]
    particle: str
    calibration: Calibration

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def close(self) -> None:
        """Close the file."""

    @property
    @abstractmethod
    def compression(self) -> str:
        """How the cells are compressed in the file."""

    @property
    @abstractmethod
    def block_rows(self) -> int:
        """Showers that are read at a time."""

    @abstractmethod
    def _read_images(self, start: int, stop: int) -> AnyArray:
        """Cells (n, X, Y, Z) in GeV of rows of the file."""

    @abstractmethod
    def _energies(self, start: int, stop: int) -> AnyArray:
        """Primary energies of the rows in GeV, (n,)."""

    def _angles(self, start: int, stop: int) -> AnyArray:
        """Polar angles of the rows in rad, (n,)."""
        return np.full(stop - start, np.pi / 2)

    def _azimuths(self, start: int, stop: int) -> AnyArray | None:
        """Azimuths of the rows in rad, (n,), where the layout has them."""
        return None

    def _impacts(self, start: int, stop: int) -> AnyArray | None:
        """Impact points of the rows in mm from the images' middles, (n, 2), where there are any."""
        return None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

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

    @cached_property
    def conditions(self) -> Conditions:
        """Energies and directions of all showers; InputError for impossible ones."""
        return self._conditions(0, len(self))

    @property
    def energy(self) -> FloatArray:
        """Primary energies in GeV, shape (N,)."""
        return self.conditions.energy

    @property
    def theta(self) -> FloatArray:
        """Polar angles in rad, shape (N,)."""
        return self.conditions.theta

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
        return Showers(
            block.cells, block.energy, block.theta, detector, self.particle, self.calibration,
            block.phi, block.impact,
        )  # fmt: skip

    def hits(self, start: int = 0, stop: int | None = None) -> Hits:
        """As :meth:`read`, as hits; errors as there."""
        return self.read(start, stop).hits()

    def block(self, start: int, stop: int) -> Block:
        """Showers ``start`` to ``stop``, whether or not the detector is known; InputError as read.

        Cells that rounding made negative (scaling.NEGATIVE_TOLERANCE_GEV) are zero.
        """
        stop = max(start, stop)
        if start == stop:
            return Block(np.empty((0, *self.cell_shape), np.float32), Conditions.of([], []))
        conditions = self._conditions(start, stop)
        with np.errstate(over="ignore", invalid="ignore"):
            cells = np.asarray(self._read_images(start, stop), np.float32)
        with naming(self.path):
            cells = checked_cells(
                cells, conditions.energy, self.calibration_so_far, first_row=start
            )
        return Block(cells, conditions, self.impact_points(start, stop))

    def impact_points(self, start: int = 0, stop: int | None = None) -> FloatArray | None:
        """Impact points (n, 2) of rows in mm from the images' middles, None where the sample has
        none; InputError for impossible ones."""
        start, stop = slice(start, stop).indices(len(self))[:2]
        found = self._impacts(start, stop)
        with naming(self.path):
            return None if found is None else as_points(found, stop - start)

    def blocks(self, rows: int | None = None, stop: int | None = None) -> Iterator[Block]:
        """All showers up to ``stop`` in order, at most ``rows`` at a time; errors as of block."""
        for start, end in self._spans(rows, stop):
            yield self.block(start, end)

    def chunks(self, rows: int | None = None, stop: int | None = None) -> Iterator[Showers]:
        """As blocks, as showers; errors as of read."""
        for start, end in self._spans(rows, stop):
            yield self.read(start, end)

    def _spans(self, rows: int | None, stop: int | None) -> Iterator[tuple[int, int]]:
        end = len(self) if stop is None else min(stop, len(self))
        step = rows or self.block_rows
        for start in range(0, end, step):
            yield start, min(start + step, end)

    def _conditions(self, start: int, stop: int) -> Conditions:
        with naming(self.path):
            return Conditions(
                self._energies(start, stop), self._angles(start, stop), self._azimuths(start, stop)
            )

    @property
    def calibration_so_far(self) -> Calibration:
        """The calibration, or what lets any through while it is being found."""
        return getattr(self, "calibration", Calibration(meaning="unknown"))
