import numpy as np
import pytest
from tests.physics import slow

from caloforge.physics import observables

THRESHOLDS = (1e-6, 1e-4, 1e-2)


@pytest.fixture(scope="module")
def cells():
    rng = np.random.default_rng(3)
    values = 10 ** rng.uniform(-8, 0, (6, 7, 5, 4)) * (rng.random((6, 7, 5, 4)) < 0.4)
    return values.astype(np.float32)


@pytest.mark.parametrize("axis", observables.AXES)
def test_profile_and_moments_are_their_definition(cells, axis):
    fast = observables.profile(cells, axis)
    slowly = [slow.profile(shower, axis) for shower in cells]
    np.testing.assert_allclose(fast, slowly, rtol=1e-6)
    np.testing.assert_allclose(
        observables.centre(fast), [slow.centre(p) for p in slowly], rtol=1e-6
    )
    for order in (2, 3):
        moments = [slow.moment(p, order) for p in slowly]
        np.testing.assert_allclose(observables.central_moment(fast, order), moments, rtol=1e-5)
    widths = [slow.moment(p, 2) ** 0.5 for p in slowly]
    np.testing.assert_allclose(observables.width(fast), widths, rtol=1e-6)


def test_projections_hold_the_profiles_and_the_sum(cells):
    for plane in observables.PLANES:
        image = observables.projection(cells, plane)
        total = observables.deposited_energy(cells)
        np.testing.assert_allclose(image.sum(axis=(1, 2)), total, rtol=1e-5)
        np.testing.assert_allclose(
            image.sum(axis=2), observables.profile(cells, plane[0]), rtol=1e-5, atol=1e-9
        )


def test_hits_and_spectrum_are_counts(cells):
    hits = observables.layer_hits(cells, THRESHOLDS)
    for shower, layer, index in np.ndindex(hits.shape):
        expected = slow.hits(cells[shower], layer, np.float32(THRESHOLDS[index]))
        assert hits[shower, layer, index] == expected
    np.testing.assert_array_equal(observables.hits_above(cells, 1e-4), hits[:, :, 1].sum(axis=1))
    edges = np.logspace(-7, -1, 13)
    spectrum = observables.cell_spectrum(cells, edges)
    for shower, counts in zip(cells, spectrum, strict=True):
        np.testing.assert_array_equal(counts, np.histogram(shower.astype(float), edges)[0])


@pytest.mark.parametrize("side", [1, 3, 5])
def test_core_fraction_is_its_definition(cells, side):
    xy = observables.projection(cells, "xy")
    slowly = [slow.core_fraction(shower, side) for shower in cells]
    np.testing.assert_allclose(observables.core_fraction(xy, side), slowly, rtol=1e-5)


@pytest.mark.parametrize("side", [2, 7])
def test_core_that_does_not_fit_is_refused(cells, side):
    with pytest.raises(ValueError, match="odd number up to 5"):
        observables.core_fraction(observables.projection(cells, "xy"), side)


def test_layer_widths_are_the_widths_of_each_layer(cells):
    xz = observables.projection(cells, "xz")
    for layer in range(cells.shape[3]):
        one = observables.profile(cells[..., layer : layer + 1], "x")
        np.testing.assert_allclose(
            observables.layer_widths(xz)[:, layer], observables.width(one), rtol=1e-5, atol=1e-6
        )


def test_an_empty_shower_is_centred_and_has_no_width():
    empty = np.zeros((1, 5, 5, 4), dtype=np.float32)
    profile = observables.profile(empty, "x")
    assert observables.centre(profile) == pytest.approx(2.0)
    assert observables.width(profile) == 0
    assert observables.core_fraction(observables.projection(empty, "xy"), 3) == 0
    assert observables.hits_above(empty, 1e-8) == 0


def test_a_shift_moves_the_centre_and_nothing_else(cells):
    profile = observables.profile(cells, "z")
    padded = np.pad(profile, ((0, 0), (0, 2)))
    moved = np.pad(profile, ((0, 0), (2, 0)))
    np.testing.assert_allclose(observables.centre(moved), observables.centre(padded) + 2)
    np.testing.assert_allclose(observables.width(moved), observables.width(padded), rtol=1e-9)


def test_correlations_are_those_of_numpy():
    values = np.random.default_rng(0).normal(size=(50, 4)) @ np.triu(np.ones((4, 4)))
    fast = observables.correlations(np.c_[values, np.ones(50)])
    np.testing.assert_allclose(fast[:4, :4], np.corrcoef(values.T))
    assert not fast[4].any()
