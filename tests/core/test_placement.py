"""Positions of hits: against the image's geometry by hand, in any frame, and what is refused."""

import numpy as np
import pytest
from tests.conftest import make_showers

from caloforge.beam import Conditions
from caloforge.detector import load_detector
from caloforge.errors import InputError
from caloforge.hits import Hits
from caloforge.placement import axes_of, positions_mm, times_ns


@pytest.mark.parametrize("window", ["fixed", "angle"])
def test_positions_one_by_one(toy_detector, window):
    hits = make_showers(toy_detector, 3, window=window).hits()
    size_x, size_y, size_z = hits.cell_shape
    found = positions_mm(hits)
    for shower in range(len(hits)):
        here = range(hits.offsets[shower], hits.offsets[shower + 1])
        energy = [float(hits.cell_energy[hit]) for hit in here]
        depth = [3.5 * (int(hits.cell[hit]) % size_z) + 3.25 for hit in here]
        barycentre = sum(e * d for e, d in zip(energy, depth, strict=True)) / sum(energy)
        for hit, z in zip(here, depth, strict=True):
            column, row = divmod(int(hits.cell[hit]) // size_z, size_y)
            x, y = 5.0 * (column - size_x // 2), 5.0 * (row - size_y // 2)
            y += barycentre / np.tan(hits.theta[shower])
            assert found[hit] == pytest.approx([x, y, z], abs=1e-5)
    assert times_ns(found) * 299.792458 == pytest.approx(np.sqrt((found**2).sum(1)))


def test_an_inclined_shower_begins_at_the_impact():
    """Cells along a straight line, seen as an image centred on their barycentre."""
    detector, theta = load_detector("clic_ecal"), np.float32(np.radians(62))
    depth = detector.layer_centres_mm
    energy = np.full(25, 0.01, np.float32)
    line = (depth - depth.mean()) / np.tan(theta)
    cell = (25 * 51 + 25 + np.round(line / 5.1).astype(int)) * 25 + np.arange(25)
    order = np.argsort(cell)
    hits = Hits(
        np.array([0, 25]), cell[order], energy, np.float32([50]), np.float32([theta]), detector,
        "angle",
    )  # fmt: skip
    x, y, z = positions_mm(hits).T
    assert np.array_equal(x, np.zeros(25))
    assert np.abs(y - z / np.tan(theta)).max() < 5.1 / 2 + 1e-3


def test_a_cylinder_is_around_the_flight():
    detector = load_detector("par04_siw")
    cell = np.array([(3 * 16 + 4) * 45 + 7])
    hits = Hits(
        np.array([0, 1]), cell, np.float32([0.1]), np.float32([50]), np.float32([1.2]), detector,
        "dataset2",
    )  # fmt: skip
    radius, phi = 3.5 * detector.pad_mm[0], 4.5 * 2 * np.pi / 16
    middle = [radius * np.cos(phi), radius * np.sin(phi), detector.layer_centres_mm[7]]
    assert positions_mm(hits)[0] == pytest.approx(middle)


@pytest.mark.parametrize(
    ("direction", "normal", "pad_y"),
    [
        ([0.3, -0.2, 1.0], None, None),
        ([0.0, 1.0, 0.0], None, None),
        ([1.0, 0.0, 0.4], [2.0, 0.0, 0.0], None),
        ([1.0, 0.0, 0.4], [2.0, 0.0, 0.0], [0.0, 0.0, -1.0]),
        ([0.0, 0.0, 5.0], [0.0, 0.0, 1.0], [1.0, 0.0, 1.0]),
    ],
)
def test_axes_are_a_frame_with_the_flight_in_its_plane(direction, normal, pad_y):
    given = [None if each is None else np.array(each) for each in (direction, normal, pad_y)]
    axes = axes_of(*given)
    assert axes @ axes.T == pytest.approx(np.eye(3), abs=1e-12)
    assert np.linalg.det(axes) == pytest.approx(1)
    x, _, z = axes @ given[0]
    assert x == pytest.approx(0, abs=1e-12) and z > 0
    if normal is not None:
        assert axes[2] == pytest.approx(given[1] / np.linalg.norm(given[1]))


def test_a_flight_may_lean_anywhere_beside_given_pads():
    """Its angles in the frame are the shower's theta and phi."""
    asked = Conditions.of(50.0, np.radians(60), np.radians(200))
    axes = axes_of(asked.directions[0], np.array([0.0, 0.0, 1.0]), np.array([0.0, 2.0, 0.0]))
    assert axes == pytest.approx(np.eye(3))
    turned = axes_of(np.array([0.0, 0.6, 0.8]), np.array([0, 0, 1.0]), np.array([1.0, 0.0, 0.0]))
    assert turned @ [0.0, 0.6, 0.8] == pytest.approx([-0.6, 0.0, 0.8])


@pytest.mark.parametrize(
    ("direction", "normal", "pad_y"),
    [
        ([0.0, 0.0, 0.0], None, None),
        ([0.0, np.nan, 1.0], None, None),
        ([0.0, 0.0, -1.0], [0.0, 0.0, 1.0], None),
        ([0.3, -0.2, 1.0], None, [0.6, -0.4, 2.0]),
        ([0.0, 1.0, 0.0], [0.0, 0.0, 1.0], None),
    ],
)
def test_other_flights_are_refused(direction, normal, pad_y):
    given = [None if each is None else np.array(each) for each in (direction, normal, pad_y)]
    with pytest.raises(InputError):
        axes_of(*given)
