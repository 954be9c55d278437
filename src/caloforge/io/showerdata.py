"""Point clouds as the package ``showerdata`` writes them: x, y, z in mm, energies in GeV.

``showers`` (N,) of variable length, float32 [x, y, z, E] or [x, y, z, E, t] one after the other,
``energies`` (N, 1), ``directions`` (N, 3), ``pdg`` and ``num_points`` (N,), ``shape`` (3,).  They
are read with h5py: the package pads every cloud of a file to the longest of all.

Points fall into the pads of a detector: x and y across the beam, 0 in the middle of pad
(X // 2, Y // 2), z the depth from the calorimeter's front, to the nearest layer; points
beside the window are left out. A direction (0, 0, 1) is perpendicular; where all lie in the
y-z plane theta is the angle to the y axis, and else phi tells which way they lean.
"""

import h5py
import numpy as np

from caloforge.beam import SIDEWAYS
from caloforge.detector import Detector
from caloforge.errors import DetectorError, InputError
from caloforge.io.block import Block
from caloforge.io.hdf5 import Column, Hdf5File
from caloforge.io.layout_file import LayoutFile
from caloforge.io.rows import RowsWriter, SampleHead
from caloforge.io.shapes import scalar_per_shower
from caloforge.particle import pdg_number
from caloforge.typing import AnyArray, Float64Array, IntArray

POINTS, ENERGIES, DIRECTIONS, COUNTS, SHAPE = (
    "showers", "energies", "directions", "num_points", "shape"
)  # fmt: skip


def recognise(file: Hdf5File) -> str | None:
    """Why a file is of this layout, None if it is not."""
    points = file.shape(POINTS)
    if points is None or len(points) != 1 or file.shape(ENERGIES) is None:
        return None
    return f"it has datasets {POINTS} of variable length and {ENERGIES}"


class ShowerdataFile(LayoutFile):
    """A sample of point clouds, filled into the cells of a detector.

    Raises
    ------
    InputError
        as ShowerFile.
    DetectorError
        if neither the file nor the caller says which detector's cells the points fall into.
    """

    LAYOUT = "showerdata"
    UNIT = "energies in GeV, places in mm"
    ORDER = "points x, y, z, E"

    def _find_cells(self) -> Column:
        points = self.file.column(POINTS, numbers=False)
        if h5py.check_vlen_dtype(points.dtype) is None or len(points.shape) != 1:
            msg = f"{self.path}: {POINTS} must be (N,) of variable length, got {points.dtype}"
            raise InputError(msg)
        self._width, self._seen, self._beside = self._find_width(), 0.0, 0.0
        return points

    def _find_width(self) -> int:
        """Numbers of a point: 4, or 5 with the time."""
        width = int(self.file.column(SHAPE).read()[-1]) if SHAPE in self.file else 4
        if width not in (4, 5):
            msg = f"{self.path}: points must have 4 or 5 numbers, got {width}"
            raise InputError(msg)
        return width

    def _find_conditions(self) -> None:
        self._energy = self._check_length(self.file.column(ENERGIES))
        self._direction = None
        if DIRECTIONS in self.file:
            self._direction = self._check_length(self.file.column(DIRECTIONS))
            if self._direction.shape[1:] != (3,):
                msg = f"{self.path}: {DIRECTIONS} must be (N, 3), got {self._direction.shape}"
                raise InputError(msg)
            self._aside = any(_aside(each) for each in self._direction.blocks())
        self.why.append(f"angle: {DIRECTIONS if self._direction else 'none, so perpendicular'}")

    def _find_cell_shape(self) -> tuple[int, int, int]:
        detector = self.known_detector
        if detector is None:
            msg = (
                f"{self.path} is a point cloud that names no detector: give the .toml file of the "
                "one whose cells it fills with --detector"
            )
            raise DetectorError(msg)
        window = str(self.attributes.get("window", next(iter(detector.windows))))
        self._middles = detector.layer_centres_mm
        self._pads = detector.pad_mm
        if detector.readout != "pads":
            msg = f"{self.path}: points are filled into pads, {detector.name} is a cylinder"
            raise DetectorError(msg)
        return detector.cell_shape(window)

    def _images(self, stored: AnyArray) -> AnyArray:
        cells = np.zeros((len(stored), *self.cell_shape), np.float64)
        for image, flat in zip(cells, stored, strict=True):
            points = np.asarray(flat, np.float64).ravel()
            if points.size % self._width or not np.all(np.isfinite(points)):
                msg = f"{self.path}: a shower's points are not finite rows of {self._width} numbers"
                raise InputError(msg)
            self._fill(image, points.reshape(-1, self._width))
        return cells

    def _fill(self, image: Float64Array, points: Float64Array) -> None:
        x, y = (
            np.floor(points[:, axis] / self._pads[axis] + 0.5) + image.shape[axis] // 2
            for axis in (0, 1)
        )
        z = nearest_layer(points[:, 2], self._middles)
        inside = (x >= 0) & (x < image.shape[0]) & (y >= 0) & (y < image.shape[1])
        places = tuple(each[inside].astype(int) for each in (x, y, z))
        np.add.at(image, places, points[inside, 3])
        self._seen += float(points[:, 3].sum())
        self._beside += float(points[~inside, 3].sum())

    @property
    def notes(self) -> list[str]:
        """How much energy lies beside the window."""
        if self._beside <= 0 or self._seen <= 0:
            return []
        return [f"{self._beside / self._seen:.2%} of the energy lies beside the window: left out"]

    def _energies(self, start: int, stop: int) -> AnyArray:
        return scalar_per_shower(self._energy.read(start, stop))

    def _angles(self, start: int, stop: int) -> AnyArray:
        if self._direction is None:
            return super()._angles(start, stop)
        x, y, z = self._direction.read(start, stop).astype(np.float64).T
        theta: AnyArray = np.arctan2(z, np.hypot(x, y) if self._aside else y)
        return theta

    def _azimuths(self, start: int, stop: int) -> AnyArray | None:
        if self._direction is None or not self._aside:
            return None
        x, y, _ = self._direction.read(start, stop).astype(np.float64).T
        phi: AnyArray = np.arctan2(y, x)
        return phi


