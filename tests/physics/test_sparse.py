"""Every observable of hits is that of the cells."""

from dataclasses import fields, replace

import numpy as np
import pytest
from tests.conftest import make_showers

from caloforge.physics import observables, sparse
from caloforge.physics.summary import pool
from caloforge.validate.comparison import MIN_SHOWERS, _summary, compare

CLOSE = {"rtol": 1e-5, "atol": 1e-12}


@pytest.fixture(params=["fixed", "angle", "aslant"])
def showers(request, toy_detector):
    aslant = request.param == "aslant"
    made = make_showers(toy_detector, 30, window="angle" if aslant else request.param)
    made.cells[7] = 0
    return replace(made, phi=np.linspace(0, 3, 30)) if aslant else made


def test_observables_are_those_of_the_cells(showers):
    cells, hits = showers.cells, showers.hits()
    total = observables.deposited_energy(cells)
    np.testing.assert_allclose(hits.deposited_energy, total, **CLOSE)
    for plane in observables.PLANES:
        expected = observables.projection(cells, plane)
        np.testing.assert_allclose(sparse.projection(hits, plane), expected, **CLOSE)
    for axis in observables.AXES:
        profile = observables.profile(cells, axis)
        np.testing.assert_allclose(sparse.profile(hits, axis), profile, **CLOSE)
        width = observables.width(sparse.profile(hits, axis))
        np.testing.assert_allclose(width, observables.width(profile), rtol=1e-4)
    thresholds, edges = (1e-6, 1e-4, 1e-3), 10.0 ** np.arange(-8, 1)
    expected = observables.layer_hits(cells, thresholds)
    assert np.array_equal(sparse.layer_hits(hits, thresholds), expected)
    assert np.array_equal(sparse.hits_above(hits, 1e-4), observables.hits_above(cells, 1e-4))
    expected = observables.cell_spectrum(cells, edges)
    assert np.array_equal(sparse.cell_spectrum(hits, edges), expected)
    np.testing.assert_allclose(sparse.pool(hits), pool(cells), **CLOSE)


def test_a_summary_is_that_of_the_cells(showers):
    dense, hits = _summary(showers), _summary(showers.hits())
    for field in fields(dense):
        one, other = getattr(dense, field.name), getattr(hits, field.name)
        assert one.shape == other.shape and one.dtype == other.dtype, field.name
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-9, err_msg=field.name)


def test_hits_are_compared_with_cells(toy_detector):
    showers = make_showers(toy_detector, MIN_SHOWERS)
    both = compare([showers], [showers.hits()])
    np.testing.assert_allclose(both.generated.features.values, both.reference.features.values,
                               rtol=1e-4, atol=1e-6)  # fmt: skip
    assert np.array_equal(both.generated.examples, both.reference.examples)
