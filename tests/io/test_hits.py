"""The hits layout: round trips, any order of writing, kills on the way, damaged files."""

import os
import shutil

import h5py
import numpy as np
import pytest
from tests.command import call
from tests.conftest import TOY_SHAPE, make_showers
from tests.io.mutants import mutant

from caloforge import io
from caloforge.convert import convert
from caloforge.errors import CaloforgeError, OutputError
from caloforge.hit_arrays import HitArrays
from caloforge.io import disk, hits_chunks
from caloforge.io.hits_writer import HitsWriter


def write(path, showers, order=None, batch=7, **options):
    """Write showers in batches of 7, in any order."""
    starts = range(0, len(showers), batch) if order is None else order
    with HitsWriter(
        path, showers.detector, showers.cells.shape[1:], len(showers), **options
    ) as writer:
        writer.write_conditions(0, showers.conditions)
        for start in starts:
            writer.write_cells(start, showers.cells[start : start + batch])
        writer.finish()
    return path.read_bytes()


def test_any_h5py_user_reads_a_shower_in_four_lines(hits_file, toy_showers):
    with h5py.File(hits_file) as f:
        first, last = f["offsets"][3:5]
        x, y, z = np.unravel_index(f["cell"][first:last], f.attrs["cell_shape"])
        energy = f["cell_energy"][first:last]
    image = np.zeros(TOY_SHAPE, np.float32)
    image[x, y, z] = energy
    assert np.array_equal(image, toy_showers.cells[3])


@pytest.mark.parametrize("compression", [None, "lzf", "gzip"])
def test_there_and_back(tmp_path, sample, toy_showers, compression):
    with io.open_showers(sample) as dense:
        convert(dense, tmp_path / "hits.h5", layout="hits", compression=compression)
    with io.open_showers(tmp_path / "hits.h5") as file:
        assert file.LAYOUT == "hits" and file.compression == (compression or "none")
        assert file.detector == toy_showers.detector
        assert np.array_equal(file.read().cells, toy_showers.cells)
        assert np.array_equal(file.hits(3, 9).dense().cells, toy_showers.cells[3:9])
        assert len(file.hits(5, 5)) == 0
        convert(file, tmp_path / "back.h5", layout="gan3d")
    back = io.read(tmp_path / "back.h5")
    assert np.array_equal(back.cells, toy_showers.cells)
    assert np.array_equal(back.energy, toy_showers.energy)
    assert np.array_equal(back.theta, toy_showers.theta)


def test_batches_may_come_in_any_order(tmp_path, toy_showers):
    content = write(tmp_path / "x.h5", toy_showers)
    for order in ([14, 7, 0], [7, 0, 14]):
        assert write(tmp_path / "y.h5", toy_showers, order) == content
    assert write(tmp_path / "y.h5", toy_showers, batch=3) == content


def test_a_file_that_lacks_showers_is_never_finished(tmp_path, toy_showers):
    with pytest.raises(RuntimeError, match="7 of 20 showers"):
        write(tmp_path / "x.h5", toy_showers, order=[0, 14])
    assert list(tmp_path.iterdir()) == []


class Killed(BaseException):
    """Stands for a kill: nothing that would tidy up after an error may run."""


@pytest.mark.parametrize("compression", [None, "gzip"])
def test_a_killed_writer_goes_on_to_the_same_bytes(
    tmp_path, toy_detector, compression, monkeypatch
):
    """Killed after every batch, in the middle of a line of the list too; from what the system has
    of the files then, the next writer goes on."""
    showers = make_showers(toy_detector, 400)
    monkeypatch.setattr(hits_chunks, "MOST", 256)
    assert np.count_nonzero(showers.cells) > 10 * 256
    whole = write(tmp_path / "whole.h5", showers, compression=compression)
    path, moved = tmp_path / "x.h5", tmp_path / "moved"
    starts = []
    for kill in range(12):
        before = os.stat(tmp_path / "x.h5.partial") if kill else None
        writer = HitsWriter(
            path, toy_detector, TOY_SHAPE, 400, compression=compression, resume=True
        )
        after = os.stat(tmp_path / "x.h5.partial")
        assert before is None or after.st_ino == before.st_ino, "it was copied"
        starts.append(writer.done)
        writer.write_conditions(0, showers.conditions)
        first = writer.done
        for start in range(first, min(first + 70, 400), 7):
            writer.write_cells(start, showers.cells[start : start + 7])
        writer.flush()
        moved.mkdir()
        for name in ("x.h5.partial", "x.h5.partial.chunks"):
            shutil.copy(tmp_path / name, moved)
        if kill % 2:
            with open(moved / "x.h5.partial.chunks", "ab") as stream:
                stream.write(b"half a line")
        with pytest.raises(Killed), writer:
            raise Killed
        for name in ("x.h5.partial", "x.h5.partial.chunks"):
            os.replace(moved / name, tmp_path / name)
        moved.rmdir()
    assert starts == sorted(starts) and 0 < len(set(starts)) < 400 and starts[-1] > 300
    with HitsWriter(
        path, toy_detector, TOY_SHAPE, 400, compression=compression, resume=True
    ) as writer:
        writer.write_conditions(0, showers.conditions)
        writer.write_cells(writer.done, showers.cells[writer.done :])
        writer.finish()
    assert path.read_bytes() == whole
    assert sorted(each.name for each in tmp_path.iterdir()) == ["whole.h5", "x.h5"]


