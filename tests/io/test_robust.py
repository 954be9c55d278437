"""What files and file systems do to a reader: each is read, or refused in one line."""

import subprocess
import sys

import h5py
import numpy as np
import pytest
from tests.command import call
from tests.io.samples import energies, images

from caloforge import io
from caloforge.errors import InputError
from caloforge.io import hdf5

N = 12
ENERGY = energies(10, 500)
CELLS = images((25, 25, 25), 0.02 * ENERGY).astype("f4")


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "sample.h5"
    with h5py.File(path, "w") as file:
        file["ECAL"], file["energy"] = CELLS, ENERGY
    return path


@pytest.mark.parametrize("code", [37, 38, 95, 524, 30])
def test_a_file_system_without_locks_is_read_without(path, monkeypatch, code):
    real = h5py.File

    def refuse(*arguments, **options):
        if options.get("locking") is False:
            return real(*arguments, **options)
        raise OSError(f"unable to lock file, errno = {code}, error message = 'what it says'")

    monkeypatch.setattr(h5py, "File", refuse)
    assert len(io.read(path)) == N


@pytest.mark.parametrize("kind", ["file", "dataset", "nested", "external"])
def test_values_that_lie_elsewhere_and_are_gone_are_refused(tmp_path, kind):
    part, path, words = tmp_path / "part.h5", tmp_path / "all.h5", "part.h5"
    with h5py.File(part, "w") as file:
        file["ECAL" if kind != "dataset" else "other"] = CELLS
    layout = h5py.VirtualLayout(CELLS.shape, "f4")
    layout[:] = h5py.VirtualSource("part.h5", "ECAL", CELLS.shape)
    with h5py.File(path, "w") as file:
        file["energy"] = ENERGY
        if kind == "external":
            file.create_dataset("ECAL", CELLS.shape, "f4", external=[("gone.raw", 0, CELLS.nbytes)])
        else:
            file.create_virtual_dataset("ECAL", layout)
    if kind == "dataset":
        words = "'ECAL' in part.h5"
    elif kind == "external":
        words = "gone.raw"
    elif kind == "nested":
        layout = h5py.VirtualLayout(CELLS.shape, "f4")
        layout[:] = h5py.VirtualSource("all.h5", "ECAL", CELLS.shape)
        path = tmp_path / "outer.h5"
        with h5py.File(path, "w") as file:
            file["energy"] = ENERGY
            file.create_virtual_dataset("ECAL", layout)
        assert np.array_equal(io.read(path).cells, CELLS)
    if kind != "dataset":
        part.unlink()
    with pytest.raises(InputError, match=f"takes its values from {words}, which is not there"):
        io.read(path)


def test_virtual_data_sets_are_read_where_their_sources_are(tmp_path, monkeypatch):
    (tmp_path / "parts").mkdir()
    with h5py.File(tmp_path / "parts" / "part0.h5", "w") as file:
        file["ECAL"] = CELLS
    layout = h5py.VirtualLayout(CELLS.shape, "f4")
    layout[:] = h5py.VirtualSource("parts/part0.h5", "ECAL", CELLS.shape)
    path = tmp_path / "all.h5"
    with h5py.File(path, "w") as file:
        file["energy"] = ENERGY
        file.create_virtual_dataset("ECAL", layout)
    monkeypatch.chdir(tmp_path.parent)
    assert np.array_equal(io.read(path).cells, CELLS)