class ShowerdataWriter(RowsWriter):
    """Writes the cells that hold energy as points in their middles."""

    def _create(self, head: SampleHead, compression: str | None) -> None:
        detector = head.detector
        if detector is None or detector.readout != "pads":
            msg = f"{head.whose} has no pads whose places in mm a point cloud could hold"
            raise InputError(msg)
        self._detector, self._longest, self._n = detector, 0, head.showers
        self._pdg = pdg_number(head.particle)
        self._file.attrs["window"] = detector.window_of(head.cell_shape)
        self.dataset(POINTS, (head.showers,), dtype=h5py.vlen_dtype(np.dtype("<f4")))
        self.dataset(ENERGIES, (head.showers, 1))
        self.dataset(DIRECTIONS, (head.showers, 3))
        for name in ("pdg", COUNTS, "shower_ids"):
            self.dataset(name, (head.showers,), dtype="<i4")
        self._file[SHAPE] = np.array([head.showers, 0, 4])

    def _write(self, rows: slice, block: Block) -> None:
        counts = np.count_nonzero(block.cells.reshape(len(block), -1), axis=1)
        for row, cells in zip(range(rows.start, rows.stop), block.cells, strict=True):
            self._file[POINTS][row] = points_of(cells, self._detector).ravel()
        self.put(ENERGIES, rows, block.energy[:, None])
        self.put(DIRECTIONS, rows, block.conditions.directions)
        self.put("pdg", rows, np.full(len(block), self._pdg))
        self.put(COUNTS, rows, counts)
        self.put("shower_ids", rows, np.arange(rows.start, rows.stop))
        self._longest = max(self._longest, int(counts.max(initial=0)))
        self._file[SHAPE][...] = [self._n, self._longest, 4]


def _aside(directions: AnyArray) -> bool:
    """Whether any of the directions (n, 3) points out of the y-z plane."""
    x, length = directions[:, 0], np.linalg.norm(directions, axis=1)
    return bool(np.any(np.abs(x) > SIDEWAYS * length))


def nearest_layer(depth: Float64Array, middles: Float64Array) -> IntArray:
    """Number of the layer whose middle (mm) is nearest to each depth (n,)."""
    borders = (middles[1:] + middles[:-1]) / 2
    return np.searchsorted(borders, depth).astype(np.int64)


def points_of(cells: AnyArray, detector: Detector) -> AnyArray:
    """Points (n, 4) = (x, y, z, E) in mm and GeV of an image (X, Y, Z)."""
    x, y, z = np.nonzero(cells)
    places = [
        (index - size // 2) * pad
        for index, size, pad in zip((x, y), cells.shape[:2], detector.pad_mm, strict=True)
    ]
    return np.stack([*places, detector.layer_centres_mm[z], cells[x, y, z]], 1).astype(np.float32)
