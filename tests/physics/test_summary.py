import numpy as np
import pytest
from tests.conftest import make_showers

from caloforge import scaling
from caloforge.physics import observables
from caloforge.physics.angle import measured_angle
from caloforge.physics.features import shower_features
from caloforge.physics.gan3d import gan3d_number
from caloforge.physics.summary import Summary, pool, pool_edges, summarise


@pytest.fixture
def showers(toy_detector):
    return make_showers(toy_detector, 40, window="angle")


@pytest.fixture
def summary(showers):
    return reduce(showers)


def reduce(showers, rows: int = 256) -> Summary:
    detector = showers.detector
    return summarise(
        showers.cells,
        showers.energy,
        showers.theta,
        layer_centres_mm=detector.layer_centres_mm,
        pad_mm=detector.pad_mm[1],
        rows=rows,
    )


def test_a_summary_knows_what_the_cells_know(showers, summary):
    cells, detector = showers.cells, showers.detector
    np.testing.assert_allclose(summary.deposited, observables.deposited_energy(cells), rtol=1e-6)
    np.testing.assert_allclose(
        summary.response, observables.response(cells, showers.energy), rtol=1e-6
    )
    for axis in observables.AXES:
        expected = observables.profile(cells, axis)
        np.testing.assert_allclose(summary.profile(axis), expected, rtol=1e-5)
    yz = observables.projection(cells, "yz")
    angle = measured_angle(yz, detector.layer_centres_mm, detector.pad_mm[1])
    np.testing.assert_allclose(summary.measured_theta, angle)


def test_chunks_and_parts_make_no_difference(showers, summary):
    for other in (reduce(showers, rows=7), Summary.concatenate([summary[:15], summary[15:]])):
        np.testing.assert_array_equal(other.xy, summary.xy)
        np.testing.assert_array_equal(other.hits, summary.hits)
        np.testing.assert_array_equal(other.pooled, summary.pooled)
        assert len(other) == len(summary) == 40


@pytest.mark.parametrize("size", [1, 5, 25, 24, 51])
def test_pooling_keeps_the_energy_and_the_middle(size):
    edges = pool_edges(size)
    assert edges[0] == 0
    assert np.all(np.diff(edges) > 0)
    middle = size // 2
    kept = range(max(middle - scaling.POOL_CORE, 0), min(middle + scaling.POOL_CORE + 1, size))
    assert set(kept) <= set(edges.tolist())
    cells = np.random.default_rng(0).random((2, size, 3, 2), dtype=np.float32)
    np.testing.assert_allclose(pool(cells).sum(axis=1), cells.sum(axis=(1, 2, 3)), rtol=1e-5)


def test_features_are_named_and_grouped(summary):
    features = shower_features(summary)
    assert features.values.shape == (40, len(features.names))
    assert len(set(features.names)) == len(features.names)
    np.testing.assert_allclose(features["response"], summary.response)
    np.testing.assert_allclose(features.of("layers").values.sum(axis=1), 1)
    assert "angle" in features.groups
    np.testing.assert_allclose(features["angle"], summary.measured_theta - summary.theta)


def test_perpendicular_showers_have_no_angle_feature(toy_showers):
    assert "angle" not in shower_features(reduce(toy_showers)).groups


def test_gan3d_number_is_zero_for_the_same_and_grows_with_a_wrong_depth(showers, summary):
    assert gan3d_number(summary, summary).total == 0
    flipped = reduce(
        type(showers)(showers.cells[..., ::-1], showers.energy, showers.theta, showers.detector)
    )
    wrong = gan3d_number(summary, flipped)
    assert wrong.moments > 0
    assert wrong.shapes > 0
    assert wrong.angle > 0
    assert wrong.total == pytest.approx(wrong.moments + wrong.shapes + wrong.angle)


def test_gan3d_shapes_see_a_scale(showers, summary):
    brighter = reduce(
        type(showers)(showers.cells * 1.1, showers.energy, showers.theta, showers.detector)
    )
    number = gan3d_number(summary, brighter)
    assert number.shapes == pytest.approx(0.1, rel=1e-4)
    assert number.moments == pytest.approx(0, abs=1e-6)
