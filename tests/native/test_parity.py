"""Each step of the native sampler against the network's, with equal random numbers."""

import math
from functools import cache

import numpy as np
import pytest

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")
native = pytest.importorskip("caloforge_native", reason="caloforge-native is not built")

from caloforge.engine import read_card  # noqa: E402
from caloforge.networks.factorised.layers import normal_from_uniform  # noqa: E402
from caloforge.networks.factorised.rings import noise as ring_noise  # noqa: E402
from caloforge.networks.factorised.rings.noise import RingNoise  # noqa: E402
from caloforge.networks.factorised.tables import TABLES_KEY  # noqa: E402
from tests.native.conftest import network_of  # noqa: E402

SHOWERS = 16


@pytest.fixture
def steps(model):
    """What sampler and network make of the same numbers."""
    return steps_of(model)


@cache
@torch.no_grad()
def steps_of(path):
    network, card = network_of(path), read_card(path)
    sampler = native.Sampler(str(path))
    rng = np.random.default_rng(3)
    energy = np.geomspace(*card.energy_range_gev, SHOWERS).astype(np.float32)
    theta = rng.uniform(*card.theta_range_rad, SHOWERS).astype(np.float32)
    numbers = rng.random((SHOWERS, sampler.numbers), dtype=np.float32)
    window = (*network.axis.window, card.cell_shape[2])
    for_cells = rng.integers(0, 2**32, (SHOWERS, *window), dtype=np.uint32)
    made = native.Maker(sampler).trace(energy, theta, numbers, for_cells)
    made = {name: torch.from_numpy(values) for name, values in made.items()}
    condition = network.knots(torch.from_numpy(energy), torch.from_numpy(theta))
    flow = sampler.flow_numbers
    beginning, centre = int(network.layers.conversion is not None), 2 * network.axis.moves_centre
    of_hits = 0 if network.hit_numbers is None else network.hit_numbers.latent_dim
    field = sampler.numbers - flow - 4 - beginning - centre - of_hits
    for_flow, for_impact, for_tilt, for_beginning, for_centre, for_field, for_hits = torch.split(
        torch.from_numpy(numbers), [flow, 2, 2, beginning, centre, field, of_hits], dim=1
    )
    for_layers = torch.cat([for_flow, for_beginning], dim=1)
    layer_energy = network.layers(for_layers, condition)
    tilt = normal_from_uniform(for_tilt)[:, :1] if network.knots.inclined else None
    impact = network.axis.entered(for_impact - 0.5)
    axis = network.axis(impact, made["layer_energy"], condition, tilt)
    expected, beside, larger = network.expected(
        made["layer_energy"], condition, axis, network.axis.centre(axis)
    )
    quantile = torch.from_numpy(((for_cells >> 8) * 2.0**-24).astype(np.float32))
    dither = torch.from_numpy((((for_cells & 255) + 0.5) / 256).astype(np.float32))
    row = network.deposits.rows(made["expected"], made["layer_energy"], condition, dither, larger)
    deposit = made["expected"] * network.deposits.ratio(row, quantile)
    rate = None if network.halo is None else network.halo.rate(made["beside"], condition)
    weights, _ = network.pattern.weights(made["layer_energy"], condition)
    return made, {
        "layer_energy": layer_energy, "weights": weights, "axis_y": axis[..., 1],
        "expected": expected, "beside": beside, "deposit": deposit, "rate": rate,
        "missed": network.axis.missed(for_centre, condition),
        "field": field_of(network.noise, for_field, condition),
        "size": larger,
        **counted_by(network, made, condition, (quantile, row), for_hits, larger, by_odds(path)),
    }  # fmt: skip


def by_odds(path):
    """Whether a file says that cells come first by the odds of their quantiles."""
    described = next(p.value for p in onnx.load(path).metadata_props if p.key == TABLES_KEY)
    return int(described.split(maxsplit=2)[1]) >= 10


def counted_by(network, made, condition, asked, for_hits, larger, ordered):
    """Numbers of hits, and factors of the quantiles, as the network has them for whole layers."""
    numbers, layer_energy = network.hit_numbers, made["layer_energy"]
    if numbers is None:
        return {"number": None}
    number = numbers.numbers(layer_energy, condition, for_hits, larger)
    factor = numbers.factors(*asked, made["number"]) if ordered else made["factor"]
    return {"number": number, "factor": factor}


def field_of(noise, uniform, condition):
    """Chances (N, X, Y, Z) from the normal numbers of a field in rings, as the network has them."""
    if not isinstance(noise, RingNoise):
        return None
    slow = normal_from_uniform(uniform)[:, : -noise.field.shape[2]]
    latent = torch.cat([torch.zeros(len(slow), noise.field.fast), slow], dim=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ring_noise, "normal_from_uniform", lambda normal: normal)
        return noise.field(latent, condition)


def test_steps_agree_with_the_network(steps):
    made, wanted = steps
    layer_energy = wanted["layer_energy"]
    close = torch.testing.assert_close
    close(made["layer_energy"], layer_energy, rtol=2e-4, atol=1e-7)
    close(made["weights"], wanted["weights"], rtol=0.0, atol=6e-5)
    close(made["axis_y"], wanted["axis_y"], rtol=0.0, atol=2e-5)
    if wanted["size"] is not None:
        close(made["size"], wanted["size"], rtol=0.0, atol=1e-4)
        assert made["size"].std() > 0.1
    if wanted["missed"] is not None:
        close(made["missed"], wanted["missed"], rtol=1e-5, atol=1e-6)
        assert made["missed"].abs().max() > 0.1
    scale = layer_energy[:, None, None].clamp(min=1e-9)
    close(made["expected"] / scale, wanted["expected"] / scale, rtol=1e-4, atol=1e-6)
    close(made["beside"] / scale[:, 0, 0], wanted["beside"] / scale[:, 0, 0], rtol=1e-4, atol=2e-6)


def test_the_field_in_rings_is_the_network_s(steps):
    made, wanted = steps
    if wanted["field"] is None:
        assert not made["field"].any()
        return
    chance = 0.5 + 0.5 * torch.erf(made["field"] * math.sqrt(0.5))
    torch.testing.assert_close(chance, wanted["field"], rtol=0.0, atol=1e-6)
    assert chance.std() > 0.05


def test_deposits_and_halo_rates_agree_with_the_network(steps):
    made, wanted = steps
    difference = (made["deposit"] - wanted["deposit"]).abs()
    other_row = difference > 1e-4 * wanted["deposit"] + 1e-9
    assert other_row.float().mean() < 2e-4
    assert (made["deposit"] > 0).any()
    if wanted["rate"] is not None:
        torch.testing.assert_close(made["rate"], wanted["rate"], rtol=1e-4, atol=1e-5)
        assert (made["rate"] > 0).any()


def test_hits_of_faint_layers_are_counted_as_the_network_counts_them(steps):
    made, wanted = steps
    if wanted["number"] is None:
        assert not made["number"].any()
        return
    for name in ("number", "factor"):
        assert torch.isclose(made[name], wanted[name], rtol=1e-3).float().mean() > 0.98
    assert made["number"].unique().numel() > 5
