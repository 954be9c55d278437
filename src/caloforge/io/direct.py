"""Large files written in pieces by any threads, and in whole blocks to the disk."""

from bisect import insort
from functools import partial
from pathlib import Path
from threading import Lock

from caloforge.io.disk import Disk, aligned, write_all
from caloforge.typing import AnyArray

BLOCK_BYTES = 4 * 2**20


class _DiskBlock:
    """A stretch of the file in aligned memory, and the parts of it that have been written."""

    def __init__(self) -> None:
        self.bytes: AnyArray = aligned(BLOCK_BYTES)
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

    ``descriptor`` is the file opened for writing the ordinary way, as of
    :class:`~caloforge.io.disk.Disk`, and for blocks that stay incomplete.

    A block is always either among those that fill or among what was handed to the disk, and passes
    from one to the other under the lock: a flush, which looks at both under the same lock, misses
    nothing that was written before it, whatever happens at the same time.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        self._buffered, self._disk = descriptor, Disk(path, descriptor)
        self._blocks: dict[int, _DiskBlock] = {}
        self._spare: list[_DiskBlock] = []
        self._lock = Lock()

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
        self._disk.wait_for_room()
        with self._lock:
            block = self._blocks.pop(number)
            given_back = partial(self._take_back, block)
            self._disk.hand_over(number * BLOCK_BYTES, block.bytes, given_back)
        self._disk.check()

    def _take_back(self, block: _DiskBlock) -> None:
        block.filled = []
        with self._lock:
            self._spare.append(block)

    def flush(self) -> None:
        """Hand everything that was written to the operating system.

        Raises :class:`OSError` if that fails, or a write before it has failed.
        """
        with self._lock:
            for number, block in self._blocks.items():
                for begin, end in block.filled:
                    place = number * BLOCK_BYTES + begin
                    write_all(self._buffered, block.bytes[begin:end].data, place)
            handed = self._disk.handed()
        self._disk.wait(handed)

    def close(self) -> None:
        """Stop; what was not flushed is lost."""
        self._disk.close()