@pytest.fixture
def long_writer(tmp_path, toy_detector):
    """A writer of so many showers that its chunks go to the disk without a copy."""
    with HitsWriter(tmp_path / "x.h5", toy_detector, TOY_SHAPE, 4096, resume=False) as writer:
        yield writer


def write_long(writer):
    """All showers, some of which fill a chunk and begin the next one."""
    offsets = np.minimum(np.arange(4097) * 300, hits_chunks.MOST + 7)
    cell = np.arange(offsets[-1]) % 100
    writer.write(0, HitArrays(offsets, cell.astype(np.uint32), (cell + 1).astype(np.float32)))
    return cell


def test_large_chunks_lie_on_pages_as_the_disk_wants_them(long_writer):
    cell = write_long(long_writer)
    long_writer.finish()
    with h5py.File(long_writer.path) as file:
        for name, values in (("cell", cell), ("cell_energy", cell + 1)):
            assert np.array_equal(file[name], values)
            places = [file[name].id.get_chunk_info(i).byte_offset for i in range(2)]
            assert [place % 4096 for place in places] == [0, 0]


def test_a_chunk_that_the_disk_refuses_is_an_error_and_not_listed(long_writer, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(disk, "write_all", full)
    with pytest.raises(OutputError, match="No space left"):
        write_long(long_writer)
        long_writer.flush()
    assert long_writer._list.path.read_bytes() == b""


def changed(path, name, place, value):
    with h5py.File(path, "r+") as file:
        file[name][place] = value


def without(path, name):
    with h5py.File(path, "r+") as file:
        del file[name]


def with_shape(path, shape):
    with h5py.File(path, "r+") as file:
        file.attrs["cell_shape"] = shape


def shortened(path, name, rows):
    with h5py.File(path, "r+") as file:
        values = file[name][:rows]
        del file[name]
        file[name] = values


DAMAGES = {
    "offsets that fall": (lambda path: changed(path, "offsets", 3, 1), "offsets must not fall"),
    "offsets beyond": (lambda path: changed(path, "offsets", 20, 10**6), "within the"),
    "negative offsets": (lambda path: changed(path, "offsets", 0, -5), "within the"),
    "a cell outside": (lambda path: changed(path, "cell", 9, 100), "the numbers 0-99, got 100"),
    "cells that fall": (lambda path: changed(path, "cell", 1, 0), "must rise, got 0 in shower 0"),
    "negative energy": (lambda path: changed(path, "cell_energy", 9, -0.1), "positive, finite"),
    "NaN": (lambda path: changed(path, "cell_energy", 9, np.nan), "got nan in shower"),
    "infinite": (lambda path: changed(path, "cell_energy", 9, np.inf), "got inf in shower"),
    "MeV": (lambda path: changed(path, "cell_energy", slice(None), 99.0), "MeV by mistake"),
    "no angle": (lambda path: without(path, "theta"), "no dataset 'theta'"),
    "fewer offsets": (lambda path: shortened(path, "offsets", 20), "lengths differ"),
    "fewer cells": (lambda path: shortened(path, "cell", 20), "lengths differ"),
    "other shape": (lambda path: with_shape(path, [5, 5, 5]), "fit no window of toy"),
    "no shape": (lambda path: with_shape(path, "25"), "cell_shape must be three sizes"),
    "huge shape": (lambda path: with_shape(path, [2**20] * 3), "too large"),
    "truncated": (lambda path: os.truncate(path, path.stat().st_size // 2), "truncated"),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_refused_in_one_line(hits_file, damage, capsys):
    spoil, words = DAMAGES[damage]
    spoil(hits_file)
    assert call("info", hits_file) == 2
    said = capsys.readouterr().err
    assert words in said.replace("\n", " ")
    assert "Traceback" not in said


def test_fuzzed_files(hits_file):
    """As hits and as cells; test_fuzz.py has more of them, and what ends the process."""
    content, refused = hits_file.read_bytes(), 0
    for seed in range(150):
        hits_file.write_bytes(mutant(content, seed))
        try:
            with io.open_showers(hits_file) as file:
                file.hits()
                file.read()
        except CaloforgeError as error:
            assert "\n" not in str(error)
            refused += 1
    assert 0 < refused < 150


def test_damaged_text_is_refused(hits_file):
    """Bytes of an attribute that are no UTF-8; a mutant found them."""
    content = hits_file.read_bytes()
    assert content.count(b"a toy") == 1
    hits_file.write_bytes(content.replace(b"a toy", b"a t\x96y"))
    with io.open_showers(hits_file) as file:
        assert "\N{REPLACEMENT CHARACTER}" in file.detector.title or "?" in file.detector.title
