"""The CaloChallenge layout: ``incident_energies`` (N, 1) and ``showers`` (N, voxels), in MeV.

The voxels of a cylinder are flattened with the rings running fastest, then the sectors, then the
layers (https://calochallenge.github.io/homepage, arXiv 2410.21611); the binning is that of the
detector's window. Particles enter along the cylinder's axis.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from caloforge.atomic import replacing
from caloforge.detector import Detector, bundled_detectors, load_detector
from caloforge.errors import DetectorError, InputError
from caloforge.io.gan3d_hdf5 import (
    DETECTOR_ATTRIBUTE,
    ShowerFile,
    detector_from_json,
    detector_to_json,
    open_hdf5,
)
from caloforge.io.gan3d_writer import COMPRESSED_ROWS, abandon
from caloforge.showers import Showers
from caloforge.typing import AnyArray, FloatArray
from caloforge.units import MeV

ENERGIES, VOXELS = "incident_energies", "showers"


def is_calochallenge(path: Path) -> bool:
    """Whether a file has the CaloChallenge layout; raises InputError as ShowerFile does."""
    with open_hdf5(path) as file:
        return ENERGIES in file


class CaloChallengeFile(ShowerFile):
    """A sample in the CaloChallenge layout, opened for reading like any other.

    Raises
    ------
    InputError
        as ShowerFile.
    DetectorError
        if no cylinder of the detector, given or named in the file, has as many voxels, or, where
        none is, no bundled one.
    """

    CELLS = VOXELS

    def _find_cell_shape(self, detector: Detector | None) -> tuple[int, ...]:
        if self._cells.ndim != 2:
            msg = f"{self.path}: {VOXELS} must be (N, voxels), got {self._cells.shape}"
            raise InputError(msg)
        voxels = int(self._cells.shape[1])
        candidates = self._candidates(detector)
        for candidate in candidates:
            for window in candidate.windows:
                shape = candidate.cell_shape(window)
                if candidate.readout == "cylinder" and int(np.prod(shape)) == voxels:
                    self._cylinder = candidate
                    return shape
        names = ", ".join(each.name for each in candidates)
        msg = f"{self.path} has {voxels} voxels a shower, which fit no cylinder of {names}"
        raise DetectorError(msg)

    def _find_detector(self) -> Detector:
        """The detector that the voxels were told by, not one of pads with as many cells."""
        return self._cylinder

    def _candidates(self, detector: Detector | None) -> list[Detector]:
        """Detectors that the file may be of."""
        if detector is not None:
            return [detector]
        text = self.attributes.get(DETECTOR_ATTRIBUTE)
        if text is not None:
            return [detector_from_json(str(text), where=str(self.path))]
        return [load_detector(name) for name in bundled_detectors()]

    def _images(self, stored: AnyArray) -> FloatArray:
        rings, sectors, layers = self.cell_shape
        cells = stored.reshape(-1, layers, sectors, rings).transpose(0, 3, 2, 1) * MeV
        return np.ascontiguousarray(cells, np.float32)

    def _energies(self) -> AnyArray:
        return np.asarray(self._vector(ENERGIES) * MeV)


def write_calochallenge(
    path: Path, sample: ShowerFile, chunks: Iterable[Showers], compression: str | None
) -> None:
    """Write a sample, its showers given in chunks, beside its place first, renamed when whole.

    Raises
    ------
    InputError
        if the detector is no cylinder, or a shower is not along its axis.
    OutputError
        if the file cannot be written.
    """
    if sample.detector.readout != "cylinder":
        msg = (
            f"{sample.detector.name} is read out in pads: the CaloChallenge layout holds cylinders "
            "of rings and sectors"
        )
        raise InputError(msg)
    with replacing(path) as partial, _new_file(partial) as file:
        file.attrs.update(sample.attributes)
        file.attrs[DETECTOR_ATTRIBUTE] = detector_to_json(sample.detector)
        energies, cells = _create(file, len(sample), int(np.prod(sample.cell_shape)), compression)
        done = 0
        for showers in chunks:
            if not np.allclose(showers.theta, np.pi / 2, atol=1e-4):
                msg = "the CaloChallenge layout has no angles: showers must be perpendicular"
                raise InputError(msg)
            voxels = showers.cells.transpose(0, 3, 2, 1).reshape(len(showers), -1) / MeV
            rows = slice(done, done + len(showers))
            cells[rows] = voxels
            energies[rows, 0] = showers.energy / MeV
            done += len(showers)


@contextmanager
def _new_file(path: Path) -> Iterator[Any]:
    """An HDF5 file to fill; it is on the disk when the context ends without an error."""
    file = h5py.File(path, "w")
    try:
        yield file
        file.flush()
    except BaseException:
        abandon(file, path)
        raise
    file.close()


def _create(file: Any, n: int, voxels: int, compression: str | None) -> tuple[Any, Any]:
    """The datasets of energies and voxels."""
    options = {"dtype": "<f4", "track_times": False}
    energies = file.create_dataset(ENERGIES, (n, 1), **options)
    if compression is not None:
        chunk = (min(COMPRESSED_ROWS, n), voxels)
        options |= {"chunks": chunk, "compression": compression, "shuffle": True}
    return energies, file.create_dataset(VOXELS, (n, voxels), **options)
