"""Rows written straight to their place in an HDF5 file, past the HDF5 library.

The library copies and locks: one thread writes at a time, and others that compute wait for it.
A contiguous dataset is a plain stretch of the file, so several threads can write their rows at
once and the operating system copies each byte once.

Behind the writers a big file is handed on to the disk and dropped from memory, without waiting:
otherwise it fills gigabytes of fresh page cache, which on virtual machines costs several times
what the showers do (a page that the guest has never touched comes from the host).
"""

import os
from pathlib import Path
from threading import Lock
from typing import Any

import h5py
import numpy as np

from caloforge.typing import AnyArray

KEPT_BYTES = 64 * 2**20
"""Files up to this size stay in the operating system's memory, to be read again soon."""
HANDED_ON_BYTES = 8 * 2**20
"""Of bigger files, what is written between two requests to write it out and forget it."""


def contiguous(shape: tuple[int, ...]) -> Any:
    """Creation properties of a float32 dataset that has its place in the file from the start."""
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_layout(h5py.h5d.CONTIGUOUS)
    if all(shape):
        properties.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    properties.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    return properties


class RawRows:
    """The rows of contiguous float32 datasets of an open file; any thread may write any row."""

    def __init__(self, path: Path, datasets: list[Any]) -> None:
        self._places = {
            dataset.name.lstrip("/"): (dataset.id.get_offset(), dataset.shape[1:])
            for dataset in datasets
            if dataset.chunks is None and dataset.id.get_offset() is not None
        }
        self._descriptor = os.open(path, os.O_WRONLY)
        big = sum(dataset.nbytes for dataset in datasets) > KEPT_BYTES
        self._hand_on = big and hasattr(os, "posix_fadvise")
        self._kept, self._lock = 0, Lock()

    def holds(self, name: str) -> bool:
        """Whether the rows of this dataset can be written here."""
        return name in self._places

    def write(self, name: str, start: int, rows: AnyArray) -> None:
        """Write rows (n, ...) of a dataset from row ``start`` on."""
        offset, shape = self._places[name]
        values = np.ascontiguousarray(rows, "<f4")
        position = offset + start * 4 * int(np.prod(shape, dtype=np.int64))
        view = values.reshape(-1).view(np.uint8).data
        while view:
            written = os.pwrite(self._descriptor, view, position)
            view, position = view[written:], position + written
        if self._hand_on:
            self._forget(values.nbytes)

    def _forget(self, written: int) -> None:
        """Ask for what was written to go to the disk, and for what is there to leave memory."""
        with self._lock:
            self._kept += written
            due = self._kept >= HANDED_ON_BYTES
            if due:
                self._kept = 0
        if due:
            os.posix_fadvise(self._descriptor, 0, 0, os.POSIX_FADV_DONTNEED)

    def close(self) -> None:
        """Give the file back; the datasets are whole for HDF5 afterwards."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