@pytest.mark.parametrize("chunks", [(1, 25, 25, 25), (N, 1, 1, 25), (N, 25, 25, 25), None])
def test_blocks_are_bounded_in_bytes_whatever_the_chunks(tmp_path, monkeypatch, chunks):
    path = tmp_path / "chunks.h5"
    with h5py.File(path, "w") as file:
        file["energy"] = ENERGY
        file.create_dataset("ECAL", data=CELLS.astype("f8"), chunks=chunks)
    row = 8 * 25**3
    for most, rows in [(3 * row, 3), (row // 2, 1)]:
        monkeypatch.setattr("caloforge.io.layout_file.BLOCK_BYTES", most)
        with io.open_showers(path) as file:
            assert {len(block) for block in file.blocks()} == {rows}
            joined = np.concatenate([block.cells for block in file.blocks()])
        assert np.array_equal(joined, CELLS)


def test_parts_too_large_for_memory_are_refused(path, monkeypatch):
    monkeypatch.setattr(hdf5, "LARGEST_PART", 25**3)
    with pytest.raises(InputError, match=r"a row of ECAL has .* GB"):
        io.read(path)
    monkeypatch.setattr(hdf5, "LARGEST_PART", 4 * 25**3)
    assert len(io.read(path)) == N
    with h5py.File(path, "r+") as file:
        del file["ECAL"]
        file.create_dataset("ECAL", data=CELLS, chunks=(2, 25, 25, 25), compression="gzip")
    with pytest.raises(InputError, match=r"a compressed chunk of ECAL has .* GB"):
        io.read(path)


def test_attributes_of_any_kind_are_read_and_carried(path, tmp_path):
    kinds = {
        "text": "ä", "bytes": np.bytes_(b"abc\xff"), "empty": h5py.Empty("f4"), "array": np.eye(2),
        "strings": np.array(["a", "b"], dtype=object), "bool": True, "complex": 1 + 2j,
        "pair": np.zeros(1, [("a", "i4"), ("b", "f4")]),
    }  # fmt: skip
    with h5py.File(path, "r+") as file:
        for name, value in kinds.items():
            file.attrs[name] = value
        file.attrs["link"] = file["ECAL"].ref
        file.attrs["particle"] = "something that came from a beam line"
    with io.open_showers(path) as file:
        assert file.attributes["text"] == "ä" and file.attributes["empty"] is None
        assert file.attributes["array"] == [[1.0, 0.0], [0.0, 1.0]]
        assert file.particle == "unknown"
        from caloforge.convert import convert

        convert(file, tmp_path / "out.h5")
    with io.open_showers(tmp_path / "out.h5") as file:
        assert file.attributes["text"] == "ä" and bool(file.attributes["bool"]) is True


def test_a_mask_is_not_taken_for_energies(path):
    with h5py.File(path, "r+") as file:
        file["mask"] = np.ones(N, bool)
    assert len(io.read(path)) == N
    with h5py.File(path, "r+") as file:
        del file["ECAL"]
        file["ECAL"] = CELLS > 0
    with pytest.raises(InputError, match="a mask, no energies"):
        io.read(path)


def test_negative_cells_are_rounding_or_named_with_their_row(path):
    with h5py.File(path, "r+") as file:
        file["ECAL"][7, 0, 0, 0] = -1e-9
    assert io.read(path).cells[7, 0, 0, 0] == 0
    with h5py.File(path, "r+") as file:
        file["ECAL"][7, 0, 0, 0] = -1e-6
    with pytest.raises(InputError, match=r"got -1e-06 GeV in shower 7 \(down to -1e-08"):
        io.read(path)


def test_empty_showers_are_kept_and_counted(path, capsys):

    with h5py.File(path, "r+") as file:
        file["ECAL"][::3] = 0
    assert np.sum(io.read(path).cells.sum((1, 2, 3)) == 0) == 4
    assert call("info", path) == 0
    said = capsys.readouterr().out
    assert "4 of 12, left out of these means" in said and "2.000%" in said


MEASURED = """
import resource, sys
from caloforge.cli.app import main
try:
    main(sys.argv[1:])
except SystemExit as ended:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)
    raise
"""


@pytest.mark.slow
@pytest.mark.parametrize("chunks", [None, (1, 25, 25, 25), (100_000, 1, 25, 25)])
def test_a_file_larger_than_memory_takes_little_of_it(tmp_path, chunks):
    """6 GB of showers, sparse on the disk, described and converted in less than 1 GB."""
    path, n = tmp_path / "large.h5", 100_000
    with h5py.File(path, "w") as file:
        file["energy"] = np.tile(ENERGY, n // N + 1)[:n]
        file.create_dataset("ECAL", (n, 25, 25, 25), "f4", chunks=chunks)[:N] = CELLS
    for verb in (["info", path], ["convert", path, "-o", tmp_path / "out.h5"]):
        command = [sys.executable, "-c", MEASURED, *map(str, verb)]
        ran = subprocess.run(command, check=True, capture_output=True, text=True)
        assert int(ran.stderr.split()[-1]) < 2**20
