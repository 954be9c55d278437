"""The 3DGAN HDF5 layout: ``ECAL`` (N, X, Y, Z) GeV, ``energy`` (N,) GeV, ``theta`` (N,) rad.

Older files carry ``target`` (N, 2) = (pdg, Ep) instead of ``energy``, a trailing channel axis
on ``ECAL``, or no ``theta`` (perpendicular); all are read (Khattak et al., arXiv 2001.06591).
"""

import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import h5py
import numpy as np

from caloforge.atomic import check_writable, partial_path, writing
from caloforge.beam import Conditions
from caloforge.config import build
from caloforge.detector import Detector, bundled_detectors, load_detector
from caloforge.errors import DetectorError, InputError, OutputError
from caloforge.io.raw import RawRows, contiguous
from caloforge.showers import Showers
from caloforge.typing import AnyArray, FloatArray

DETECTOR_ATTRIBUTE = "caloforge_detector"
DATASETS = ("ECAL", "energy", "theta")
READ_ROWS = 512
COMPRESSED_ROWS = 16


class ShowerFile:
    """A sample opened for reading; ``len()``, ``energy`` and ``theta`` are at hand at once.

    Raises
    ------
    InputError
        if the file is missing, empty, truncated, not HDF5, or has the wrong datasets or shapes.
    DetectorError
        if the detector is neither given, nor named in the file, nor told by the cells' shape.
    """

    CELLS = "ECAL"
    """The dataset of the cells, one row a shower."""

    def __init__(self, path: Path, detector: Detector | None = None) -> None:
        self.path = path
        self._file = open_hdf5(path)
        try:
            self.attributes = {key: _plain(value) for key, value in self._file.attrs.items()}
            self._cells = self._dataset(self.CELLS)
            self._check_cells()
            self.cell_shape = self._find_cell_shape(detector)
            self.conditions = self._read_conditions()
            self.detector = detector or self._find_detector()
            self.window = self.detector.window_of(self.cell_shape)
        except BaseException:
            self._file.close()
            raise

    def __len__(self) -> int:
        return int(self._cells.shape[0])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    @property
    def energy(self) -> FloatArray:
        """Primary energies in GeV, shape (N,)."""
        return self.conditions.energy

    @property
    def theta(self) -> FloatArray:
        """Polar angles in rad, shape (N,)."""
        return self.conditions.theta

    @property
    def compression(self) -> str:
        """How the cells are compressed in the file."""
        return str(self._cells.compression or "none")

    def read(self, start: int = 0, stop: int | None = None) -> Showers:
        """Showers ``start`` to ``stop`` (exclusive; to the end if None)."""
        rows = slice(*slice(start, stop).indices(len(self)))
        try:
            stored = self._cells[rows]
        except OSError as error:
            span = f"{rows.start}-{rows.stop}"
            msg = f"{self.path} is damaged: showers {span} cannot be read: {error}"
            raise InputError(msg) from None
        cells = self._images(stored)
        part = self.conditions[rows] if len(cells) else Conditions.of([], [])
        try:
            return Showers(cells, part.energy, part.theta, self.detector)
        except InputError as error:
            msg = f"{self.path}: {error}"
            raise InputError(msg) from None

    def chunks(self, rows: int = READ_ROWS) -> Iterator[Showers]:
        """All showers in order, at most ``rows`` in memory at a time."""
        for start in range(0, len(self), rows):
            yield self.read(start, start + rows)

    def _dataset(self, name: str) -> Any:
        found = self._file.get(name)
        if not isinstance(found, h5py.Dataset):
            have = ", ".join(self._file) or "nothing"
            msg = f"{self.path} has no dataset '{name}'; it holds: {have}"
            raise InputError(msg)
        return found

    def _check_cells(self) -> None:
        if self._cells.dtype.kind not in "fiu":
            msg = f"{self.path}: {self.CELLS} must hold numbers, got {self._cells.dtype}"
            raise InputError(msg)
        if self._cells.ndim == 0 or len(self) == 0:
            msg = f"{self.path} holds no showers"
            raise InputError(msg)

    def _find_cell_shape(self, detector: Detector | None) -> tuple[int, ...]:
        shape = self._cells.shape
        if len(shape) == 5 and shape[-1] == 1:
            shape = shape[:-1]
        if len(shape) != 4:
            msg = f"{self.path}: ECAL must have the shape (N, X, Y, Z), got {self._cells.shape}"
            raise InputError(msg)
        return tuple(int(n) for n in shape[1:])

    def _images(self, stored: AnyArray) -> FloatArray:
        """Cells (n, X, Y, Z) in GeV from rows of the file."""
        return stored.astype(np.float32, copy=False).reshape(-1, *self.cell_shape)

    def _energies(self) -> AnyArray:
        """Primary energies in GeV, (N,)."""
        if "energy" in self._file or "target" not in self._file:
            return self._vector("energy")
        target = self._dataset("target")
        if target.ndim != 2 or target.shape[1] < 2:
            msg = f"{self.path}: target must be (N, 2) = (pdg, Ep), got {target.shape}"
            raise InputError(msg)
        return np.asarray(target[:, 1])

    def _read_conditions(self) -> Conditions:
        energy = self._energies()
        theta = self._vector("theta") if "theta" in self._file else np.full(len(energy), np.pi / 2)
        if not len(energy) == len(theta) == len(self):
            msg = (
                f"{self.path}: lengths differ: {self.CELLS} has {len(self)} showers, "
                f"energy {len(energy)}, theta {len(theta)}"
            )
            raise InputError(msg)
        try:
            return Conditions(energy, theta)
        except InputError as error:
            msg = f"{self.path}: {error}"
            raise InputError(msg) from None

    def _vector(self, name: str) -> AnyArray:
        values = np.asarray(self._dataset(name)[...])
        return values[:, 0] if values.ndim == 2 and values.shape[1] == 1 else values

    def _find_detector(self) -> Detector:
        text = self.attributes.get(DETECTOR_ATTRIBUTE)
        if text is not None:
            return detector_from_json(str(text), where=str(self.path))
        for name in bundled_detectors():
            detector = load_detector(name)
            if self.cell_shape in [detector.cell_shape(window) for window in detector.windows]:
                return detector
        msg = (
            f"{self.path} does not say which detector its cells {self.cell_shape} belong to, "
            "and they fit no bundled one: give the detector's .toml file with --detector"
        )
        raise DetectorError(msg)


