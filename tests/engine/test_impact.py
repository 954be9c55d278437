"""Impact points and directions that are given to models, and showers that follow them."""

import h5py
import numpy as np
import pytest
from tests.command import call
from tests.conftest import make_showers
from tests.flights import barycentres, off_the_flight

from caloforge import io
from caloforge.beam import Conditions, draw
from caloforge.detector import Window
from caloforge.engine import read_card
from caloforge.errors import InputError, RangeError
from caloforge.generate import generate_file, load
from caloforge.impact import in_pad
from caloforge.zoo import model_path

PAD = 5.1


@pytest.fixture(scope="module")
def fixed():
    return load("clic_ecal_fixed", runtime="onnx", threads=1)


@pytest.fixture(scope="module")
def angle():
    return load("clic_ecal_angle", runtime="onnx", threads=1)


def test_the_barycentre_follows_the_impact(fixed):
    """As in Geant4: 0.80 +- 0.02 of the way to the pad's border, where the cores of showers are."""
    conditions = draw(256, "50", impact="-2.55:2.55,-2.55:2.55", seed=1)
    showers = fixed.sample(conditions, seed=2)
    away = (showers.impact - conditions.impact) / PAD
    assert np.allclose(away, np.rint(away), atol=1e-4)
    pad_of_impact = barycentres(showers)[:, :2] - (showers.impact - conditions.impact)
    for axis in (0, 1):
        slope, offset = np.polyfit(conditions.impact[:, axis], pad_of_impact[:, axis], 1)
        assert slope == pytest.approx(0.80, abs=0.06)
        assert abs(offset) < 0.1


def test_inclined_showers_cross_the_barycentre_s_depth_where_the_flight_does(angle):
    conditions = draw(96, "50", "65", impact="-2.55:2.55,-2.55:2.55", seed=1)
    showers = angle.sample(conditions, seed=2)
    off = off_the_flight(showers)
    assert np.abs(off.mean(axis=0) - [0, 0.54]).max() < 0.15  # Geant4: 0.59 +- 0.03 along y
    assert off.std(axis=0).max() < 0.7  # a pad's own 1.47 where it were not followed


def test_only_the_place_in_the_pad_is_another(fixed):
    """The layers' energies are those of the showers whose impact is drawn."""
    plain = Conditions.of(np.full(70, 100.0))
    drawn = fixed.sample(plain, seed=5)
    placed = fixed.sample(Conditions.of(np.full(70, 100.0), impact=(1.0, -2.0)), seed=5)
    assert drawn.impact is None
    assert np.allclose(drawn.cells.sum(axis=(1, 2)), placed.cells.sum(axis=(1, 2)), rtol=1e-4)
    assert not np.array_equal(drawn.cells, placed.cells)


def test_a_quarter_turn_is_exact(angle):
    theta, impact = np.radians(70), np.array([1.0, -2.0])
    plain = angle.sample(Conditions.of(np.full(9, 20.0), theta, impact=impact), seed=3)
    along_x = Conditions.of(np.full(9, 20.0), theta, 0.0, impact[::-1])
    turned = angle.sample(along_x, seed=3)
    assert np.array_equal(turned.cells, plain.cells.swapaxes(1, 2))
    assert np.allclose(turned.impact, plain.impact[:, ::-1], atol=1e-5)
    as_hits = [*angle.hits(along_x, seed=3)]
    assert np.array_equal(as_hits[0].dense().cells, turned.cells[: len(as_hits[0])])
    back = angle.sample(Conditions.of(np.full(9, 20.0), theta, np.pi * 1.5), seed=3)
    opposite = angle.sample(Conditions.of(np.full(9, 20.0), np.float32(np.pi) - theta), seed=3)
    assert np.array_equal(back.cells, opposite.cells)


