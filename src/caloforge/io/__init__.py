"""Sample files: read and written in blocks, so that a 50 GB file needs no 50 GB of memory.

One module a layout, and one table of them (:mod:`~caloforge.io.layouts`); what they share is
:class:`~caloforge.io.sample.ShowerFile`. The 3DGAN HDF5 layout is the native one; ROOT is written
for analysis (:mod:`~caloforge.io.root`).
"""

from collections.abc import Callable
from pathlib import Path

from caloforge.detector import Detector
from caloforge.io.block import Block
from caloforge.io.gan3d_rows import Gan3dWriter
from caloforge.io.gan3d_writer import ShowerWriter
from caloforge.io.layouts import LAYOUTS, open_sample
from caloforge.io.mapped import SampleMap
from caloforge.io.parts import PartsFile, is_dataset
from caloforge.io.rows import SampleHead
from caloforge.io.sample import ShowerFile
from caloforge.showers import Showers

Opens = Callable[[Path], ShowerFile]
"""How a sample is opened: :func:`open_showers`, or the same with what the user said of it."""

__all__ = [
    "LAYOUTS",
    "Block",
    "Opens",
    "SampleMap",
    "ShowerFile",
    "ShowerWriter",
    "open_showers",
    "read",
    "write",
]


def open_showers(
    path: str | Path,
    detector: Detector | None = None,
    *,
    layout: str | None = None,
    where: SampleMap | None = None,
) -> ShowerFile:
    """Open a sample, in any layout, for reading in blocks; use it as a context manager.

    ``detector`` is for files that do not name theirs, ``layout`` (a name of
    :data:`~caloforge.io.layouts.LAYOUTS`) for those that may be of several, ``where`` for those
    of none.  The path may be the folder of a dataset in parts.

    Raises
    ------
    InputError
        if the file is missing, damaged, holds no showers, or no layout fits it, or several do.
    DetectorError
        if the layout needs a detector that nothing names, or the cells do not fit the one given.
    """
    path = Path(path)
    if where is None and is_dataset(path):
        return PartsFile(path, detector, layout)
    return open_sample(path, detector, layout, where)


def read(
    path: str | Path, start: int = 0, stop: int | None = None, *, detector: Detector | None = None
) -> Showers:
    """Read showers ``start`` to ``stop`` of a sample into memory; errors as in open_showers.

    Raises :class:`~caloforge.errors.DetectorError` where nothing tells the detector.
    """
    with open_showers(path, detector) as file:
        return file.read(start, stop)


def write(path: str | Path, showers: Showers, *, compression: str | None = None) -> None:
    """Write a sample in the 3DGAN layout, beside its place first and renamed when whole.

    Raises
    ------
    OutputError
        if the file cannot be written, or another process is writing it.
    """
    sample = SampleHead(
        len(showers), showers.cell_shape, showers.detector, showers.particle, showers.calibration,
        has_phi=showers.phi is not None, has_impact=showers.impact is not None,
    )  # fmt: skip
    block = Block(showers.cells, showers.conditions, showers.impact)
    Gan3dWriter().write(Path(path), sample, [block], compression)
