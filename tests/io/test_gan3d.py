import fcntl
from pathlib import Path

import h5py
import numpy as np
import pytest

from caloforge import io
from caloforge.atomic import writing
from caloforge.errors import DetectorError, InputError, OutputError
from caloforge.io.gan3d_writer import abandon
from caloforge.io.raw import RawRows


@pytest.mark.parametrize("compression", [None, "lzf", "gzip"])
def test_what_is_written_is_read(tmp_path, toy_showers, compression):
    path = tmp_path / "showers.h5"
    io.write(path, toy_showers, compression=compression)
    back = io.read(path)
    for name in ("cells", "energy", "theta"):
        assert np.array_equal(getattr(back, name), getattr(toy_showers, name))
    assert back.detector == toy_showers.detector
    assert list(tmp_path.iterdir()) == [path]


def test_chunks_join_to_the_whole(tmp_path, toy_showers):
    path = tmp_path / "showers.h5"
    io.write(path, toy_showers)
    with io.open_showers(path) as file:
        chunks = list(file.chunks(rows=6))
        assert [len(chunk) for chunk in chunks] == [6, 6, 6, 2]
        joined = np.concatenate([chunk.cells for chunk in chunks])
        assert np.array_equal(joined, toy_showers.cells)
        assert np.array_equal(file.read(5, 9).energy, toy_showers.energy[5:9])


def write_raw(path, **datasets):
    with h5py.File(path, "w") as file:
        for name, values in datasets.items():
            file[name] = values


def test_older_layouts_are_read(tmp_path, toy_detector, toy_showers):
    path = tmp_path / "old.h5"
    target = np.stack([np.full(20, 11.0), toy_showers.energy], axis=1)
    write_raw(path, ECAL=toy_showers.cells[..., None].astype("f8"), target=target)
    old = io.read(path, detector=toy_detector)
    assert np.array_equal(old.cells, toy_showers.cells)
    assert np.allclose(old.energy, toy_showers.energy)
    assert np.allclose(old.theta, np.pi / 2)


def test_energy_as_a_column_is_read(tmp_path, toy_detector, toy_showers):
    path = tmp_path / "column.h5"
    write_raw(path, ECAL=toy_showers.cells, energy=toy_showers.energy[:, None])
    assert np.array_equal(io.read(path, detector=toy_detector).energy, toy_showers.energy)


def test_the_detector_is_told_by_the_shape_or_refused(tmp_path, toy_showers):
    path = tmp_path / "nameless.h5"
    write_raw(path, ECAL=toy_showers.cells, energy=toy_showers.energy)
    with pytest.raises(DetectorError, match="--detector"):
        io.read(path)
    write_raw(path, ECAL=np.zeros((2, 25, 25, 25), "f4"), energy=np.array([10.0, 20.0]))
    assert io.read(path).detector.name == "clic_ecal"


def test_bad_files_are_refused_in_one_line(tmp_path, toy_detector, toy_showers):
    good = tmp_path / "good.h5"
    io.write(good, toy_showers, compression="gzip")
    bad = tmp_path / "bad.h5"
    cells, energy = toy_showers.cells, toy_showers.energy

    def refuse(words, **datasets):
        if datasets:
            write_raw(bad, **datasets)
        with pytest.raises(InputError, match=words) as caught:
            io.read(bad, detector=toy_detector)
        assert "\n" not in str(caught.value)
        assert str(bad) in str(caught.value)

    refuse("does not exist")
    bad.write_bytes(b"")
    refuse("is empty")
    bad.write_bytes(b"not hdf5 at all")
    refuse("not an HDF5 file")
    bad.write_bytes(good.read_bytes()[:4000])
    refuse("truncated")
    refuse("none of the layouts gan3d, .* it holds: energy", energy=energy)
    refuse("no dataset 'energy'", ECAL=cells)
    refuse("holds no showers", ECAL=cells[:0], energy=energy[:0])
    refuse("must have the shape", ECAL=cells[0], energy=energy)
    refuse("lengths differ", ECAL=cells, energy=energy[:3])
    refuse("positive, got 0 GeV", ECAL=cells, energy=energy * 0)
    refuse("MeV by mistake", ECAL=cells, energy=energy * 1000)
    refuse("energy must be numbers", ECAL=cells, energy=[b"ten"] * len(cells))
    refuse("energy must be numbers", ECAL=cells, energy=energy.astype(complex))
    refuse("energy must be numbers, one a shower", ECAL=cells, energy=100.0)
    refuse("theta must be numbers", ECAL=cells, energy=energy, theta=1.57)
    refuse("energy must be numbers", ECAL=cells, energy=h5py.Empty("f4"))
    refuse("target must be numbers", ECAL=cells, target=np.full((len(cells), 2), b"e-"))
    refuse("not finite", ECAL=cells, energy=np.full(len(cells), 1e300))
    refuse("infinite", ECAL=cells * 0 + 3e38, energy=energy)
    refuse("NaN", ECAL=np.full_like(cells, np.nan), energy=energy)


