import itertools

import numpy as np
import pytest
from tests.physics import slow

from caloforge.physics import distances, gaussian
from caloforge.physics.gan3d import rows_near

EDGES = (10.0, 20.0, 50.0)


def sample(seed: int, n: int = 60):
    rng = np.random.default_rng(seed)
    energy = rng.uniform(EDGES[0], EDGES[-1], n)
    cells = rng.exponential(0.01, (n, 4, 5, 3)) * energy[:, None, None, None]
    return cells.astype(np.float32), energy


def test_validation_number_is_its_definition():
    (first, energy), (second, other) = sample(0), sample(1, 70)
    bins = list(itertools.pairwise(EDGES))
    counts = [np.sum((e >= low) & (e < high)) for e in (energy, other) for low, high in bins]
    assert min(counts) < distances.scaling.MIN_BIN_SHOWERS < max(counts), "one bin is skipped"
    expected = slow.validation_number(first, second, energy, other, bins[1:])
    found = distances.validation_number(first, second, energy, other)
    assert found == pytest.approx(expected, rel=1e-6)


def test_validation_number_of_a_scale_is_its_square():
    cells, energy = sample(0)
    assert distances.validation_number(cells, cells, energy) == 0
    scaled = distances.validation_number(cells, cells * np.float32(1.1), energy)
    assert scaled == pytest.approx(0.01, rel=1e-5)


def test_too_few_showers_for_any_bin_make_one_bin():
    cells, energy = sample(0, 10)
    assert distances.validation_number(cells, cells * np.float32(1.1), energy) > 0


def test_separation_power_is_its_definition():
    rng = np.random.default_rng(2)
    first, second = rng.integers(0, 9, 20), rng.integers(0, 9, 20)
    expected = slow.separation(first, second)
    assert distances.separation_power(first, second) == pytest.approx(expected)
    values = rng.normal(size=400)
    assert distances.feature_separation(values, values, 20) == 0
    assert distances.feature_separation(values, values + 50, 20) > 0.9


def test_wasserstein_is_its_definition_and_has_the_unit_of_the_spread():
    rng = np.random.default_rng(3)
    first, second = rng.normal(size=200), rng.normal(0.3, 1.2, 200)
    expected = slow.wasserstein(first, second) / np.std(first)
    assert distances.scaled_wasserstein(first, second) == pytest.approx(expected)
    shifted = distances.scaled_wasserstein(first, first + 2 * np.std(first))
    assert shifted == pytest.approx(2)
    assert distances.scaled_wasserstein(np.ones(3), np.ones(3)) == 0


def test_wasserstein_stays_finite_where_the_reference_has_no_spread():
    """A layer that no reference shower reaches, and one in 200 of the others."""
    rare = np.r_[np.zeros(199), 1e-3]
    there = distances.scaled_wasserstein(np.zeros(200), rare)
    assert there == pytest.approx(distances.scaled_wasserstein(rare, np.zeros(200)), rel=0.5)
    rounding = np.full(100, 0.1) + np.linspace(0, 1e-17, 100)
    assert distances.scaled_wasserstein(rounding, rounding + 1e-17) == 0


def test_what_an_empty_reference_leaves_undefined_is_nan():
    empty = np.zeros((3, 2, 2, 2), np.float32)
    assert np.isnan(distances.profile_error(np.zeros(3), np.ones(3)))
    assert np.isnan(distances.validation_number(empty, empty + 1, np.ones(3)))


def test_profile_error_leaves_empty_tails_out():
    reference = np.array([1e-6, 1.0, 2.0])
    assert distances.profile_error(reference, np.array([5e-6, 1.1, 1.8])) == pytest.approx(0.1)


def test_profile_error_is_its_definition():
    reference, generated = np.random.default_rng(1).random((2, 12))
    reference[3] = 1e-9
    expected = slow.profile_error(reference, generated)
    assert distances.profile_error(reference, generated) == pytest.approx(expected)


