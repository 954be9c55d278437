"""Hits appended to an HDF5 file chunk by chunk, of which the library makes the skeleton.

A list beside the file, ``PATH.chunks``, says of every chunk where its bytes are and how many
showers are whole with it.  A killed writer leaves a file that the library cannot read; with the
list a new skeleton gets the same chunks, and in the end the file is, byte for byte, what it was to
be.
"""

import os
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from caloforge.hit_arrays import cell_type
from caloforge.io.disk import Disk, aligned
from caloforge.io.skeleton import Skeleton
from caloforge.typing import AnyArray, FloatArray

CELL, CELL_ENERGY = "cell", "cell_energy"
FEWEST, MOST = 2**10, 2**20
"""Hits in a chunk of a small and of a large file."""

RECORD = np.dtype([("showers", "<i8"), ("place", "<i8", 2), ("size", "<i8", 2), ("mask", "<i8", 2)])
"""A line of the list: whole showers; place and size in bytes and filter mask of the two chunks."""


def chunk_hits(n: int) -> int:
    """Hits in a chunk of a file of n showers.

    >>> chunk_hits(1), chunk_hits(10**6)
    (1024, 1048576)
    """
    return int(np.clip(256 * n, FEWEST, MOST))


class HitChunks:
    """The datasets ``cell`` and ``cell_energy`` of a skeleton, written from their start.

    The library says where a chunk has its place; its bytes go there through ``disk``, while the
    next chunk fills.

    Attributes
    ----------
    total : hits appended so far.
    chunks : whole chunks that have a place in the file.
    """

    def __init__(
        self, skeleton: Skeleton, disk: Disk, n: int, shape: tuple[int, ...],
        compression: str | None,
    ) -> None:  # fmt: skip
        self.total, self.chunks, self.hits = 0, 0, chunk_hits(n)
        self._skeleton, self._disk, self._compressed = skeleton, disk, compression is not None
        self._datasets: dict[str, Any] = {}
        self._spare: dict[str, list[AnyArray]] = {CELL: [], CELL_ENERGY: []}
        options = {"compression": compression, "shuffle": True} if compression else {}
        for name, kind in ((CELL, np.dtype(cell_type(shape))), (CELL_ENERGY, np.dtype("<f4"))):
            self._datasets[name] = skeleton.file.create_dataset(
                name, (0,), kind.newbyteorder("<"), maxshape=(None,), chunks=(self.hits,),
                dcpl=None if compression else _placed_when_extended(), track_times=False,
                **options,
            )  # fmt: skip
        self._buffers = {name: self._new_buffer(name) for name in self._datasets}

    def _new_buffer(self, name: str) -> AnyArray:
        if self._spare[name]:
            return self._spare[name].pop()
        kind = self._datasets[name].dtype
        return aligned(self.hits * kind.itemsize).view(kind)

    def append(self, cell: AnyArray, cell_energy: FloatArray) -> int:
        """Add hits; return how many chunks became whole with them."""
        before, taken = self.chunks, 0
        while taken < len(cell):
            filled = self.total - self.chunks * self.hits
            part = min(len(cell) - taken, self.hits - filled)
            for name, values in ((CELL, cell), (CELL_ENERGY, cell_energy)):
                self._buffers[name][filled : filled + part] = values[taken : taken + part]
            taken, self.total = taken + part, self.total + part
            if filled + part == self.hits:
                self._put(self.total)
        return self.chunks - before

    def _put(self, extent: int) -> None:
        """Write the buffers as the next chunk of datasets that have ``extent`` hits."""
        first = self.chunks * self.hits
        for name, buffer in self._buffers.items():
            self._datasets[name].id.set_extent((extent,))
            if self._compressed:
                self._datasets[name][first:] = buffer[: extent - first]
            chunk = self._place(name, self.chunks)
            content = buffer.view(np.uint8)
            if self._compressed:
                written = self._skeleton.written(chunk.byte_offset, chunk.size)
                content = np.frombuffer(written, np.uint8)
            self._disk.wait_for_room()
            given_back = partial(self._spare[name].append, buffer)
            self._disk.hand_over(chunk.byte_offset, content, given_back)
            self._buffers[name] = self._new_buffer(name)
        self.chunks += 1

    def _place(self, name: str, chunk: int) -> Any:
        """Where the library has a chunk; its data are for the disk."""
        found = self._datasets[name].id.get_chunk_info_by_coord((chunk * self.hits,))
        self._skeleton.fill(found.byte_offset, found.size)
        return found

    def record(self, chunk: int, showers: int) -> AnyArray:
        """The line of the list for a chunk with which ``showers`` are whole, (1,) of RECORD."""
        found = [
            self._datasets[name].id.get_chunk_info_by_coord((chunk * self.hits,))
            for name in (CELL, CELL_ENERGY)
        ]
        places = [info.byte_offset for info in found]
        sizes = [info.size for info in found]
        return np.array([(showers, places, sizes, [info.filter_mask for info in found])], RECORD)

    def take_over(self, descriptor: int, records: AnyArray) -> bool:
        """Go on with a file that has these chunks; False if it lacks one or has it elsewhere."""
        end = os.fstat(descriptor).st_size
        for record in records:
            first = self.chunks * self.hits
            for which, (name, dataset) in enumerate(self._datasets.items()):
                place, size = int(record["place"][which]), int(record["size"][which])
                if not 0 <= place <= place + size <= end:
                    return False
                dataset.id.set_extent((first + self.hits,))
                if self._compressed:
                    content, mask = os.pread(descriptor, size, place), int(record["mask"][which])
                    dataset.id.write_direct_chunk((first,), content, mask)
                self._place(name, self.chunks)
            if self.record(self.chunks, int(record["showers"]))[0] != record:
                return False
            self.chunks += 1
        self.total = self.chunks * self.hits
        return True

    def finish(self) -> None:
        """Write what is left as the last chunk, filled up with zeros; OSError if that fails."""
        filled = self.total - self.chunks * self.hits
        if filled:
            for buffer in self._buffers.values():
                buffer[filled:] = 0
            self._put(self.total)


def _placed_when_extended() -> Any:
    """Creation properties of a dataset whose chunks have a place as soon as it is long enough."""
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    properties.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    return properties


class ChunkList:
    """The list beside a file that is being written."""

    def __init__(self, partial: Path) -> None:
        self.path = partial.with_name(partial.name + ".chunks")

    def read(self) -> AnyArray:
        """Its lines, of RECORD, as far as they are whole; none where there is no list."""
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return np.empty(0, RECORD)
        return np.frombuffer(content, RECORD, len(content) // RECORD.itemsize)

    def keep(self, lines: int) -> None:
        """Keep the first lines only."""
        self.path.touch()
        os.truncate(self.path, lines * RECORD.itemsize)

    def add(self, record: AnyArray) -> None:
        """Add a line."""
        with open(self.path, "ab") as stream:
            stream.write(record.tobytes())

    def remove(self) -> None:
        """Remove the list."""
        self.path.unlink(missing_ok=True)
