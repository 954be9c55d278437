"""Every measure of the table against its definition, written slowly in tests/physics/slow.py."""

import numpy as np
import pytest
from tests.conftest import make_showers, make_toy_detector
from tests.physics import slow

from caloforge import scaling
from caloforge.physics.distances import feature_separation
from caloforge.showers import Showers
from caloforge.validate.comparison import Sample, compare, reduce_showers
from caloforge.validate.nearest import image, nearest_distances
from caloforge.validate.pair_scores import gaussian_inputs, gaussian_scale, score_pair


def fluctuating(n: int, seed: int) -> Showers:
    """Tilted toy showers whose response fluctuates by 10 %."""
    showers = make_showers(make_toy_detector(), n, seed, "angle")
    factor = np.random.default_rng(seed).normal(1, 0.1, (n, 1, 1, 1))
    return Showers(showers.cells * factor, showers.energy, showers.theta, showers.detector)


@pytest.fixture(scope="module")
def tilted():
    """Two samples of tilted toy showers, whole and reduced."""
    showers = [fluctuating(90, 1), fluctuating(80, 2)]
    return showers, [reduce_showers([part], "toy")[0] for part in showers]


@pytest.fixture(scope="module")
def scores(tilted):
    first, second = tilted[1]
    return score_pair(first, second, gaussian_scale(first), np.random.default_rng(3))


def energies(samples: list[Sample]):
    return [sample.summary.energy for sample in samples]


def test_response_and_spread(tilted, scores):
    _, samples = tilted
    edges = scaling.ENERGY_EDGES_GEV
    responses = [sample.summary.response for sample in samples]
    bias, width = slow.response_scores(responses, energies(samples), edges)
    tables = [sample.features.values for sample in samples]
    assert scores["response_bias"] == pytest.approx(bias)
    assert scores["response_width"] == pytest.approx(width)
    assert scores["spread"] == pytest.approx(slow.spread(tables, energies(samples), edges))


def test_correlations(tilted, scores):
    _, samples = tilted
    tables = [sample.features.values for sample in samples]
    wanted = slow.correlations(tables, energies(samples), scaling.ENERGY_EDGES_GEV)
    assert scores["correlations"] == pytest.approx(wanted)


def test_profiles(tilted, scores):
    showers, _ = tilted
    for axis in "xyz":
        means = [
            np.mean(
                [
                    np.array(slow.profile(c, axis)) / e
                    for c, e in zip(s.cells, s.energy, strict=True)
                ],
                axis=0,
            )
            for s in showers
        ]
        assert scores[f"profile_{axis}"] == pytest.approx(slow.profile_error(*means), rel=1e-5)


def test_gan3d_number(tilted, scores):
    showers, samples = tilted
    biases = [s.summary.measured_theta - s.summary.theta for s in samples]
    expected = slow.gan3d(
        [s.cells for s in showers], [s.energy for s in showers], biases, [s.theta for s in showers],
        scaling.ENERGY_POINTS_GEV, np.radians(scaling.ANGLE_POINTS_DEG),
    )  # fmt: skip
    names = ("gan3d_moments", "gan3d_shapes", "gan3d_angle")
    np.testing.assert_allclose([scores[name] for name in names], expected, rtol=1e-4)
    assert scores["gan3d"] == pytest.approx(sum(expected), rel=1e-4)


def test_angle_scores(tilted, scores):
    _, samples = tilted
    residuals = [s.summary.measured_theta - s.summary.theta for s in samples]
    bias, resolution = slow.angle_scores(
        residuals, energies(samples), [s.summary.theta for s in samples],
        scaling.ANGLE_EDGES_DEG, scaling.ENERGY_EDGES_GEV,
    )  # fmt: skip
    assert scores["angle_bias"] == pytest.approx(bias)
    assert scores["angle_resolution"] == pytest.approx(resolution)


def test_means_over_features(tilted, scores):
    columns = list(zip(*(s.features.values.T for s in tilted[1]), strict=True))
    for first, second in columns[:6]:
        fast = feature_separation(first, second, scaling.SEPARATION_BINS)
        assert fast == pytest.approx(
            slow.feature_separation(first, second, scaling.SEPARATION_BINS)
        )
    every = [feature_separation(*pair, scaling.SEPARATION_BINS) for pair in columns]
    assert scores["separation"] == pytest.approx(np.mean(every))


def test_fpd_and_kpd_take_features_in_units_of_the_whole_reference(tilted):
    first, second = tilted[1]
    scale = gaussian_scale(first)
    np.testing.assert_array_equal(scale, np.abs(gaussian_inputs(first)).max(axis=0))
    half = first[np.arange(45)]
    found = [
        score_pair(half, second[np.arange(45)], factor * scale, np.random.default_rng(0))["fpd"]
        for factor in (1.0, 2.0)
    ]
    assert found[0] == pytest.approx(4 * found[1], rel=1e-6)


def test_nearest(tilted):
    showers, samples = tilted
    comparison = compare([showers[0]], [showers[1]])
    parts = np.arange(40), np.arange(40, 80), np.arange(40)
    found = nearest_distances(comparison, parts, None)
    pictures = [image(s.summary).astype(float) for s in samples]
    expected = slow.nearest_ratio(pictures[1][:40], pictures[0][40:80], pictures[0][:40])
    assert found.to_library(np.random.default_rng(0))[0] == pytest.approx(expected, rel=1e-4)
