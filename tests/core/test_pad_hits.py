"""Images put where particles enter: barycentres on the axis, energies as they were."""

import numpy as np
import pytest
from tests.conftest import make_showers

from caloforge.detector import load_detector
from caloforge.errors import DetectorError
from caloforge.hit_arrays import HitArrays
from caloforge.pad_hits import PadPlacer

IMPACT = np.array([[0.0, 0.0], [7.4, -31.0], [-22.6, 14.9]])
THETA = np.radians([90.0, 65.0, 115.0])


@pytest.fixture
def images(toy_detector):
    cells = make_showers(toy_detector, 3, window="angle").cells
    return HitArrays.of(cells)


def rows(hits):
    return np.repeat(np.arange(3), np.diff(hits.offsets))


def test_the_barycentre_lies_on_the_axis_to_half_a_pad(toy_detector, images):
    placed = PadPlacer(toy_detector, "angle").place(images, IMPACT, THETA)
    places = placed.positions(toy_detector)
    for shower in range(3):
        mine = rows(images) == shower
        x, y, z = placed.energy[mine] @ places[mine] / placed.energy[mine].sum()
        axis = IMPACT[shower] + [0.0, z / np.tan(THETA[shower])]
        off = np.abs([x, y] - axis) / toy_detector.pad_mm
        assert off.max() <= 0.5 + 1e-5


def test_an_image_is_moved_whole(toy_detector, images):
    shape = toy_detector.cell_shape("angle")
    x, y, layer = np.unravel_index(images.cell.astype(int), shape)
    placed = PadPlacer(toy_detector, "angle").place(images, IMPACT, THETA)
    np.testing.assert_array_equal(placed.layer, layer)
    np.testing.assert_array_equal(placed.energy, images.cell_energy)
    for moved, before in ((placed.x, x), (placed.y, y)):
        for shower in range(3):
            assert len(set((moved - before)[rows(images) == shower])) == 1


def test_a_shower_without_hits_is_nowhere(toy_detector):
    cells = make_showers(toy_detector, 2, window="angle").cells
    cells[0] = 0
    placed = PadPlacer(toy_detector, "angle").place(HitArrays.of(cells), IMPACT[:2], THETA[:2])
    assert len(placed.energy) == np.count_nonzero(cells[1])


def test_rings_have_no_pads():
    with pytest.raises(DetectorError, match="rings"):
        PadPlacer(load_detector("par04_siw"), "dataset2")
