"""Directions and impact points: as conditions, and in the images that are centred on showers."""

import numpy as np
import pytest
from tests.conftest import make_showers

from caloforge import io
from caloforge.beam import Conditions
from caloforge.convert import convert
from caloforge.detector import load_detector
from caloforge.errors import InputError
from caloforge.hits import Hits
from caloforge.impact import ImageImpact, asked_impact, check_impact, in_pad
from caloforge.placement import positions_mm
from caloforge.ranges import draw, extremes
from caloforge.showers import Showers
from caloforge.turn import as_made, leans_along_x


def test_what_else_is_drawn_changes_no_energy():
    plain = draw(50, "10:500", "60:120", seed=3)
    more = draw(50, "10:500", "60:120", "0:360", "-2:2,1.5", seed=3)
    assert plain.phi is None and plain.impact is None
    assert np.array_equal(more.energy, plain.energy) and np.array_equal(more.theta, plain.theta)
    assert np.all(more.impact[:, 1] == 1.5) and np.ptp(more.impact[:, 0]) > 3
    assert np.ptp(more.phi) > np.pi
    assert np.array_equal(more[7:9].impact, more.impact[7:9])
    ends = extremes("10", impact="-2:2,1.5")
    assert ends.impact.tolist() == [[-2, 1.5], [2, 1.5]]


@pytest.mark.parametrize("text", ["1", "1,2,3", "a,1", "nan,0", "2:1,0", ",", "1,"])
def test_impacts_that_cannot_be_read(text):
    with pytest.raises(InputError, match="impact '"):
        draw(5, "10", impact=text, seed=1)


def test_impossible_directions_and_impacts():
    with pytest.raises(InputError, match=r"phi must lie between .* rad \(degrees by mistake"):
        Conditions.of(10.0, 1.5, phi=180)
    with pytest.raises(InputError, match="energy has 3 values but phi has 2"):
        Conditions(np.ones(3), np.ones(3), np.ones(2))
    with pytest.raises(InputError, match="x and y in mm for each of 2 showers, got shape"):
        Conditions.of([10.0, 20.0], impact=[[1.0, 2.0]])
    with pytest.raises(InputError, match="impact has values that are not finite"):
        Conditions.of(10.0, impact=(np.nan, 0))


def test_an_impact_lies_in_the_pad(toy_detector):
    check_impact(Conditions.of(10.0, impact=(2.5, -2.5)), toy_detector)
    with pytest.raises(InputError, match=r"impact 0,-2.6 mm is .* y within 2.5 mm"):
        check_impact(Conditions.of([10.0, 20.0], impact=[(0, 0), (0, -2.6)]), toy_detector)
    with pytest.raises(InputError, match="par04_siw is read out in rings"):
        check_impact(Conditions.of(10.0, impact=(0, 0)), load_detector("par04_siw"))
    assert asked_impact("uniform", toy_detector) == "-2.5:2.5,-2.5:2.5"
    assert np.allclose(in_pad(np.array([[7.0, -13.0]]), toy_detector), [[2, 2]])


def leaning(detector, conditions, moved):
    """Showers of one pad in each layer, on the flight's line, in images moved by whole pads (N, 2):
    and where their particles entered in them."""
    shape, pad = detector.cell_shape("angle"), np.array(detector.pad_mm)
    cells = np.zeros((len(conditions), *shape), np.float32)
    entered = conditions.impact - moved * pad
    for layer, depth in enumerate(detector.layer_centres_mm):
        place = np.rint((entered + depth * conditions.lean) / pad).astype(int) + 3
        cells[np.arange(len(cells)), place[:, 0], place[:, 1], layer] = 0.1
    return cells, entered