def test_what_a_model_cannot_do_is_one_line(angle, fixed):
    inclined = Conditions.of(20.0, np.radians(70), 0.5)
    straight = angle.card.model_copy(update={"takes_phi": False})  # as of networks of pictures
    with pytest.raises(RangeError, match=r"phi 28.6479 degrees .* allowed are 0, 90, 180 and 270"):
        straight.validity.check(inclined)
    fixed.card.validity.check(Conditions.of(20.0, np.pi / 2, 0.5))  # of a perpendicular shower any
    with pytest.raises(InputError, match="impact 3,0 mm is outside the pad"):
        fixed.sample(Conditions.of(20.0, impact=(3, 0)), seed=1)
    with pytest.raises(RangeError, match="phi '0:360' is outside"):
        straight.validity.asked(None, None, "0:360")
    published = read_card(model_path("conv2d_int8"))
    with pytest.raises(InputError, match="conv2d_int8 cannot place the impact"):
        published.validity.check(Conditions.of(100.0, impact=(0, 0)))
    windows = {"angle": Window(shape=(49, 51), theta_deg=(60.0, 120.0))}
    detector = angle.card.detector.model_copy(update={"windows": windows})
    oblong = angle.card.model_copy(update={"detector": detector})
    with pytest.raises(RangeError, match="need square pads in a square image, its are 49 x 51"):
        oblong.validity.check(Conditions.of(20.0, np.radians(70), 0.0))
    oblong.validity.check(Conditions.of(20.0, np.radians(70), np.pi * 1.5))


@pytest.mark.parametrize("layout", ["gan3d", "hits"])
def test_files_tell_where_particles_entered(tmp_path, fixed, layout):
    conditions = draw(70, "20:100", impact="-2:2,0.5", seed=1)
    generate_file(fixed, conditions, tmp_path / "a.h5", seed=4, layout=layout)
    generate_file(fixed, conditions, tmp_path / "again.h5", seed=4, layout=layout)
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "again.h5").read_bytes()
    wanted = fixed.sample(conditions, seed=4)
    found = io.read(tmp_path / "a.h5")
    assert np.array_equal(found.cells, wanted.cells)
    assert np.allclose(found.impact, wanted.impact, atol=1e-5)
    assert np.allclose(in_pad(found.impact, found.detector), conditions.impact, atol=1e-5)
    plain = draw(3, "20:100", seed=1)
    generate_file(fixed, plain, tmp_path / "plain.h5", seed=4, layout=layout)
    with h5py.File(tmp_path / "plain.h5") as file:
        assert "impact" not in file and "phi" not in file


def test_the_command_line_takes_impacts_and_directions(tmp_path, capsys):
    common = ["generate", "clic_ecal_fixed", "--runtime", "onnx", "--threads", "1", "--seed", "2"]
    once = [*common, "-n", "3", "--energy", "20", "--impact", "-1,0.5", "-o", tmp_path / "a.h5"]
    assert call(*once) == 0
    first = io.read(tmp_path / "a.h5")
    assert np.allclose(in_pad(first.impact, first.detector), [-1, 0.5], atol=1e-5)
    assert call("info", tmp_path / "a.h5") == 0
    assert "x -1 to -1, y 0.5 to 0.5 mm from the image's" in capsys.readouterr().out
    like = [*common, "--like", tmp_path / "a.h5", "-o", tmp_path / "b.h5"]
    assert call(*like, "--impact", "like") == 0
    assert np.array_equal(io.read(tmp_path / "b.h5").cells, first.cells)
    assert call(*like, "--phi", "0") == 2
    assert "leave out --energy, --theta and --phi" in capsys.readouterr().err
    assert call(*common, "-n", "3", "--impact", "like", "-o", tmp_path / "c.h5") == 2
    assert "impact 'like' is not understood" in capsys.readouterr().err
    parts = ["--parts", "2", "--impact", "uniform", "-o", tmp_path / "parts"]
    assert call(*common, "-n", "6", *parts) == 0
    found = io.read(tmp_path / "parts")
    assert np.ptp(in_pad(found.impact, found.detector)[:, 0]) > 1


def test_a_sample_that_tells_no_impact_is_named(tmp_path, toy_detector, toy_model, capsys):
    io.write(tmp_path / "toy.h5", make_showers(toy_detector, 3))
    options = ["--like", tmp_path / "toy.h5", "--impact", "like", "-o", tmp_path / "a.h5"]
    assert call("generate", toy_model, "--runtime", "onnx", *options) == 2
    assert "does not tell where particles entered" in capsys.readouterr().err
