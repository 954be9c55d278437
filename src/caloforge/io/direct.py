"""Large files, past the operating system's memory to the disk.

What is written through the page cache is copied by the kernel under a lock of the file, and on
virtual machines a page that the guest has never touched comes from the host: both cost a core more
than generating the showers.  Here the writers copy into aligned blocks, and a thread hands full
blocks to the disk, which fetches them itself while the next ones fill.
"""

import errno
import mmap
import os
from bisect import insort
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import BoundedSemaphore, Lock

import numpy as np

from caloforge.typing import AnyArray

BLOCK_BYTES = 4 * 2**20
WAITING_BLOCKS = 8
"""Full blocks that may wait for the disk; then the writers wait."""


def write_all(descriptor: int, data: memoryview, position: int) -> None:
    """Write all bytes from ``position`` of the file on."""
    while data:
        written = os.pwrite(descriptor, data, position)
        data, position = data[written:], position + written


class _DiskBlock:
    """A stretch of the file in aligned memory, and the parts of it that have been written."""

    def __init__(self) -> None:
        self.bytes: AnyArray = np.frombuffer(mmap.mmap(-1, BLOCK_BYTES), np.uint8)
        self.filled: list[tuple[int, int]] = []

    def fill(self, begin: int, end: int) -> bool:
        """Note that begin..end is written; whether the block is full now."""
        insort(self.filled, (begin, end))
        merged: list[tuple[int, int]] = []
        for low, high in self.filled:
            if merged and low <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
            else:
                merged.append((low, high))
        self.filled = merged
        return merged == [(0, BLOCK_BYTES)]


class DirectFile:
    """Writes of any threads to an open file, gathered into blocks; each byte is written once.

    ``descriptor`` is the file opened for writing the ordinary way: for blocks that stay
    incomplete, and where the file system takes no direct writes.

    A block is always either among those that fill or among what was handed to the disk, and passes
    from one to the other under the lock: a flush, which looks at both under the same lock, misses
    nothing that was written before it, whatever happens at the same time.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        self._buffered, self._direct = descriptor, _open_direct(path, descriptor)
        self._blocks: dict[int, _DiskBlock] = {}
        self._spare: list[_DiskBlock] = []
        self._lock, self._room = Lock(), BoundedSemaphore(WAITING_BLOCKS)
        self._disk = ThreadPoolExecutor(1, thread_name_prefix="disk")
        self._handed: list[Future[None]] = []
        self._failure: OSError | None = None

    def write(self, position: int, data: AnyArray) -> None:
        """Write bytes (n,) uint8 from ``position`` on.

        Raises :class:`OSError`, also of what was written before.
        """
        while len(data):
            number, begin = divmod(position, BLOCK_BYTES)
            part = data[: BLOCK_BYTES - begin]
            with self._lock:
                block = self._blocks.get(number) or self._new_block(number)
            block.bytes[begin : begin + len(part)] = part
            with self._lock:
                full = block.fill(begin, begin + len(part))
            if full:
                self._hand_over(number)
            data, position = data[len(part) :], position + len(part)

    def _new_block(self, number: int) -> _DiskBlock:
        block = self._spare.pop() if self._spare else _DiskBlock()
        self._blocks[number] = block
        return block

    def _hand_over(self, number: int) -> None:
        self._room.acquire()
        with self._lock:
            block = self._blocks.pop(number)
            waiting = [future for future in self._handed if not future.done()]
            self._handed = [*waiting, self._disk.submit(self._put, number, block)]
        self._check()

    def _put(self, number: int, block: _DiskBlock) -> None:
        """Write a full block.  Its failure stays known: every later call must say so."""
        failure = None
        try:
            self._write_block(block, number * BLOCK_BYTES)
        except OSError as problem:
            failure = problem
        block.filled = []
        with self._lock:
            self._failure = self._failure or failure
            self._spare.append(block)
        self._room.release()

    def _write_block(self, block: _DiskBlock, position: int) -> None:
        try:
            write_all(self._direct, block.bytes.data, position)
        except OSError as problem:
            if problem.errno != errno.EINVAL:
                raise
            write_all(self._buffered, block.bytes.data, position)

    def _check(self) -> None:
        if self._failure is not None:
            raise self._failure

    def flush(self) -> None:
        """Hand everything that was written to the operating system.

        Raises :class:`OSError` if that fails, or a write before it has failed.
        """
        with self._lock:
            for number, block in self._blocks.items():
                for begin, end in block.filled:
                    place = number * BLOCK_BYTES + begin
                    write_all(self._buffered, block.bytes[begin:end].data, place)
            handed = list(self._handed)
        for future in handed:
            future.result()
        self._check()

    def close(self) -> None:
        """Stop; what was not flushed is lost."""
        self._disk.shutdown(cancel_futures=True)
        if self._direct != self._buffered:
            os.close(self._direct)


def _open_direct(path: Path, descriptor: int) -> int:
    """The file opened for direct writes, or ``descriptor`` where there is no such thing."""
    try:
        return os.open(path, os.O_WRONLY | os.O_DIRECT)
    except (AttributeError, OSError):
        return descriptor
