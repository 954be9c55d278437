import numpy as np
import pytest
from tests.physics import slow

from caloforge.physics.angle import leaning_angle, measured_angle, published_angle
from caloforge.physics.observables import projection

DEPTHS = np.array([3.0, 7.0, 11.0, 17.0, 24.0])
PAD = 5.1


def tilted(theta: float) -> np.ndarray:
    """A needle at angle `theta`: its position in every layer shared between two pads."""
    yz = np.zeros((1, 41, len(DEPTHS)))
    for layer, depth in enumerate(DEPTHS):
        y = 20.3 + (depth - DEPTHS[0]) / np.tan(theta) / PAD
        yz[0, int(y), layer] = 1 - y % 1
        yz[0, int(y) + 1, layer] = y % 1
    return yz * np.array([1.0, 4.0, 7.0, 3.0, 1.0])


@pytest.mark.parametrize("degrees", [60, 62, 90, 118])
def test_a_needle_is_measured_at_its_angle(degrees):
    theta = np.radians(degrees)
    assert measured_angle(tilted(theta), DEPTHS, PAD) == pytest.approx(theta, abs=1e-6)
    assert published_angle(tilted(theta), DEPTHS, PAD) == pytest.approx(theta, abs=1e-6)


@pytest.mark.parametrize("degrees", [0, 30, 90, 200])
def test_a_needle_that_leans_anywhere_is_measured_at_its_angle(degrees):
    phi, theta = np.radians(degrees), np.radians(70)
    along = {0: np.cos(phi), 1: np.sin(phi)}
    xz, yz = (tilted(np.arctan2(1.0, part / np.tan(theta))) for part in along.values())
    found = leaning_angle(xz, yz, np.array([phi]), DEPTHS, (PAD, PAD))
    assert found == pytest.approx(theta, abs=1e-6)


def test_both_angles_are_their_definition():
    rng = np.random.default_rng(5)
    cells = (rng.exponential(1.0, (8, 3, 9, 5)) * (rng.random((8, 3, 9, 5)) < 0.2)).astype(
        np.float32
    )
    yz = projection(cells, "yz")
    for fast, slowly in (
        (measured_angle, slow.measured_angle),
        (published_angle, slow.published_angle),
    ):
        expected = [slowly(shower, DEPTHS, PAD) for shower in cells]
        np.testing.assert_allclose(fast(yz, DEPTHS, PAD), expected, rtol=1e-5)


def test_mirror_in_y_mirrors_the_angle():
    yz = np.random.default_rng(1).exponential(1.0, (10, 9, 5))
    for measure in (measured_angle, published_angle):
        there, back = measure(yz, DEPTHS, PAD), measure(yz[:, ::-1], DEPTHS, PAD)
        np.testing.assert_allclose(there + back, np.pi)


def test_a_shower_in_one_layer_is_perpendicular():
    yz = np.zeros((2, 9, 5))
    yz[1, 3, 2] = 1.0
    np.testing.assert_allclose(measured_angle(yz, DEPTHS, PAD), np.pi / 2)