class ShowerWriter:
    """Writes a sample of known length to ``PATH.partial``; :meth:`finish` puts it in place.

    ``compression`` is None (contiguous, fastest), ``lzf`` or ``gzip``. With ``resume`` an
    unfinished partial file of the same length is continued (``resumed`` says so). Leaving the
    context without ``finish`` because of an error removes the partial file; a kill leaves it.

    Raises
    ------
    OutputError
        if the file cannot be written, or the disk has no room for it.
    """

    def __init__(
        self,
        path: Path,
        detector: Detector,
        cell_shape: tuple[int, ...],
        n: int,
        *,
        compression: str | None = None,
        attributes: Mapping[str, Any] | None = None,
        resume: bool = False,
    ) -> None:
        self.path, self.partial = path, partial_path(path)
        check_writable(path)
        with writing(path):
            reopened = self._reopen((n, *cell_shape)) if resume else None
            self.resumed = reopened is not None
            if reopened is not None:
                self._file = reopened
            else:
                _check_room(path, n * int(np.prod(cell_shape)) * 4 if compression is None else 0)
                self._file = h5py.File(self.partial, "w")
                self._create(detector, cell_shape, n, compression, attributes or {})
            self._rows = RawRows(self.partial, [self._file[name] for name in DATASETS])

    def _reopen(self, shape: tuple[int, ...]) -> Any:
        try:
            file = h5py.File(self.partial, "r+")
        except OSError:
            return None
        if "ECAL" in file and file["ECAL"].shape == shape:
            return file
        file.close()
        return None

    def _create(
        self,
        detector: Detector,
        cell_shape: tuple[int, ...],
        n: int,
        compression: str | None,
        attributes: Mapping[str, Any],
    ) -> None:
        for name, shape in zip(DATASETS, ((n, *cell_shape), (n,), (n,)), strict=True):
            options: dict[str, Any] = {"dcpl": contiguous(shape)}
            if name == "ECAL" and compression is not None:
                chunk = (min(COMPRESSED_ROWS, n), *cell_shape)
                options = {"chunks": chunk, "compression": compression, "shuffle": True}
            self._file.create_dataset(name, shape, dtype="<f4", track_times=False, **options)
        self._file.attrs[DETECTOR_ATTRIBUTE] = detector_to_json(detector)
        for key in sorted(attributes.keys() - {DETECTOR_ATTRIBUTE}):
            self._file.attrs[key] = attributes[key]
        self._file.flush()

    def write(self, start: int, cells: FloatArray, conditions: Conditions) -> None:
        """Write showers to the rows from ``start`` on; several threads may write at once."""
        self.write_conditions(start, conditions)
        self.write_cells(start, cells)

    def write_cells(self, start: int, cells: FloatArray) -> None:
        """Write the cells (n, X, Y, Z) in GeV of the rows from ``start`` on; as :meth:`write`."""
        self._write("ECAL", start, cells)

    def write_conditions(self, start: int, conditions: Conditions) -> None:
        """Write energies and angles of the rows from ``start`` on; as :meth:`write`."""
        self._write("energy", start, conditions.energy)
        self._write("theta", start, conditions.theta)

    def _write(self, name: str, start: int, rows: FloatArray) -> None:
        with writing(self.path):
            if self._rows.holds(name):
                self._rows.write(name, start, rows)
            else:
                self._file[name][start : start + len(rows)] = rows

    def flush(self) -> None:
        """Hand everything written so far to the operating system."""
        with writing(self.path):
            self._rows.flush()
            self._file.flush()

    def finish(self) -> None:
        """Close the file and put it in its place."""
        with writing(self.path):
            self._rows.flush()
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
        if self._file.id.valid:
            with writing(self.path):
                self._rows.close()
                self._file.close()
        if kind is not None and not issubclass(kind, KeyboardInterrupt):
            self.partial.unlink(missing_ok=True)


