"""In a cylinder X and Y of an image are rings and sectors: places are taken from the cells."""

import math
from itertools import product

import numpy as np
import pytest

from caloforge.detector import Detector, Layer
from caloforge.physics.features import moment_units, shower_features
from caloforge.physics.gan3d import gan3d_number
from caloforge.physics.summary import Summary, pool, ring_edges, sector_edges, summarise

DEPTHS = np.array([3.0, 7.0, 11.0])


def detector() -> Detector:
    """Three layers; the rings and sectors of the middle one are other than the rest's."""
    layers = (
        Layer(ring_edges_mm=(0, 5, 10, 20), sectors=8),
        Layer(ring_edges_mm=(0, 10, 30), sectors=4),
        Layer(ring_edges_mm=(0, 5, 10, 20), sectors=8),
    )
    return Detector(name="barrel", title="", pad_mm=(5, 5), readout="cylinder", layers=layers,
                    windows={"whole": {"shape": (3, 8)}})  # fmt: skip


@pytest.fixture(scope="module")
def cells():
    rng = np.random.default_rng(1)
    present = detector().geometry("whole").present
    return (rng.exponential(1, (40, *present.shape)) * present).astype(np.float32)


def reduce(cells) -> Summary:
    n = len(cells)
    return summarise(
        cells, np.full(n, 100.0), np.full(n, np.pi / 2), layer_centres_mm=DEPTHS, pad_mm=5.0,
        rings=detector().geometry("whole"), rows=16,
    )  # fmt: skip


def slow_moments(shower, axis, layers=range(3)):
    """Mean and root of the mean square deviation of the cells' middles, energy-weighted."""
    points = []
    for z in layers:
        edges, n = [(0, 5, 10, 20), (0, 10, 30)][z == 1], [8, 4][z == 1]
        for x, y in product(range(len(edges) - 1), range(n)):
            r, phi = (edges[x] + edges[x + 1]) / 2, 2 * math.pi * (y + 0.5) / n
            place = {"r": r, "x": r * math.cos(phi), "y": r * math.sin(phi)}[axis]
            points.append((float(shower[x, y, z]), place))
    total = sum(e for e, _ in points)
    mean = sum(e * p for e, p in points) / total
    return mean, math.sqrt(sum(e * (p - mean) ** 2 for e, p in points) / total)


def test_moments_are_in_mm_around_the_axis(cells):
    features = shower_features(reduce(cells))
    for axis in "xyr":
        slowly = np.array([slow_moments(shower, axis) for shower in cells])
        np.testing.assert_allclose(features[f"centre {axis}"], slowly[:, 0], atol=1e-5)
        np.testing.assert_allclose(features[f"width {axis}"], slowly[:, 1], rtol=1e-5)
    for z in range(3):
        x, r = (np.array([slow_moments(s, axis, [z]) for s in cells]) for axis in "xr")
        np.testing.assert_allclose(features[f"width x in layer {z}"], x[:, 1], rtol=1e-5)
        np.testing.assert_allclose(features[f"radius in layer {z}"], r[:, 0], rtol=1e-5)
    assert features.layers("radius").shape == (40, 3)
    assert moment_units(reduce(cells)) == {"x": "mm", "y": "mm", "r": "mm", "z": "layers"}


def test_a_turn_around_the_axis_changes_no_radius_and_swaps_x_and_y(cells):
    quarter = cells.copy()
    for z, sectors in enumerate((8, 4, 8)):
        quarter[:, :, :sectors, z] = np.roll(cells[:, :, :sectors, z], sectors // 4, axis=2)
    there, turned = (shower_features(reduce(each)) for each in (cells, quarter))
    for name in ("centre r", "width r", "core 1 rings", "radius in layer 1", "hits > 1 MeV"):
        np.testing.assert_allclose(turned[name], there[name], rtol=1e-5)
    np.testing.assert_allclose(turned["centre y"], there["centre x"], atol=1e-5)
    np.testing.assert_allclose(turned["centre x"], -there["centre y"], atol=1e-5)


def test_the_angle_is_that_of_the_barycentres_in_mm():
    """Up in the first layer, down in the last: y falls with depth, theta is above 90 degrees."""
    cells = np.zeros((1, 3, 8, 3), np.float32)
    cells[0, 1, 1:3, 0] = 1.0
    cells[0, 1, 5:7, 2] = 1.0
    y = 7.5 * (math.sin(3 * math.pi / 8) + math.sin(5 * math.pi / 8)) / 2
    expected = math.pi / 2 + math.atan(2 * y / (DEPTHS[2] - DEPTHS[0]))
    assert reduce(cells).measured_theta == pytest.approx(expected)


def test_the_core_is_the_inner_rings(cells):
    features = shower_features(reduce(cells))
    share = cells[:, 0].sum(axis=(1, 2)) / cells.sum(axis=(1, 2, 3))
    np.testing.assert_allclose(features["core 1 rings"], share, rtol=1e-5)
    assert not [name for name in features.names if name.startswith("core 1x")]


def test_an_empty_shower_has_no_width():
    features = shower_features(reduce(np.zeros((2, 3, 8, 3), np.float32)))
    assert not features["width r"].any() and not features["centre x"].any()


def test_gan3d_moments_leave_the_sectors_out(cells):
    turned = np.roll(cells, 1, axis=2)
    assert gan3d_number(reduce(cells), reduce(turned)).moments == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize(("rings", "sectors"), [(9, 16), (18, 50), (3, 1), (40, 17)])
def test_pooling_keeps_the_axis_and_treats_sectors_alike(rings, sectors):
    assert ring_edges(rings)[: min(rings, 13)].tolist() == list(range(min(rings, 13)))
    assert len(set(np.diff(sector_edges(sectors)))) <= 1 and len(sector_edges(sectors)) <= 16
    cells = np.random.default_rng(0).random((2, rings, sectors, 2), dtype=np.float32)
    pooled = pool(cells, in_rings=True)
    np.testing.assert_allclose(pooled.sum(axis=1), cells.sum(axis=(1, 2, 3)), rtol=1e-5)
