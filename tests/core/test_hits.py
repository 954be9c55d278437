"""The laws of hits, and what they refuse."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from tests.conftest import TOY_SHAPE, make_showers, make_toy_detector

from caloforge.calibration import Calibration
from caloforge.detector import load_detector
from caloforge.errors import DetectorError, InputError
from caloforge.hits import Hits
from caloforge.showers import Showers

DETECTOR = make_toy_detector()


def same(one, other):
    """Whether two showers or hits are the same in every attribute."""
    return all(
        np.array_equal(value, vars(other)[name])
        if isinstance(value, np.ndarray)
        else value == vars(other)[name]
        for name, value in vars(one).items()
    )


@st.composite
def showers(draw):
    """Any showers of the toy: empty ones, full ones, the smallest normal energies of float32."""
    n = draw(st.integers(0, 4))
    energies = st.one_of(st.just(0.0), st.floats(2.0**-126, 2.0**-6, width=32))
    cells = draw(arrays.arrays(np.float32, (n, *TOY_SHAPE), elements=energies))
    energy = draw(arrays.arrays(np.float32, n, elements=st.floats(1, 500, width=32)))
    return Showers(cells, energy, np.full(n, 1.5), DETECTOR, "gamma", Calibration.parse("scaled:2"))


@settings(max_examples=50)
@given(showers())
def test_hits_and_dense_are_inverses(made):
    hits = made.hits()
    assert same(hits.dense(), made)
    assert same(hits.dense().hits(), hits)
    assert hits.counts.sum() == np.count_nonzero(made.cells)


@settings(max_examples=50)
@given(showers(), st.data())
def test_subsets_and_joins_are_those_of_showers(made, data):
    hits, n = made.hits(), len(made)
    cut = data.draw(st.integers(0, n))
    assert same(Hits.concatenate([hits[:cut], hits[cut:]]), hits)
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=n, max_size=n)), bool)
    for index in (slice(cut, None), slice(None, None, 2), mask, np.arange(n)[::-1]):
        assert same(hits[index].dense(), made[index])


def test_numbers_of_cells_are_places_in_the_raveled_image(toy_detector):
    cells = np.zeros((2, *TOY_SHAPE), np.float32)
    cells[1, 2, 3, 1], cells[1, 4, 0, 3] = 0.1, 0.2
    hits = Showers(cells, [10, 20], [1.5, 1.5], toy_detector).hits()
    assert hits.offsets.tolist() == [0, 0, 2]
    assert hits.cell.tolist() == [(2 * 5 + 3) * 4 + 1, (4 * 5 + 0) * 4 + 3]
    assert np.array_equal(np.unravel_index(hits.cell, TOY_SHAPE), [[2, 4], [3, 0], [1, 3]])
    assert (hits.cell.dtype, hits.cell_energy.dtype) == (np.uint16, np.float32)
    assert np.allclose(hits.deposited_energy, [0, 0.3])


def test_hits_refuse_what_cannot_be(toy_detector):
    given = {
        "offsets": [0, 2, 2, 3], "cell": [4, 9, 0], "cell_energy": [0.1, 0.2, 0.3],
        "energy": [10, 20, 30], "theta": [1.5, 1.5, 1.5], "window": "fixed",
    }  # fmt: skip

    def build(**changed):
        return Hits(**(given | changed), detector=toy_detector)

    assert len(build()) == 3
    for changed, words in [
        ({"offsets": [0, 2, 1, 3]}, "must not fall, got 2 and then 1 at shower 1"),
        ({"offsets": [0, 2, 2, 4]}, "from 0 to the number of hits, 3, got 0 to 4"),
        ({"offsets": [1, 2, 2, 3]}, "got 1 to 3"),
        ({"offsets": [0, 2, 3]}, "3 showers need 4 offsets"),
        ({"offsets": [0.0, 2.0, 2.0, 3.0]}, "offsets must be whole numbers"),
        ({"cell": [4, 100, 0]}, r"\(5, 5, 4\) have the numbers 0-99, got 100 in shower 0"),
        ({"cell": [4, 9, -1]}, "got -1 in shower 2"),
        ({"cell": [9, 4, 0]}, "must rise, got 4 in shower 0"),
        ({"cell": [4, 4, 0]}, "must rise, got 4 in shower 0"),
        ({"cell": [4, 9]}, "as many energies as cells"),
        ({"cell_energy": [0.1, 0.2, -0.3]}, r"positive, finite energy in GeV, got -0\.3"),
        ({"cell_energy": [0.1, 0.0, 0.3]}, r"got 0\.0 in shower 0"),
        ({"cell_energy": [0.1, np.nan, 0.3]}, "got nan in shower 0"),
        ({"cell_energy": [np.inf, 0.2, 0.3]}, "got inf in shower 0"),
        ({"cell_energy": [100.0, 100.0, 100.0]}, "MeV by mistake"),
        ({"energy": [10, 0, 30]}, "energy must be positive"),
    ]:
        with pytest.raises(InputError, match=words):
            build(**changed)
    with pytest.raises(DetectorError, match="no window 'none'"):
        build(window="none")


def test_cells_that_the_detector_lacks_are_refused():
    photons = load_detector("calochallenge_photons")
    window = next(iter(photons.windows))
    absent = int(np.flatnonzero(~photons.geometry(window).present)[0])
    with pytest.raises(InputError, match="no such cell"):
        Hits([0, 1], [absent], [0.1], [10.0], [1.5], photons, window)


def test_different_hits_are_not_joined():
    first = make_showers(DETECTOR, 3).hits()
    other = make_showers(DETECTOR, 3, window="angle").hits()
    with pytest.raises(InputError, match="different windows"):
        Hits.concatenate([first, other])
    scaled = Hits(**(vars(first) | {"calibration": Calibration.parse("scaled:2")}))
    with pytest.raises(InputError, match="mean different things"):
        Hits.concatenate([first, scaled])
