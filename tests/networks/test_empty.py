"""Layers without energy: as often as in the sample, together as in the sample."""

import math

import pytest

torch = pytest.importorskip("torch")

from tests.networks.parts import calibrate, expected, measure  # noqa: E402

from caloforge.networks.base import Domain  # noqa: E402
from caloforge.networks.factorised.conversion import FLOOR_GEV  # noqa: E402
from caloforge.networks.factorised.fit.empty import (  # noqa: E402
    SWEEPS,
    censored_at,
    drawn_scores,
    empty_below,
)
from caloforge.networks.factorised.fit.layers import LayerQuantiles  # noqa: E402
from caloforge.networks.factorised.knots import Knots  # noqa: E402
from caloforge.networks.factorised.layers import LayerEnergies  # noqa: E402

LAYERS, SHOWERS = 4, 4000
DOMAIN = Domain(
    shape=(9, 9, LAYERS), energy_range_gev=(1.0, 50.0), theta_range_rad=(math.pi / 2, math.pi / 2)
)


def photons():
    """Layer energies of showers that begin late: the first layers empty, more often at 1 GeV; and
    the condition that they were made for."""
    rng = torch.Generator().manual_seed(0)
    energy = 50.0 ** torch.rand(SHOWERS, generator=rng)
    start = torch.rand(SHOWERS, generator=rng) * (2.5 - 0.4 * energy.log())
    depth = torch.arange(LAYERS)
    fluctuation = torch.randn(SHOWERS, LAYERS, generator=rng)
    layer_energy = 0.003 * energy[:, None] * torch.exp(0.3 * fluctuation)
    layer_energy = torch.where(depth < start[:, None] - 0.5, 0.0, layer_energy)
    return layer_energy, energy


@pytest.fixture(scope="module")
def measured():
    layer_energy, energy = photons()
    torch.manual_seed(1)
    layers = LayerEnergies(LAYERS, 2, 8, Knots(DOMAIN))
    condition = layers.knots(energy, torch.full_like(energy, math.pi / 2))
    showers = [expected(condition, layer_energy=layer_energy)]
    measure(LayerQuantiles([layers], censored=True), showers)
    return layers, layer_energy, condition


def empty(layer_energy):
    return (layer_energy < FLOOR_GEV).double()


def test_layers_are_empty_as_often_as_in_the_sample_at_every_energy(measured):
    layers, layer_energy, condition = measured
    with torch.no_grad():
        made = layers(torch.rand(SHOWERS, layers.latent_dim), condition)
    for rows in (condition.energy < 4, (condition.energy > 4) & (condition.energy < 15)):
        wanted = empty(layer_energy[rows]).mean(dim=0)
        assert wanted.max() > 0.2
        assert empty(made[rows]).mean(dim=0) == pytest.approx(wanted, abs=0.03)


def test_layers_are_empty_together_before_any_flow_is_trained(measured):
    """A photon that has not reached the second layer has not reached the first."""
    layers, layer_energy, condition = measured
    with torch.no_grad():
        made = layers(torch.rand(SHOWERS, layers.latent_dim), condition)
    one, other = empty(made)[:, :2].T
    apart = ((one == 0) & (other == 1)).double().mean()
    assert ((empty(layer_energy)[:, 0] == 0) & (empty(layer_energy)[:, 1] == 1)).sum() == 0
    assert apart < 0.25 * other.mean()


def test_scores_of_empty_layers_lie_where_the_generator_makes_none_and_are_normal(measured):
    layers, layer_energy, condition = measured
    with torch.no_grad():
        uniform = torch.rand(SHOWERS, SWEEPS, LAYERS)
        score = drawn_scores(layers, layer_energy, condition, uniform)
    none = layer_energy < FLOOR_GEV
    assert (score[none] <= empty_below(layers, condition)[none]).all()
    assert score.mean(dim=0) == pytest.approx(torch.zeros(LAYERS), abs=0.06)
    assert score.std(dim=0) == pytest.approx(torch.ones(LAYERS), abs=0.06)


def test_filled_layers_have_the_scores_that_the_generator_makes_them_of(measured):
    layers, layer_energy, condition = measured
    filled = layer_energy >= FLOOR_GEV
    with torch.no_grad():
        scores = layers.scores(layer_energy.clamp(min=FLOOR_GEV), condition)
    above = empty_below(layers, condition)
    assert (scores[filled] >= above[filled] - 1e-3).all()


def test_a_layer_that_no_shower_reaches_stays_empty(measured):
    _, layer_energy, condition = measured
    layer_energy = layer_energy.clone()
    layer_energy[:, -1] = 0.0
    layers = LayerEnergies(LAYERS, 2, 8, Knots(DOMAIN))
    showers = [expected(condition, layer_energy=layer_energy)]
    measure(LayerQuantiles([layers], censored=True), showers)
    calibrate(layers, layer_energy, condition)
    with torch.no_grad():
        made = layers(torch.rand(SHOWERS, layers.latent_dim), condition)
    assert torch.isfinite(made).all()
    assert (made[:, -1] == 0).all()


@pytest.fixture
def steep():
    """Forty showers at one end of the energies, whose layers fall steeply: far from them the trend
    alone speaks."""
    rng = torch.Generator().manual_seed(5)
    energy = 30.0 + 20.0 * torch.rand(40, generator=rng)
    layer_energy = energy[:, None] * 0.003 * (40.0 / energy[:, None]) ** 6 * torch.ones(1, LAYERS)
    layers = LayerEnergies(LAYERS, 2, 8, Knots(DOMAIN))
    return layers, layer_energy, layers.knots(energy, torch.full_like(energy, math.pi / 2))


def test_the_trend_of_few_showers_makes_no_energy_that_none_has(steep):
    table = censored_at(*steep)
    _, layer_energy, condition = steep
    largest = (layer_energy / condition.energy[:, None]).max().log()
    assert table.max() <= largest + 1e-5
    assert table.max() > largest - 1.0


def test_nor_does_it_where_empty_layers_are_a_lump(steep):
    """There no layer has more than Ep, as the tables of older recipes reach above the largest."""
    layers, layer_energy, condition = steep
    measure(LayerQuantiles([layers]), [expected(condition, layer_energy=layer_energy)])
    assert layers.quantiles.max() <= 0.0
