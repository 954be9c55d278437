"""HDF5 files whose data are written past the library.

The library writes a skeleton: a file of its own with all headers and a place for the data, and none
of them.  The data go straight to their places in the file that is to be, and when all are there,
what lies between them is copied from the skeleton.  A killed writer makes a new skeleton and goes
on: what it has written stays where it is.
"""

import os
from pathlib import Path
from typing import Any

import h5py

from caloforge.io.disk import write_all
from caloforge.io.gan3d_writer import abandon
from caloforge.io.raw import contiguous

COPIED_BYTES = 4 * 2**20
ON_PAGES = {"alignment_threshold": 2**20, "alignment_interval": 4096}
"""Options of a file whose large chunks the disk can fetch without a copy."""


class Skeleton:
    """An open HDF5 file without its data, which are written to another one, at the same places.

    Attributes
    ----------
    file : the file, to which datasets may be added; whoever does, says with :meth:`fill` where
        data are.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._filled = path, list[tuple[int, int]]()
        self.file: Any = h5py.File(path, "w", rdcc_nbytes=0, **ON_PAGES)

    def fill(self, place: int, size: int) -> None:
        """Leave ``size`` bytes from ``place`` on to the data."""
        self._filled.append((place, size))

    def column(self, name: str, shape: tuple[int, ...], kind: str) -> tuple[int, Any]:
        """Add a dataset of which nothing is written here; return its place and type."""
        dataset = self.file.create_dataset(
            name, shape, kind, dcpl=contiguous(shape), track_times=False
        )
        self.fill(dataset.id.get_offset(), dataset.nbytes)
        return dataset.id.get_offset(), dataset.dtype

    def written(self, place: int, size: int) -> bytes:
        """Bytes that the library has written here."""
        return os.pread(self.file.id.get_vfd_handle(), size, place)

    def complete(self, descriptor: int) -> None:
        """Copy all but the data to the file that has them, and remove this one."""
        self.file.close()
        with open(self._path, "rb", buffering=0) as bones:
            size, end = os.fstat(bones.fileno()).st_size, 0
            for place, length in sorted([*self._filled, (size, 0)]):
                for first in range(end, place, COPIED_BYTES):
                    content = os.pread(bones.fileno(), min(COPIED_BYTES, place - first), first)
                    write_all(descriptor, memoryview(content), first)
                end = place + length
            os.ftruncate(descriptor, size)
        self._path.unlink()

    def discard(self) -> None:
        """Remove the file."""
        abandon(self.file, self._path)
        self._path.unlink(missing_ok=True)