def test_a_model_s_images_tell_where_their_particles_entered(toy_detector):
    theta, phi = np.radians([90, 65, 65, 80, 110]), np.radians([90, 90, 0, 30, 200])
    impact = [(1.2, -2.4), (0, 0), (2.4, 2.4), (-1, 2), (0.3, -0.3)]
    conditions = Conditions.of(20.0, theta, phi, impact)
    moved = np.array([(0, 0), (0, 1), (1, -1), (0, 0), (-1, 0)])
    cells, entered = leaning(toy_detector, conditions, moved)
    finder = ImageImpact(toy_detector, "angle")
    assert np.allclose(finder.of_cells(cells, conditions), entered, atol=1e-5)
    hits = Showers(cells, conditions.energy, theta, toy_detector).hits()
    assert np.allclose(finder.of_hits(hits.arrays, conditions), entered, atol=1e-5)
    empty = np.zeros_like(cells)
    assert np.allclose(finder.of_cells(empty, conditions), conditions.impact)


def test_positions_begin_at_the_impact(toy_detector):
    conditions = Conditions.of(20.0, np.radians(65), np.radians(30), (1.0, -2.0))
    cells, entered = leaning(toy_detector, conditions, np.array([[1, 0]]))
    found = Hits.of(Showers(
        cells, conditions.energy, conditions.theta, toy_detector, phi=conditions.phi, impact=entered
    ))  # fmt: skip
    position = positions_mm(found)
    on_line = position[:, 2:] * conditions.lean
    assert np.all(np.abs(position[:, :2] - on_line) <= 2.5 + 1e-4)


def test_quarter_turns_lead_to_the_plane_of_y(toy_detector):
    theta = np.radians(65)
    asked = Conditions.of(20.0, theta, np.radians([90, 270, 0, 180]), (1, -2))
    made = as_made(asked, toy_detector)
    assert made.phi is None
    assert np.allclose(made.theta, [theta, np.pi - theta, theta, np.pi - theta])
    assert leans_along_x(asked, toy_detector).tolist() == [False, False, True, True]
    assert made.impact.tolist() == [[1, -2], [1, -2], [-2, 1], [-2, 1]]
    perpendicular = Conditions.of(20.0, np.pi / 2, 0.3)
    assert np.array_equal(as_made(perpendicular, toy_detector).theta, perpendicular.theta)
    rings = as_made(asked, load_detector("par04_siw"))  # turn with the particle
    assert np.array_equal(rings.theta, asked.theta) and rings.phi is None
    assert not leans_along_x(asked, load_detector("par04_siw")).any()


@pytest.mark.parametrize("name", ["a.h5", "hits.h5", "a.parquet", "a.root"])
def test_directions_and_impacts_go_where_the_showers_go(tmp_path, toy_detector, name):
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
    made = make_showers(toy_detector, 9, window="angle")
    rng = np.random.default_rng(1)
    phi, impact = rng.uniform(-3, 3, 9), rng.normal(0, 9, (9, 2))
    showers = Showers(made.cells, made.energy, made.theta, toy_detector, phi=phi, impact=impact)
    io.write(tmp_path / "first.h5", showers)
    layout = "hits" if name == "hits.h5" else None
    with io.open_showers(tmp_path / "first.h5") as sample:
        convert(sample, tmp_path / name, layout=layout, cells=True)
    with io.open_showers(tmp_path / name) as sample:
        for found in (sample.read(), sample.hits(), sample.hits(2, 9)[2:]):
            first = 9 - len(found)
            assert np.allclose(found.phi, phi[first:])
            assert np.allclose(found.impact, impact[first:])
        assert sample.conditions.impact is None


def test_joined_showers_tell_what_all_of_them_tell(toy_showers):
    told = Showers(
        toy_showers.cells, toy_showers.energy, toy_showers.theta, toy_showers.detector,
        impact=np.zeros((20, 2)),
    )  # fmt: skip
    assert Showers.concatenate([told, told[:3]]).impact.shape == (23, 2)
    assert Showers.concatenate([told, toy_showers]).impact is None
    turned = Showers(
        told.cells, told.energy, told.theta, told.detector, phi=np.full(20, 0.3)
    )  # fmt: skip
    both = Hits.concatenate([turned.hits(), told.hits()])
    assert both.impact is None
    assert np.allclose(both.phi, np.repeat([0.3, np.pi / 2], 20))
    with pytest.raises(InputError, match="impact must be x and y in mm for each of 20 showers"):
        Showers(
            told.cells, told.energy, told.theta, told.detector, impact=np.zeros((3, 2))
        )  # fmt: skip
