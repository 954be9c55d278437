"""Faint layers have as many hits as Geant4's, and the energy that the halo leaves them."""

import math

import pytest

torch = pytest.importorskip("torch")

from tests.networks.parts import expected, measure, set_deposits, set_quantiles  # noqa: E402

from caloforge.networks.base import Domain  # noqa: E402
from caloforge.networks.factorised.deposits import CLASSES, EXPECTATIONS, SILICON  # noqa: E402
from caloforge.networks.factorised.fit.hit_numbers import (  # noqa: E402
    HitNumberMeasurement,
    chances,
)
from caloforge.networks.factorised.generator import (  # noqa: E402
    FactorisedGenerator,
    FactorisedOptions,
    scale_to_layers,
)
from caloforge.networks.factorised.hit_numbers import HitNumbers  # noqa: E402
from caloforge.networks.factorised.knots import Knots  # noqa: E402

LAYERS, SHOWERS = 5, 4000
UPRIGHT = math.pi / 2
DOMAIN = Domain(
    shape=(9, 9, LAYERS), energy_range_gev=(1.0, 50.0), theta_range_rad=(UPRIGHT, UPRIGHT)
)


def generator(**options):
    """A generator with toy tables, half of whose layers have more than 0.8 MeV, half less."""
    torch.manual_seed(0)
    network = FactorisedGenerator(
        FactorisedOptions(
            flow_steps=2, flow_width=8, rings=4, pattern_width=8, counted_hits=True, **options
        ),
        DOMAIN,
    )
    energy = 50.0 ** torch.rand(SHOWERS)
    layer_energy = 8e-4 * torch.exp(0.4 * torch.randn(SHOWERS, LAYERS))
    set_quantiles(network.layers, layer_energy, energy, torch.full_like(energy, UPRIGHT))
    set_deposits(network.deposits)
    return network.eval().requires_grad_(False)


def condition_of(network, energy):
    return network.knots(energy, torch.full_like(energy, UPRIGHT))


def wanted(layer_energy, energy):
    """One hit below 0.8 MeV; above two, of showers of less than 7 GeV, or six."""
    more = torch.where(energy[:, None] < 7.0, 2, 6)
    return torch.where(layer_energy < 8e-4, 1, more)


def counted(network):
    """The network, whose numbers of hits are measured on showers that have those wanted."""
    energy = 50.0 ** torch.rand(SHOWERS)
    layer_energy = 8e-4 * torch.exp(0.4 * torch.randn(SHOWERS, LAYERS))
    hits = wanted(layer_energy, energy)
    place = torch.argsort(torch.argsort(torch.rand(SHOWERS, 81, LAYERS), dim=1), dim=1)
    cells = torch.where(place < hits[:, None], (layer_energy / hits)[:, None], 0.0)
    showers = expected(condition_of(network, energy), window=cells.view(SHOWERS, 9, 9, LAYERS))
    measurement = HitNumberMeasurement(network.hit_numbers, network.deposits)
    measure(measurement, [showers])
    measurement.load_state_dict(measurement.state_dict())
    measurement.apply()
    return network


def test_faint_layers_have_the_hits_that_were_measured_for_their_energy():
    torch.manual_seed(3)
    network = counted(generator())
    energy = 50.0 ** torch.rand(SHOWERS)
    made = network.make(network.draw_latent(SHOWERS), energy, torch.full_like(energy, UPRIGHT))
    hits, should = (made.cells > 0).sum(dim=(1, 2)), wanted(made.layer_energy, energy)
    far_in_ep = (energy[:, None] / 7.0).log().abs() > 1.0
    border = ((made.layer_energy / 8e-4).log().abs() < 0.3) | ~far_in_ep
    bright = made.layer_energy > network.hit_numbers.limit_gev
    assert (hits == should)[~border & ~bright].float().mean() > 0.94
    assert (hits == should)[bright].float().mean() < 0.5
    total = made.cells.sum(dim=(1, 2)) / made.layer_energy
    assert ((total - 1.0).abs() < 1e-5).float().mean() > 0.999


def test_cells_come_first_whose_quantiles_have_small_odds_for_their_chance():
    torch.manual_seed(1)
    numbers = HitNumbers(LAYERS, Knots(DOMAIN), SILICON)
    numbers.chance.copy_(torch.linspace(1e-4, 0.9, CLASSES * EXPECTATIONS))
    quantile, row = torch.rand(400, 9, 9, LAYERS), torch.randint(0, 1000, (400, 9, 9, LAYERS))
    number = torch.randint(1, 13, (400, LAYERS)).float()
    factor = numbers.factors(quantile, row, number)
    chance = numbers.chance[row]
    relative = quantile / (1 - quantile) * (1 - chance) / chance
    below = (relative < factor[:, None, None]).sum(dim=(1, 2))
    assert (below <= number).all()
    assert (below == number).float().mean() > 0.95


def test_if_one_cell_is_hit_it_is_that_which_always_is():
    """Of one cell with a chance of 0.98 and 80 with 0.01, if one is hit: of independent ones the
    first in 49 / (49 + 80 / 99) of the times; by quantiles over chances alone it were in 0.7."""
    torch.manual_seed(2)
    numbers = HitNumbers(1, Knots(DOMAIN), SILICON)
    numbers.chance.fill_(0.01)
    numbers.chance[7] = 0.98
    quantile, row = torch.rand(20_000, 9, 9, 1), torch.zeros(20_000, 9, 9, 1)
    row[:, 4, 4] = 7.0
    factor = numbers.factors(quantile, row, torch.ones(20_000, 1))[:, None, None]
    divided = quantile / (quantile + factor * (1.0 - quantile))
    hit = divided < numbers.chance[row.long()]
    alone = hit.sum(dim=(1, 2)) == 1
    assert alone.float().mean() > 0.97
    assert 0.93 < hit[:, 4, 4][alone].float().mean() < 0.99


def test_layers_that_are_counted_have_what_the_halo_leaves():
    deposit = torch.tensor([1e-4, 3e-4]).view(1, 1, 2, 1).expand(2, 1, 2, 2)
    layer_energy, beside = torch.full((2, 2), 1e-3), torch.full((2, 2), 2e-4)
    alone = torch.tensor([[True, False], [False, False]])
    cells, scale = scale_to_layers(deposit, layer_energy, beside, alone)
    torch.testing.assert_close(cells[0, 0, :, 0], torch.tensor([2e-4, 6e-4]))
    torch.testing.assert_close(cells.sum(dim=(1, 2)) + beside * torch.where(alone, 1.0, scale),
                               layer_energy)  # fmt: skip


def test_chances_are_those_of_the_deposits():
    network = generator()
    chance = chances(network.deposits.table)[:EXPECTATIONS].double()
    mean = 10 ** (torch.arange(EXPECTATIONS, dtype=torch.float64) / 8 - 8)
    torch.testing.assert_close(chance, 1 - torch.exp(-mean / 3e-4), rtol=0.12, atol=1e-6)
