"""Rows written straight to their place in an HDF5 file, past the HDF5 library.

The library copies and locks: one thread writes at a time, and others that compute wait for it.
A contiguous dataset is a plain stretch of the file, so several threads can write their rows at
once.
"""

import os
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from caloforge.io.direct import DirectFile
from caloforge.io.disk import write_all
from caloforge.typing import AnyArray

KEPT_BYTES = 64 * 2**20
"""Files up to this size stay in the operating system's memory, to be read again soon."""


def contiguous(shape: tuple[int, ...]) -> Any:
    """Creation properties of a float32 dataset that has its place in the file from the start."""
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_layout(h5py.h5d.CONTIGUOUS)
    if all(shape):
        properties.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    properties.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    return properties


class RawRows:
    """The rows of contiguous float32 datasets of an open file; any thread may write any row.

    Errors of the disk are raised as :class:`OSError`, of big files also by a later call.
    """

    def __init__(self, path: Path, datasets: list[Any]) -> None:
        self._places = {
            dataset.name.lstrip("/"): (dataset.id.get_offset(), dataset.shape[1:])
            for dataset in datasets
            if dataset.chunks is None and dataset.id.get_offset() is not None
        }
        self._descriptor = os.open(path, os.O_WRONLY)
        big = sum(dataset.nbytes for dataset in datasets) > KEPT_BYTES
        self._direct = DirectFile(path, self._descriptor) if big else None

    def holds(self, name: str) -> bool:
        """Whether the rows of this dataset can be written here."""
        return name in self._places

    def write(self, name: str, start: int, rows: AnyArray) -> None:
        """Write rows (n, ...) of a dataset from row ``start`` on."""
        offset, shape = self._places[name]
        values = np.ascontiguousarray(rows, "<f4").reshape(-1).view(np.uint8)
        position = offset + start * 4 * int(np.prod(shape, dtype=np.int64))
        if self._direct:
            self._direct.write(position, values)
        else:
            write_all(self._descriptor, values.data, position)

    def flush(self) -> None:
        """Hand everything that was written to the operating system."""
        if self._direct:
            self._direct.flush()

    def close(self) -> None:
        """Give the file back.  What was flushed is whole for HDF5 afterwards."""
        if self._descriptor >= 0:
            if self._direct:
                self._direct.close()
            os.close(self._descriptor)
            self._descriptor = -1
