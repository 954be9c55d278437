"""Showers that lean anywhere in the native sampler: as the network's, step by step and whole."""

from itertools import pairwise

import numpy as np
import pytest

torch = pytest.importorskip("torch")
native = pytest.importorskip("caloforge_native", reason="caloforge-native is not built")

from caloforge.beam import Conditions  # noqa: E402
from caloforge.engine import read_card  # noqa: E402
from caloforge.generate import load  # noqa: E402
from caloforge.networks.factorised.knots import unit_vectors  # noqa: E402
from caloforge.networks.factorised.layers import normal_from_uniform  # noqa: E402
from caloforge.ranges import draw  # noqa: E402
from caloforge.zoo import model_path  # noqa: E402
from tests.flights import off_the_flight  # noqa: E402
from tests.native.conftest import network_of  # noqa: E402

SHOWERS = 16
PATH = model_path("clic_ecal_angle")


@pytest.fixture(scope="module")
def sampler():
    return native.Sampler(str(PATH))


def conditions(n, lowest=2.0):
    rng = np.random.default_rng(3)
    energy = np.geomspace(lowest, 500.0, n).astype(np.float32)
    theta = rng.uniform(*read_card(PATH).theta_range_rad, n).astype(np.float32)
    return energy, theta, rng.uniform(-3.0, 3.0, n).astype(np.float32)


@pytest.mark.parametrize("instructions", native.instruction_sets())
@pytest.mark.parametrize("kind", ["bundled", "inclined", "whole_inclined", "thick_inclined"])
def test_the_pattern_is_the_network_s(kind, instructions, toy_file):
    path = PATH if kind == "bundled" else toy_file(kind)
    sampler = native.Sampler(str(path))
    energy, theta, phi = conditions(SHOWERS, 10.0)
    numbers = np.random.default_rng(4).random((SHOWERS, sampler.numbers), dtype=np.float32)
    made = native.Maker(sampler, instructions).trace(energy, theta, numbers, phi=phi)
    made = {name: torch.from_numpy(values) for name, values in made.items()}
    network, layer_energy = network_of(path), made["layer_energy"]
    with torch.no_grad():
        condition = network.knots(*map(torch.from_numpy, (energy, theta)))
        toward = unit_vectors(torch.from_numpy(phi))
        for_axis = torch.from_numpy(numbers[:, sampler.flow_numbers :])
        for_impact, tilt = for_axis[:, :2], normal_from_uniform(for_axis[:, 2:4])[:, :1]
        axis = network.axis(for_impact - 0.5, layer_energy, condition, tilt, toward)
        middle = torch.stack([network.axis.aside(axis), network.axis.centre(axis)], dim=2)
        expected, beside, _ = network.pattern.aslant(layer_energy, condition, axis - middle, toward)
    scale = layer_energy[:, None, None].clamp(min=1e-9)
    close = torch.testing.assert_close
    close(made["axis_y"], axis[..., 1], rtol=0.0, atol=2e-5)
    close(made["expected"] / scale, expected / scale, rtol=1e-4, atol=2e-5)
    close(made["beside"] / scale[:, 0, 0], beside / scale[:, 0, 0], rtol=1e-4, atol=2e-6)


def test_every_instruction_set_makes_the_same_showers(sampler):
    energy, theta, phi = conditions(40)
    first, *others = (
        native.Maker(sampler, each).make(5, 0, energy, theta, None, phi)
        for each in native.instruction_sets()
    )
    for other in others:
        assert all(np.array_equal(*pair) for pair in zip(first, other, strict=True))
    offsets, cell, deposit = first
    for start, stop in pairwise(offsets):
        assert np.all(np.diff(cell[start:stop].astype(int)) > 0)
    assert deposit.min() >= 1e-8


def test_a_shower_is_the_same_in_any_batch(sampler):
    """Those along y stay what they are beside others, and the others know nothing of each other."""
    energy, theta, phi = conditions(40)
    phi[::3] = np.pi / 2
    maker = native.Maker(sampler)
    offsets, cell, deposit = maker.make(5, 0, energy, theta, None, phi)
    cell, deposit = cell.copy(), deposit.copy()
    for row in (0, 1, 2, 39):
        asked = [each[row : row + 1] for each in (energy, theta, phi)]
        straight = phi[row] == np.float32(np.pi / 2)
        alone = maker.make(5, row, *asked[:2], None, None if straight else asked[2])
        hits = slice(offsets[row], offsets[row + 1])
        assert np.array_equal(alone[1], cell[hits]) and np.array_equal(alone[2], deposit[hits])
    with pytest.raises(ValueError, match="phi must have one value a shower"):
        maker.make(5, 0, energy, theta, None, phi[:3])
    with pytest.raises(ValueError, match="phi in rad 40 is outside"):
        maker.make(5, 0, energy[:1], theta[:1], None, np.float32([40]))


def moments(showers):
    """Hits, energy far from the middle, and of the energy's places the means and the covariance."""
    cells = showers.cells.astype(np.float64)
    place = np.arange(cells.shape[1]) - cells.shape[1] // 2
    early = cells[..., :8].sum(axis=3)
    total = early.sum(axis=(1, 2))
    x, y = early.sum(axis=2) @ place / total, early.sum(axis=1) @ place / total
    far = np.hypot(place[:, None], place) > 11
    return np.stack([
        (cells > 0).sum(axis=(1, 2, 3)), (cells[:, far] > 0).sum(axis=(1, 2)), x, y,
        np.einsum("nxy,x,y->n", early, place, place) / total - x * y,
        early.sum(axis=2) @ place**2 / total - x * x,
    ])  # fmt: skip


def test_showers_are_as_the_graph_s():
    asked = Conditions.of(np.full(300, 50.0), np.radians(62), np.radians(50))
    found = [
        moments(load(PATH, runtime=runtime, threads=1).sample(asked, seed=2))
        for runtime in ("onnx", "native")
    ]
    error = np.hypot(*(each.std(axis=1) for each in found)) / np.sqrt(300)
    off = (found[1].mean(axis=1) - found[0].mean(axis=1)) / error
    assert np.abs(off).max() < 4
    assert found[0].mean(axis=1)[2] < -1  # pads along x: they do lean


def test_impacts_are_followed_anywhere():
    asked = draw(200, "50", "65", "0:360", "-2.55:2.55,-2.55:2.55", seed=1)
    showers = load(PATH, runtime="native", threads=1).sample(asked, seed=2)
    for off in off_the_flight(showers).T:
        assert abs(off.mean()) < 0.2 and off.std() < 0.9
