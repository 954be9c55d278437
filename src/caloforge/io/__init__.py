"""Sample files: read and written in chunks, so that a 50 GB file needs no 50 GB of memory.

The 3DGAN HDF5 layout is the native one (:mod:`~caloforge.io.gan3d_hdf5`, written by
:mod:`~caloforge.io.gan3d_writer`); that of the CaloChallenge is read alike
(:mod:`~caloforge.io.calochallenge`), and ROOT is written for analysis (:mod:`~caloforge.io.root`).
"""

from pathlib import Path

from caloforge.detector import Detector
from caloforge.io.calochallenge import CaloChallengeFile, is_calochallenge
from caloforge.io.gan3d_hdf5 import ShowerFile
from caloforge.io.gan3d_writer import ShowerWriter
from caloforge.showers import Showers

__all__ = ["ShowerFile", "ShowerWriter", "open_showers", "read", "write"]


def open_showers(path: str | Path, detector: Detector | None = None) -> ShowerFile:
    """Open a sample, in either HDF5 layout, for reading in chunks; use it as a context manager.

    Raises
    ------
    InputError
        if the file is missing, damaged, or holds no showers.
    DetectorError
        if it does not say which detector its showers belong to and their shape does not tell.
    """
    layout = CaloChallengeFile if is_calochallenge(Path(path)) else ShowerFile
    return layout(Path(path), detector)


def read(
    path: str | Path, start: int = 0, stop: int | None = None, *, detector: Detector | None = None
) -> Showers:
    """Read showers ``start`` to ``stop`` of a sample into memory; errors as in open_showers."""
    with open_showers(path, detector) as file:
        return file.read(start, stop)


def write(path: str | Path, showers: Showers, *, compression: str | None = None) -> None:
    """Write a sample, beside its place first and renamed when whole.

    Raises
    ------
    OutputError
        if the file cannot be written.
    """
    shape = showers.cells.shape[1:]
    with ShowerWriter(
        Path(path), showers.detector, shape, len(showers), compression=compression
    ) as writer:
        writer.write(0, showers.cells, showers.conditions)
        writer.finish()
