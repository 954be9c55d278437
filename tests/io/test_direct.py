"""Large files in blocks: what is in the file, whatever the order and the threads."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from caloforge.io import disk
from caloforge.io.direct import BLOCK_BYTES, DirectFile


@pytest.fixture
def opened(tmp_path):
    path = tmp_path / "file"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT)
    file = DirectFile(path, descriptor)
    yield path, file
    file.close()
    os.close(descriptor)


def content(size, seed=0):
    return np.random.default_rng(seed).integers(0, 256, size, np.uint8)


@pytest.mark.parametrize("takes_direct_writes", [True, False])
def test_pieces_of_many_threads_make_the_file(tmp_path, monkeypatch, takes_direct_writes):
    if not takes_direct_writes:
        monkeypatch.delattr(os, "O_DIRECT")
    path = tmp_path / "file"
    path.write_bytes(b"header")
    whole, piece = content(3 * BLOCK_BYTES + 12345), 700_001
    starts = np.random.default_rng(1).permutation(np.arange(0, len(whole), piece))
    descriptor = os.open(path, os.O_WRONLY)
    file = DirectFile(path, descriptor)
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda start: file.write(6 + start, whole[start : start + piece]), starts))
    file.flush()
    file.close()
    os.close(descriptor)
    assert path.read_bytes() == b"header" + whole.tobytes()


def test_a_flush_leaves_what_others_wrote_before(opened):
    path, file = opened
    path.write_bytes(content(BLOCK_BYTES).tobytes())
    file.write(1000, np.zeros(10, np.uint8))
    file.flush()
    file.write(0, np.ones(500, np.uint8))
    file.flush()
    expected = content(BLOCK_BYTES)
    expected[:500], expected[1000:1010] = 1, 0
    assert path.read_bytes() == expected.tobytes()


def test_a_block_that_was_flushed_half_full_is_whole_in_the_end(opened):
    path, file = opened
    whole = content(BLOCK_BYTES)
    file.write(0, whole[:3000])
    file.flush()
    file.write(3000, whole[3000:])
    file.flush()
    assert path.read_bytes() == whole.tobytes()


def test_a_full_disk_is_an_error_at_the_latest_with_the_flush(opened, monkeypatch):
    _, file = opened

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(disk, "write_all", full)
    file.write(0, content(BLOCK_BYTES))
    with pytest.raises(OSError, match="No space left"):
        file.flush()


class HookedLock:
    """A lock that calls ``hook`` once: after the test's thread has released it ``gap`` times."""

    def __init__(self, gap, hook):
        self.lock, self.thread = threading.Lock(), threading.get_ident()
        self.gap, self.hook = gap, hook

    def __enter__(self):
        self.lock.acquire()

    def __exit__(self, *_):
        self.lock.release()
        if threading.get_ident() == self.thread:
            self.gap -= 1
            if self.gap == 0:
                self.hook()


class LateDisk:
    """Writes a block only when somebody waits for it: the slowest disk that there can be."""

    class Task:
        def __init__(self, work):
            self.work = work

        def done(self):
            return self.work is None

        def result(self):
            work, self.work = self.work, None
            if work:
                work()

    def submit(self, function, *arguments):
        return self.Task(lambda: function(*arguments))

    def shutdown(self, **_):
        pass


@pytest.fixture
def stepped(opened):
    """A file on the slowest disk."""
    path, file = opened
    file._disk._thread.shutdown()
    file._disk._thread = LateDisk()
    return path, file


HALF = BLOCK_BYTES // 2


def holds(path, data):
    """Whether the file begins with these bytes."""
    return path.read_bytes()[: len(data)] == data.tobytes()


@pytest.mark.parametrize("gap", [1, 2, 3])
def test_a_flush_in_any_gap_of_a_write_finds_all_that_was_written_before(stepped, gap):
    path, file = stepped
    whole, seen = content(BLOCK_BYTES), []
    file.write(0, whole[:HALF])

    def flush():
        file.flush()
        seen.append(holds(path, whole[:HALF]))

    file._lock = HookedLock(gap, flush)
    file.write(HALF, whole[HALF:])
    assert seen == [True]
    file.flush()
    assert holds(path, whole)


def test_a_flush_while_a_write_waits_for_the_disk_finds_all_that_was_written_before(stepped):
    path, file = stepped
    whole, seen = content(BLOCK_BYTES), []
    file.write(0, whole[:HALF])
    acquire = file._disk._room.acquire

    def flush_and_acquire():
        file.flush()
        seen.append(holds(path, whole[:HALF]))
        acquire()

    file._disk._room.acquire = flush_and_acquire
    file.write(HALF, whole[HALF:])
    assert seen == [True]


def test_a_write_in_a_gap_of_a_flush_takes_nothing_from_it(stepped):
    path, file = stepped
    whole = content(BLOCK_BYTES)
    file.write(0, whole[:HALF])
    file._lock = HookedLock(1, lambda: file.write(HALF, whole[HALF:]))
    file.flush()
    assert holds(path, whole[:HALF])


def test_of_two_flushes_at_a_time_neither_is_early(stepped):
    path, file = stepped
    whole, seen = content(BLOCK_BYTES), []
    file.write(0, whole)

    def flush():
        file.flush()
        seen.append(holds(path, whole))

    file._lock = HookedLock(1, flush)
    flush()
    assert seen == [True, True]


def test_a_failure_that_one_thread_was_told_is_told_to_the_others(opened, monkeypatch):
    _, file = opened

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(disk, "write_all", full)
    file.write(0, content(BLOCK_BYTES))
    for _ in range(2):
        with pytest.raises(OSError, match="No space left"):
            file.flush()
    with pytest.raises(OSError, match="No space left"):
        file.write(BLOCK_BYTES, content(BLOCK_BYTES))
