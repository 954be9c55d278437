"""Large files in blocks: what is in the file, whatever the order and the threads."""

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from caloforge.io import direct
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

    monkeypatch.setattr(direct, "write_all", full)
    file.write(0, content(BLOCK_BYTES))
    with pytest.raises(OSError, match="No space left"):
        file.flush()