def test_a_file_that_somebody_writes_is_not_called_damaged(tmp_path, toy_showers):
    path = tmp_path / "showers.h5"
    io.write(path, toy_showers)
    with open(path, "r+b") as writer:
        fcntl.flock(writer, fcntl.LOCK_EX)
        with pytest.raises(InputError, match="is being written by another program"):
            io.read(path)


def test_a_dataset_that_cannot_be_read_is_named(tmp_path, toy_detector, toy_showers):
    path = tmp_path / "damaged.h5"
    with h5py.File(path, "w") as file:
        file["ECAL"] = toy_showers.cells
        file.create_dataset("energy", data=toy_showers.energy, fletcher32=True, chunks=(20,))
        place = file["energy"].id.get_chunk_info(0).byte_offset
    content = bytearray(path.read_bytes())
    content[place] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(InputError, match="damaged: energy, rows 0-20, cannot be read"):
        io.read(path, detector=toy_detector)


def test_chunks_end_where_they_are_told(tmp_path, toy_showers):
    path = tmp_path / "showers.h5"
    io.write(path, toy_showers)
    with io.open_showers(path) as file:
        assert [len(chunk) for chunk in file.chunks(rows=6, stop=8)] == [6, 2]
        assert sum(map(len, file.chunks(stop=100))) == 20


def test_a_disk_that_fails_at_the_end_leaves_nothing(tmp_path, toy_showers, monkeypatch):
    def full(self):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(RawRows, "flush", full)
    with pytest.raises(OutputError, match="No space left"):
        io.write(tmp_path / "out.h5", toy_showers)
    assert list(tmp_path.iterdir()) == []


def test_what_hdf5_says_of_a_full_disk_is_one_line(tmp_path):
    said = "Can't close (time = now\n, errno = 28, error message = 'No space left on device', buf)"
    with pytest.raises(OutputError, match=r"out: No space left on device$"), writing(Path("out")):
        raise RuntimeError(said)
    with pytest.raises(RuntimeError, match="no matter of disks"), writing(Path("out")):
        raise RuntimeError("no matter of disks")


def test_an_abandoned_file_is_emptied_before_it_is_closed(tmp_path):
    path = tmp_path / "a.h5"
    file = h5py.File(path, "w")
    file["values"] = np.zeros(10_000)
    file.flush()
    full = path.stat().st_size
    abandon(file, path)
    assert not file.id.valid and path.stat().st_size < full


def test_a_failed_write_leaves_nothing(tmp_path, toy_showers, toy_detector):
    with pytest.raises(OutputError, match="does not exist"):
        io.write(tmp_path / "missing" / "out.h5", toy_showers)
    path = tmp_path / "out.h5"
    shape = toy_showers.cells.shape[1:]
    with (
        pytest.raises(RuntimeError, match="stop"),
        io.ShowerWriter(path, toy_detector, shape, 20) as writer,
    ):
        writer.write(0, toy_showers.cells[:5], toy_showers.conditions[:5])
        raise RuntimeError("stop")
    assert list(tmp_path.iterdir()) == []


def test_a_disk_too_small_is_said_before_the_work(tmp_path, toy_detector):
    with pytest.raises(OutputError, match="the disk has"):
        io.ShowerWriter(tmp_path / "out.h5", toy_detector, (5, 5, 4), 10**14)
