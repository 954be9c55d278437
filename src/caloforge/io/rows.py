"""Samples written row by row in layouts other than 3DGAN's: one h5py file, filled in order."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from caloforge.atomic import replacing
from caloforge.calibration import Calibration
from caloforge.detector import Detector
from caloforge.errors import InputError
from caloforge.io.block import Block
from caloforge.io.gan3d_writer import COMPRESSED_ROWS, abandon
from caloforge.io.identity import identity_attributes
from caloforge.typing import AnyArray

LONGEST_TEXT = 2**14
"""Letters of an attribute that is carried to another file; HDF5 refuses 64 kB in all."""


@dataclass(frozen=True)
class SampleHead:
    """What is known of a sample before its rows.

    Attributes
    ----------
    showers, cell_shape : their number, and the cells (X, Y, Z) of one.
    detector : the calorimeter, None where it is unknown.
    particle, calibration : as of Showers.
    attributes : what else the file says of itself.
    has_phi, has_impact : whether its blocks have phi and impact points.
    """

    showers: int
    cell_shape: tuple[int, int, int]
    detector: Detector | None
    particle: str
    calibration: Calibration
    attributes: dict[str, Any] = field(default_factory=dict)
    has_phi: bool = False
    has_impact: bool = False

    @property
    def whose(self) -> str:
        """The detector's name, or that it is unknown."""
        return "a sample of unknown detector" if self.detector is None else self.detector.name

    @property
    def all_attributes(self) -> dict[str, Any]:
        """The attributes of a file that holds the sample."""
        identity = identity_attributes(self.detector, self.particle, self.calibration)
        return {k: v for k, v in self.attributes.items() if _fits(v)} | identity


class RowsWriter(ABC):
    """Writes one layout; ``_create`` makes its datasets, ``_write`` fills the rows of a block."""

    def write(
        self, path: Path, head: SampleHead, blocks: Iterable[Block], compression: str | None
    ) -> None:
        """Write a sample beside its place first, renamed when whole.

        Raises
        ------
        InputError
            if the layout cannot hold the sample.
        OutputError
            if the file cannot be written.
        """
        with replacing(path) as partial:
            self._file = h5py.File(partial, "w")
            try:
                self._file.attrs.update(head.all_attributes)
                self._create(head, compression)
                done = 0
                for block in blocks:
                    self._write(slice(done, done + len(block)), block)
                    done += len(block)
                self._file.flush()
            except BaseException:
                abandon(self._file, partial)
                raise
            self._file.close()

    def dataset(
        self, name: str, shape: tuple[int, ...], compression: str | None = None, dtype: Any = "<f4"
    ) -> None:
        """Create a dataset, compressed a few rows at a time where that is asked for."""
        options: dict[str, Any] = {"dtype": dtype, "track_times": False}
        if compression is not None:
            chunk = (min(COMPRESSED_ROWS, shape[0]), *shape[1:])
            options |= {"chunks": chunk, "compression": compression, "shuffle": True}
        self._file.create_dataset(name, shape, **options)

    def put(self, name: str, rows: slice, values: AnyArray) -> None:
        """Fill rows of a dataset."""
        self._file[name][rows] = np.asarray(values)

    @abstractmethod
    def _create(self, head: SampleHead, compression: str | None) -> None: ...

    @abstractmethod
    def _write(self, rows: slice, block: Block) -> None: ...


def check_perpendicular(block: Block, layout: str) -> None:
    """Refuse inclined showers where a layout has no angles; InputError."""
    check_no_phi(block, layout)
    if not np.allclose(block.theta, np.pi / 2, atol=1e-4):
        msg = f"the {layout} layout has no angles: showers must be perpendicular"
        raise InputError(msg)


def check_no_phi(block: Block, layout: str) -> None:
    """Refuse showers with azimuths where a layout has none; InputError."""
    if block.phi is not None:
        msg = f"the {layout} layout has no place for phi"
        raise InputError(msg)


def _fits(value: object) -> bool:
    """Whether another file can hold an attribute: numbers and short texts."""
    return len(value) < LONGEST_TEXT if isinstance(value, str) else isinstance(value, int | float)
