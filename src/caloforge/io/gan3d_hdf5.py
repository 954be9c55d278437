"""The 3DGAN HDF5 layout: ``ECAL`` (N, X, Y, Z) GeV, ``energy`` (N,) GeV, ``theta`` (N,) rad.

Older files carry ``target`` (N, 2) = (pdg, Ep) instead of ``energy``, a trailing channel axis
on ``ECAL``, or no ``theta`` (perpendicular); all are read (Khattak et al., arXiv 2001.06591).
"""

import json
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import h5py
import numpy as np

from caloforge.beam import Conditions
from caloforge.config import build
from caloforge.detector import Detector, bundled_detectors, load_detector
from caloforge.errors import DetectorError, InputError
from caloforge.showers import Showers
from caloforge.typing import AnyArray, FloatArray

DETECTOR_ATTRIBUTE = "caloforge_detector"
READ_ROWS = 512


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
        """Showers ``start`` to ``stop`` (exclusive; to the end if None).

        Raises
        ------
        InputError
            if the file is damaged there, or holds values that no shower has.
        """
        rows = slice(*slice(start, stop).indices(len(self)))
        cells = self._images(self._read(self._cells, rows, f"showers {rows.start}-{rows.stop}"))
        part = self.conditions[rows] if len(cells) else Conditions.of([], [])
        try:
            return Showers(cells, part.energy, part.theta, self.detector)
        except InputError as error:
            msg = f"{self.path}: {error}"
            raise InputError(msg) from None

    def chunks(self, rows: int = READ_ROWS, stop: int | None = None) -> Iterator[Showers]:
        """All showers up to ``stop`` in order, at most ``rows`` in memory; errors as of read."""
        end = len(self) if stop is None else min(stop, len(self))
        for start in range(0, end, rows):
            yield self.read(start, min(start + rows, end))

    def _read(self, dataset: Any, rows: Any, what: str) -> AnyArray:
        try:
            return np.asarray(dataset[rows])
        except OSError as error:
            msg = f"{self.path} is damaged: {what} cannot be read: {error}"
            raise InputError(msg) from None

    def _dataset(self, name: str) -> Any:
        found = self._file.get(name)
        if not isinstance(found, h5py.Dataset):
            have = ", ".join(self._file) or "nothing"
            msg = f"{self.path} has no dataset '{name}'; it holds: {have}"
            raise InputError(msg)
        return found

    def _numbers(self, name: str) -> Any:
        """A dataset that holds numbers along at least one axis."""
        found = self._dataset(name)
        if found.dtype.kind not in "fiu" or not found.shape:
            what = f"{found.dtype} of shape {found.shape}"
            msg = f"{self.path}: {name} must be numbers, one a shower, got {what}"
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
        target = self._numbers("target")
        if target.ndim != 2 or target.shape[1] < 2:
            msg = f"{self.path}: target must be (N, 2) = (pdg, Ep), got {target.shape}"
            raise InputError(msg)
        return self._read(target, np.s_[:, 1], "target")

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
        values = self._read(self._numbers(name), ..., name)
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
        if "unable to lock" in str(error):
            problem = "is being written by another program"
        msg = f"{path} {problem}"
        raise InputError(msg) from None


def _plain(value: Any) -> Any:
    """An HDF5 attribute as a plain Python value."""
    return value.item() if isinstance(value, np.generic) else value
