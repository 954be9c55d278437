"""A thread that hands blocks to the disk, past the operating system's memory.

What is written through the page cache is copied by the kernel under a lock of the file, and on
virtual machines a page that the guest has never touched comes from the host: both cost a core more
than generating the showers.  Here writers fill aligned blocks, and the disk fetches full ones
itself while the next ones fill.
"""

import errno
import mmap
import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import BoundedSemaphore, Lock

import numpy as np

from caloforge.typing import AnyArray

WAITING_BLOCKS = 8
"""Full blocks that may wait for the disk; then the writers wait."""


def aligned(size: int) -> AnyArray:
    """Memory (size,) uint8 that begins with a page, as the disk wants it."""
    return np.frombuffer(mmap.mmap(-1, size), np.uint8)


def write_all(descriptor: int, data: memoryview, position: int) -> None:
    """Write all bytes from ``position`` of the file on."""
    while data:
        written = os.pwrite(descriptor, data, position)
        data, position = data[written:], position + written


class Disk:
    """Writes blocks to an open file one after the other, in the order in which they come.

    ``descriptor`` is the file opened for writing the ordinary way: for blocks that are not aligned,
    and where the file system takes no direct writes.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        self._buffered, self._direct = descriptor, _open_direct(path, descriptor)
        self._lock, self._room = Lock(), BoundedSemaphore(WAITING_BLOCKS)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="disk")
        self._handed: list[Future[None]] = []
        self._failure: OSError | None = None

    def wait_for_room(self) -> None:
        """Wait until another block may be handed over, which must be then."""
        self._room.acquire()

    def hand_over(self, position: int, block: AnyArray, written: Callable[[], None]) -> None:
        """Write bytes (n,) uint8 from ``position`` on, then call ``written``, also after a failure.

        Returns at once; there must have been waited for room.
        """
        self._submit(self._put, position, block, written)

    def then(self, task: Callable[[], None]) -> None:
        """Call ``task`` when all that was handed over so far is written; never if that fails.

        Raises :class:`OSError` if a write before has failed.
        """
        self.check()
        self._submit(self._after, task)

    def _submit(self, work: Callable[..., None], *arguments: object) -> None:
        with self._lock:
            waiting = [future for future in self._handed if not future.done()]
            self._handed = [*waiting, self._thread.submit(work, *arguments)]

    def _put(self, position: int, block: AnyArray, written: Callable[[], None]) -> None:
        """Write a block.  Its failure stays known: every later call must say so."""
        try:
            self._write(position, block)
        except OSError as problem:
            self._fail(problem)
        written()
        self._room.release()

    def _after(self, task: Callable[[], None]) -> None:
        if self._failure is None:
            try:
                task()
            except OSError as problem:
                self._fail(problem)

    def _fail(self, problem: OSError) -> None:
        with self._lock:
            self._failure = self._failure or problem

    def _write(self, position: int, block: AnyArray) -> None:
        try:
            write_all(self._direct, block.data, position)
        except OSError as problem:
            if problem.errno != errno.EINVAL:
                raise
            write_all(self._buffered, block.data, position)

    def handed(self) -> list[Future[None]]:
        """What has been handed over and may not be written yet."""
        with self._lock:
            return list(self._handed)

    def wait(self, handed: list[Future[None]] | None = None) -> None:
        """Wait until that is written, all if None.

        Raises :class:`OSError` if it fails, or a write before it has failed.
        """
        for future in self.handed() if handed is None else handed:
            future.result()
        self.check()

    def check(self) -> None:
        """Raise the :class:`OSError` of a write that has failed."""
        if self._failure is not None:
            raise self._failure

    def close(self) -> None:
        """Stop; what has not been waited for is lost."""
        self._thread.shutdown(cancel_futures=True)
        if self._direct != self._buffered:
            os.close(self._direct)


def _open_direct(path: Path, descriptor: int) -> int:
    """The file opened for direct writes, or ``descriptor`` where there is no such thing."""
    try:
        return os.open(path, os.O_WRONLY | os.O_DIRECT)
    except (AttributeError, OSError):
        return descriptor