def test_conditional_spread_is_its_definition():
    rng = np.random.default_rng(9)
    x, values = rng.uniform(0, 3, 25), rng.normal(size=(25, 3))
    slowly = [slow.conditional_spread(column, x) for column in values.T]
    np.testing.assert_allclose(distances.conditional_spread(values, x), slowly)


def test_conditional_spread_does_not_see_the_trend():
    rng = np.random.default_rng(4)
    x = rng.uniform(1, 3, 5000)
    noise = rng.normal(0, [0.1, 2.0], (5000, 2))
    spread = distances.conditional_spread(noise + np.outer(x, [5.0, -40.0]), x)
    np.testing.assert_allclose(spread, [0.1, 2.0], rtol=0.05)


def test_frechet_distance_is_its_definition():
    rng = np.random.default_rng(5)
    first = rng.normal(size=(80, 4)) @ rng.normal(size=(4, 4))
    second = rng.normal(0.5, 1.0, (90, 4)) @ rng.normal(size=(4, 4))
    found = gaussian.frechet_distance(first, second)
    assert found == pytest.approx(slow.frechet(first, second), rel=1e-6)
    assert gaussian.frechet_distance(first, first) == pytest.approx(0, abs=1e-9)


def test_fpd_of_the_same_distribution_has_no_bias_left():
    rng = np.random.default_rng(6)
    first, second = rng.normal(3, 1, (600, 10)), rng.normal(3, 1, (600, 10))
    scale = gaussian.feature_scale(first)
    first, second, shifted = first / scale, second / scale, (second + 1) / scale
    plain = gaussian.frechet_distance(first, second)
    fpd = gaussian.frechet_physics_distance(first, second, rng)
    assert abs(fpd) < 0.3 * plain
    far = gaussian.frechet_physics_distance(first, shifted, rng)
    assert far == pytest.approx(np.sum(1 / scale**2), rel=0.1)


def test_the_scale_of_features_is_their_largest_value():
    table = np.array([[1.0, -4.0, 0.0], [3.0, 2.0, 0.0]])
    assert gaussian.feature_scale(table).tolist() == [3, 4, 1]


def test_fpd_is_its_definition():
    first, second = (np.random.default_rng(seed).normal(seed, 1, (90, 3)) for seed in (10, 11))
    rng, again = np.random.default_rng(0), np.random.default_rng(0)
    fast = gaussian.frechet_physics_distance(first, second, rng)
    assert fast == pytest.approx(slow.frechet_physics_distance(first, second, again), rel=1e-6)


def test_kpd_is_its_definition():
    first, second = (np.random.default_rng(seed).normal(0.1 * seed, 1, (24, 3)) for seed in (1, 5))
    rng, again = np.random.default_rng(0), np.random.default_rng(0)
    fast = gaussian.kernel_physics_distance(first, second, rng)
    assert fast == pytest.approx(slow.kernel_physics_distance(first, second, again))


def test_kernel_mmd_is_its_definition():
    rng = np.random.default_rng(7)
    first, second = rng.normal(size=(15, 3)), rng.normal(0.5, 1, (12, 3))
    assert gaussian.kernel_mmd(first, second) == pytest.approx(slow.mmd(first, second))


def test_kpd_is_zero_for_the_same_and_not_for_another_distribution():
    rng = np.random.default_rng(8)
    first, second, third = (
        rng.normal(3, 1, (500, 5)),
        rng.normal(3, 1, (500, 5)),
        rng.normal(4, 1, (500, 5)),
    )
    same = gaussian.kernel_physics_distance(first, second, rng)
    other = gaussian.kernel_physics_distance(first, third, rng)
    assert abs(same) < 0.1 * other


def test_rows_near_widens_only_where_it_must():
    values = np.array([96.0, 100.0, 104.0, 120.0, 300.0])
    assert rows_near(values, 100.0, 5.0, 3).tolist() == [0, 1, 2]
    assert rows_near(values, 100.0, 5.0, 4).tolist() == [0, 1, 2, 3]