def detector_to_json(detector: Detector) -> str:
    """The detector as the text of a file's attribute."""
    return detector.model_dump_json(exclude_defaults=True)


def detector_from_json(text: str, *, where: str) -> Detector:
    """The detector from the text of a file's attribute.

    Raises
    ------
    DetectorError
        if the text is damaged.
    """
    try:
        data = json.loads(text)
    except json.JSONDecodeError as problem:
        msg = f"{where}: its detector description is damaged: {problem}"
        raise DetectorError(msg) from None
    return build(Detector, data, where=f"{where}: detector", error=DetectorError)


def open_hdf5(path: Path) -> Any:
    """Open an HDF5 file for reading.

    Raises
    ------
    InputError
        if it is missing, empty, damaged or no HDF5 file.
    """
    if not path.exists():
        msg = f"{path} does not exist"
        raise InputError(msg)
    if path.is_dir():
        msg = f"{path} is a folder; a sample is an HDF5 file"
        raise InputError(msg)
    if path.stat().st_size == 0:
        msg = f"{path} is empty"
        raise InputError(msg)
    try:
        return h5py.File(path, "r")
    except OSError as error:
        damaged = "truncated" in str(error) or h5py.is_hdf5(path)
        problem = "is a damaged or truncated HDF5 file" if damaged else "is not an HDF5 file"
        msg = f"{path} {problem}"
        raise InputError(msg) from None


def _check_room(path: Path, needed: int) -> None:
    free = shutil.disk_usage(path.parent).free
    if needed > free:
        msg = f"cannot write {path}: needs {needed / 1e9:.2f} GB, the disk has {free / 1e9:.2f} GB"
        raise OutputError(msg)


def _plain(value: Any) -> Any:
    """An HDF5 attribute as a plain Python value."""
    return value.item() if isinstance(value, np.generic) else value
