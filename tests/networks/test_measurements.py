"""The laws of what is measured: twice is once, and an earlier measurement leaves no trace."""

import copy
import math

import pytest

torch = pytest.importorskip("torch")

from caloforge.networks.base import Domain  # noqa: E402
from caloforge.networks.factorised.fit.expectation import expect  # noqa: E402
from caloforge.networks.factorised.fit.impact import ImpactEncoder  # noqa: E402
from caloforge.networks.factorised.fit.layers import LayerQuantiles  # noqa: E402
from caloforge.networks.factorised.fit.measurement import measured_parts  # noqa: E402
from caloforge.networks.factorised.generator import (  # noqa: E402
    FactorisedGenerator,
    FactorisedOptions,
)
from caloforge.networks.objective import Batch  # noqa: E402

DOMAIN = Domain(
    shape=(9, 13, 4),
    energy_range_gev=(10.0, 500.0),
    theta_range_rad=(math.radians(60), math.radians(120)),
    layer_depths_pads=(0.5, 1.5, 3.0, 4.0),
)
SHOWERS = 400
PARTS = ("layers", "deposits", "halo", "noise", "tilt")


@pytest.fixture(scope="module")
def before():
    """A generator that knows the quantiles of the layers, and what it expects of showers."""
    torch.manual_seed(0)
    options = FactorisedOptions(flow_steps=2, flow_width=8, rings=4, window=(5, 5))
    generator = FactorisedGenerator(options, DOMAIN)
    energy = 10.0 * 50.0 ** torch.rand(SHOWERS)
    theta = torch.deg2rad(60 + 60 * torch.rand(SHOWERS))
    distance = torch.hypot(torch.arange(9.0)[:, None] - 4, torch.arange(13.0) - 6)
    layers = torch.tensor([0.2, 0.6, 0.8, 0.4])
    rate = torch.exp(-distance)[None, :, :, None] * energy[:, None, None, None] * layers
    cells = 3e-4 * torch.poisson(rate)
    with torch.no_grad():
        encoder = ImpactEncoder(DOMAIN, generator.knots)
        expected = expect(generator, encoder, Batch(cells, energy, theta))
        quantiles = LayerQuantiles([generator.layers])
        quantiles.add(expected)
        quantiles.apply()
    return generator, expected, encoder


def measured(generator, expected, encoder, name):
    """The generator's state after one part, or all of them up to it, have been measured."""
    torch.manual_seed(1)
    parts = measured_parts(generator, encoder)
    chosen = [parts[part] for part in list(parts)[: list(parts).index(name) + 1]]
    with torch.no_grad():
        for part in chosen:
            part.reset()
        for part in chosen:
            part.add(expected)
        for part in chosen:
            part.apply()
    return copy.deepcopy(generator.state_dict())


@pytest.mark.parametrize("name", PARTS)
def test_measuring_twice_gives_what_measuring_once_gives(before, name):
    generator, expected, encoder = copy.deepcopy(before[0]), *before[1:]
    once = measured(generator, expected, encoder, name)
    twice = measured(generator, expected, encoder, name)
    assert any(not torch.equal(value, before[0].state_dict()[key]) for key, value in once.items())
    for key, value in once.items():
        assert torch.equal(value, twice[key]), key


def test_the_state_of_a_measurement_goes_on_where_it_was(before):
    generator, expected, encoder = before
    first, second = (measured_parts(copy.deepcopy(generator), encoder) for _ in range(2))
    for name, part in first.items():
        part.add(expected)
        second[name].load_state_dict(part.state_dict())
        part.add(expected)
        second[name].add(expected)
        torch.manual_seed(2)
        part.apply()
        torch.manual_seed(2)
        second[name].apply()
    one, other = first["tilt"].generator.state_dict(), second["tilt"].generator.state_dict()
    assert all(torch.equal(value, other[key]) for key, value in one.items())


def test_a_halo_without_hits_stays_empty(before):
    generator, expected = copy.deepcopy(before[0]), before[1]
    cells = torch.zeros_like(expected.showers.cells)
    halo = measured_parts(generator, before[2])["halo"]
    halo.add(expected._replace(showers=Batch(cells, *expected.condition[:2])))
    halo.apply()
    assert (generator.halo.per_gev == 0).all() and torch.isfinite(generator.halo.deposit).all()


def test_the_core_is_given_the_memory_that_other_showers_have(before):
    """Half of it is hidden by the layers' energies; the showers that say so are generated."""
    generator, expected, encoder = copy.deepcopy(before[0]), *before[1:]
    energy = torch.full((2000,), 50.0)
    theta = torch.full((2000,), math.pi / 2)
    torch.manual_seed(3)
    measured(generator, expected, encoder, "halo")
    core = measured_parts(generator, encoder)["noise"]
    with torch.no_grad():
        generator.noise.core.share[:, 1, 1] = 0.7
        cells = generator(generator.draw_latent(2000), energy, theta)
        core.reset()
        core.add(expect(generator, encoder, Batch(cells, energy, theta)))
        core.apply()
    share = generator.noise.core.share
    of_knots = generator.knots(energy[:1], theta[:1]).weights[0]
    assert of_knots @ share[:, 1, 1] == pytest.approx(0.7, abs=0.15)
    assert of_knots @ share[:, 0, 0] < 0.2


@pytest.mark.parametrize("prior", [0.0, 10.0])
def test_a_hit_where_nothing_is_expected_makes_no_rate_of_millions_with_a_prior(before, prior):
    """In a layer that few showers of a small sample reach, one hit in the halo says little."""
    generator, expected = copy.deepcopy(before[0]), before[1]
    beside, cells = expected.beside.clone(), expected.showers.cells.clone()
    beside[:, 0] = 1e-13
    cells[..., 0] = 0.0
    cells[0, 0, 0, 0] = 3e-4
    expected = expected._replace(beside=beside, showers=Batch(cells, *expected.condition[:2]))
    halo = measured_parts(generator, before[2], prior)["halo"]
    with torch.no_grad():
        halo.reset()
        halo.add(expected)
        halo.apply()
    usual = generator.halo.per_gev[:, 1:].max()
    assert torch.isfinite(generator.halo.per_gev).all()
    assert (generator.halo.per_gev[:, 0].max() > 1000 * usual) == (prior == 0)


@pytest.mark.parametrize("prior", [0.0, 10.0])
def test_a_handful_of_hits_beside_the_window_are_what_the_halo_makes(before, prior):
    """The table has many more places than there are hits, as of muons: none stays empty."""
    generator, expected = copy.deepcopy(before[0]), before[1]
    cells = torch.zeros_like(expected.showers.cells)
    deposits = torch.tensor([1e-4, 2e-4, 9e-4])
    cells[0, 0, 0, 0], cells[1, -1, 0, 1], cells[2, 0, -1, 2] = deposits
    halo = measured_parts(generator, before[2], prior)["halo"]
    with torch.no_grad():
        halo.reset()
        halo.add(expected._replace(showers=Batch(cells, *expected.condition[:2])))
        halo.apply()
    made = generator.halo.deposit
    assert torch.isfinite(made).all()
    assert (made > 0).all()
    ratio = made[-1] / made[0]
    assert ratio.item() == pytest.approx(9.0)
