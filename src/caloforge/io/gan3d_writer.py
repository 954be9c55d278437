"""Samples written in the 3DGAN HDF5 layout (see :mod:`~caloforge.io.gan3d`)."""

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import h5py
import numpy as np

from caloforge.atomic import check_room, check_writable, partial_path, writing
from caloforge.beam import Conditions
from caloforge.detector import Detector
from caloforge.io.identity import DETECTOR_ATTRIBUTE, detector_to_json
from caloforge.io.raw import RawRows, contiguous
from caloforge.typing import FloatArray

DATASETS = ("ECAL", "energy", "theta")
PHI = "phi"
"""Azimuths, of samples that have them."""
IMPACT = "impact"
"""Impact points (N, 2) in mm from the image's middle, of samples that have them."""
IMPACT_COLUMNS = ("impact_x", "impact_y")
"""What tables of single numbers call them."""
COMPRESSED_ROWS = 16
"""Showers that are compressed together."""


class ShowerWriter:
    """Writes a sample of known length to ``PATH.partial``; :meth:`finish` puts it in place.

    ``detector`` may be None where it is unknown; ``has_phi`` makes room for azimuths,
    ``has_impact`` for impact points.
    ``compression`` is None (contiguous, fastest), ``lzf`` or ``gzip``. With ``resume`` an
    unfinished partial file of the same length is continued (``resumed`` says so). Leaving the
    context without ``finish`` because of an error removes the partial file; a kill leaves it, and
    so does Ctrl-C where ``resume`` is not None: somebody will go on with it.

    Raises
    ------
    OutputError
        if the file cannot be written, or the disk has no room for it.
    """

    def __init__(
        self,
        path: Path,
        detector: Detector | None,
        cell_shape: tuple[int, ...],
        n: int,
        *,
        compression: str | None = None,
        attributes: Mapping[str, Any] | None = None,
        has_phi: bool = False,
        has_impact: bool = False,
        resume: bool | None = None,
    ) -> None:
        self.path, self.partial = path, partial_path(path)
        self._shapes: dict[str, tuple[int, ...]] = {name: (n,) for name in DATASETS}
        self._shapes["ECAL"] = (n, *cell_shape)
        self._shapes |= {PHI: (n,)} if has_phi else {}
        self._shapes |= {IMPACT: (n, 2)} if has_impact else {}
        self._keep = (KeyboardInterrupt,) if resume is not None else ()
        check_writable(path)
        with writing(path):
            reopened = self._reopen((n, *cell_shape)) if resume else None
            self.resumed = reopened is not None
            if reopened is None and compression is None:
                check_room(path, sample_bytes(n, cell_shape), f"{n} showers")
            self._file = reopened or h5py.File(self.partial, "w")
            try:
                if not self.resumed:
                    self._create(detector, cell_shape, n, compression, attributes or {})
                self._datasets = {name: self._file[name] for name in self._shapes}
                self._rows = RawRows(self.partial, list(self._datasets.values()))
            except Exception:
                self._discard()
                raise

    def _reopen(self, shape: tuple[int, ...]) -> Any:
        try:
            file = h5py.File(self.partial, "r+")
        except OSError:
            return None
        if all(name in file for name in self._shapes) and file["ECAL"].shape == shape:
            return file
        file.close()
        return None

    def _create(
        self,
        detector: Detector | None,
        cell_shape: tuple[int, ...],
        n: int,
        compression: str | None,
        attributes: Mapping[str, Any],
    ) -> None:
        for name, shape in self._shapes.items():
            options: dict[str, Any] = {"dcpl": contiguous(shape)}
            if name == "ECAL" and compression is not None:
                chunk = (min(COMPRESSED_ROWS, n), *cell_shape)
                options = {"chunks": chunk, "compression": compression, "shuffle": True}
            self._file.create_dataset(name, shape, dtype="<f4", track_times=False, **options)
        if detector is not None:
            self._file.attrs[DETECTOR_ATTRIBUTE] = detector_to_json(detector)
        for key in sorted(attributes.keys() - {DETECTOR_ATTRIBUTE}):
            self._file.attrs[key] = attributes[key]
        self._file.flush()

    def goes_on_at(self, noted: int) -> int:
        """The first shower that is wanted, where a journal has noted so many as written."""
        return noted if self.resumed else 0

    def write(self, start: int, cells: FloatArray, conditions: Conditions) -> None:
        """Write showers to the rows from ``start`` on; several threads may write at once.

        Raises
        ------
        OutputError
            if the disk is full or lost.
        """
        self.write_conditions(start, conditions)
        self.write_cells(start, cells)

    def write_cells(self, start: int, cells: FloatArray) -> None:
        """Write the cells (n, X, Y, Z) in GeV of the rows from ``start`` on; as :meth:`write`."""
        self._write("ECAL", start, cells)

    def write_conditions(self, start: int, conditions: Conditions) -> None:
        """Write energies and directions of the rows from ``start`` on; as :meth:`write`."""
        self._write("energy", start, conditions.energy)
        self._write("theta", start, conditions.theta)
        if conditions.phi is not None:
            self._write(PHI, start, conditions.phi)

    def write_impact(self, start: int, impact: FloatArray) -> None:
        """Write impact points (n, 2) in mm of the rows from ``start`` on; as :meth:`write`."""
        self._write(IMPACT, start, impact)

    def _write(self, name: str, start: int, rows: FloatArray) -> None:
        with writing(self.path):
            if self._rows.holds(name):
                self._rows.write(name, start, rows)
            else:
                self._datasets[name][start : start + len(rows)] = rows

    def flush(self) -> None:
        """Hand everything written so far to the operating system; OutputError if it fails."""
        with writing(self.path):
            self._rows.flush()
            self._file.flush()

    def finish(self) -> None:
        """Close the file and put it in its place; OutputError if that fails."""
        self.flush()
        with writing(self.path):
            self._rows.close()
            self._file.close()
            self.partial.replace(self.path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None and not issubclass(kind, self._keep):
            self._rows.close()
            self._discard()
        elif self._file.id.valid:
            with writing(self.path):
                self._rows.close()
                self._file.close()

    def _discard(self) -> None:
        """Close and remove the partial file."""
        abandon(self._file, self.partial)
        self.partial.unlink(missing_ok=True)


def abandon(file: Any, path: Path) -> None:
    """Close an HDF5 file whose content is not wanted, also on a full disk.

    The library insists on writing what it still holds, and crashes the process where it cannot:
    emptying the file first gives it the room.
    """
    with suppress(OSError):
        os.truncate(path, 0)
    with suppress(OSError, RuntimeError):
        file.close()


def sample_bytes(n: int, cell_shape: tuple[int, ...]) -> int:
    """Bytes that the uncompressed cells of n showers take."""
    return 4 * n * int(np.prod(cell_shape))
