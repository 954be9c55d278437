import h5py
import numpy as np
import pytest
from tests.command import call

from caloforge import io
from caloforge.convert import convert
from caloforge.detector import Detector, Window, load_detector
from caloforge.errors import DetectorError, InputError
from caloforge.showers import Showers


@pytest.fixture
def cylinder(toy_detector) -> Detector:
    """The toy as a cylinder of three rings and eight sectors."""
    changes = {"readout": "cylinder", "windows": {"round": Window(shape=(3, 8))}}
    return toy_detector.model_copy(update=changes)


@pytest.fixture
def showers(cylinder) -> Showers:
    rng = np.random.default_rng(1)
    cells = rng.exponential(0.01, (600, 3, 8, 4)) * (rng.random((600, 3, 8, 4)) < 0.5)
    energy = rng.uniform(10, 100, 600)
    return Showers(cells.astype("f4"), energy.astype("f4"), np.full(600, np.pi / 2, "f4"), cylinder)


def write_raw(path, voxels, energies):
    with h5py.File(path, "w") as file:
        file["showers"], file["incident_energies"] = voxels, energies


@pytest.mark.parametrize(
    ("name", "rings", "sectors"), [("par04_siw", 9, 16), ("par04_siw_fine", 18, 50)]
)
def test_datasets_2_and_3_are_read(tmp_path, name, rings, sectors):
    path = tmp_path / "dataset.hdf5"
    voxels = np.zeros((2, rings * sectors * 45))
    ring, sector, layer = 4, 7, 30
    voxels[1, ring + rings * (sector + sectors * layer)] = 2500.0
    write_raw(path, voxels, np.array([[1000.0], [65000.0]]))
    read = io.read(path)
    assert read.detector == load_detector(name)
    assert np.array_equal(np.argwhere(read.cells), [[1, ring, sector, layer]])
    assert read.cells.max() == pytest.approx(2.5)
    assert np.allclose(read.energy, [1.0, 65.0])
    assert np.allclose(read.theta, np.pi / 2)


@pytest.mark.parametrize("compression", [None, "gzip"])
def test_there_and_back(tmp_path, showers, compression):
    native, challenge, back = (tmp_path / name for name in ("a.h5", "b.hdf5", "c.h5"))
    io.write(native, showers)
    for source, target in ((native, challenge), (challenge, back)):
        with io.open_showers(source) as file:
            done = []
            convert(file, target, cells=False, compression=compression, on_progress=done.append)
        assert done == [512, 600]
    with h5py.File(challenge) as file:
        assert file["incident_energies"].shape == (600, 1)
        assert file["showers"].shape == (600, 96)
        assert file["showers"].compression == compression
        first = showers.cells[0].astype(float)
        assert np.allclose(file["showers"][0, :24], 1e3 * first[:, :, 0].T.ravel())
    read = io.read(back)
    assert read.detector == showers.detector
    assert np.allclose(read.cells, showers.cells, rtol=1e-6)
    assert np.allclose(read.energy, showers.energy, rtol=1e-6)


def test_what_fits_no_cylinder_is_refused(tmp_path, cylinder, toy_showers):
    path = tmp_path / "dataset_1_photons.hdf5"
    write_raw(path, np.zeros((2, 369)), np.full((2, 1), 256.0))
    with pytest.raises(DetectorError, match="369 voxels a shower, which fit no cylinder of argon"):
        io.read(path)
    with pytest.raises(DetectorError, match="fit no cylinder of toy"):
        io.read(path, detector=cylinder)
    write_raw(path, np.zeros((2, 6480)), np.full((3, 1), 256.0))
    with pytest.raises(InputError, match="showers has 2 showers, incident_energies 3"):
        io.read(path)
    write_raw(path, np.full((2, 6480), -1.0), np.full((2, 1), 256.0))
    with pytest.raises(InputError, match="negative"):
        io.read(path)


def test_pads_and_angles_cannot_be_written(tmp_path, showers, toy_showers):
    native, target = tmp_path / "pads.h5", tmp_path / "out.hdf5"
    io.write(native, toy_showers)
    assert call("convert", native, "-o", target) == 2
    slanted = Showers(showers.cells, showers.energy, showers.theta - 0.1, showers.detector)
    io.write(native, slanted)
    assert call("convert", native, "-o", target) == 2
    assert list(tmp_path.iterdir()) == [native]


def test_info_takes_it(tmp_path, capsys):
    path = tmp_path / "dataset_2_1.hdf5"
    write_raw(path, np.ones((2, 6480)), np.full((2, 1), 65000.0))
    assert call("info", path) == 0
    assert "(9, 16, 45) (window dataset2 of par04_siw)" in capsys.readouterr().out


@pytest.mark.slow
def test_validate_takes_it(tmp_path, showers):
    first, second, challenge = (tmp_path / name for name in ("a.h5", "b.h5", "b.hdf5"))
    io.write(first, showers[:300])
    io.write(second, showers[300:])
    assert call("convert", second, "-o", challenge) == 0
    report = tmp_path / "report"
    assert call("validate", first, challenge, "-o", report) == 0
    assert (report / "metrics.json").exists()
