"""Showers that begin late: where they do, and what follows from there, is as in the sample."""

import math

import pytest

torch = pytest.importorskip("torch")

from tests.networks.parts import made_by  # noqa: E402

from caloforge.errors import ConfigError  # noqa: E402
from caloforge.networks.base import Domain  # noqa: E402
from caloforge.networks.factorised.conversion import Conversion, first_layer  # noqa: E402
from caloforge.networks.factorised.fit.objective import FactorisedObjective, FitOptions  # noqa: E402
from caloforge.networks.factorised.generator import (  # noqa: E402
    FactorisedGenerator,
    FactorisedOptions,
)
from caloforge.networks.factorised.knots import Knots  # noqa: E402
from caloforge.networks.factorised.layers import LayerEnergies  # noqa: E402
from caloforge.networks.objective import TrainingPlan  # noqa: E402

LAYERS, SHOWERS = 8, 4000
UPRIGHT = (math.pi / 2, math.pi / 2)
DOMAIN = Domain(shape=(9, 9, LAYERS), energy_range_gev=(1.0, 50.0), theta_range_rad=UPRIGHT)
PROFILE = (1.0, 4.0, 6.0, 4.0, 2.0, 1.0, 0.5, 0.25)


def photons():
    """Layer energies of showers that are alike from the layer on in which they begin."""
    rng = torch.Generator().manual_seed(0)
    energy = 50.0 ** torch.rand(SHOWERS, generator=rng)
    start = (-torch.rand(SHOWERS, generator=rng).log() / (0.5 + 0.2 * energy.log())).long()
    start = start.clamp(max=5)
    back = torch.arange(LAYERS) - start[:, None]
    common = 0.2 * torch.randn(SHOWERS, 1, generator=rng)
    fluctuation = common + 0.1 * torch.randn(SHOWERS, LAYERS, generator=rng)
    profile = torch.tensor(PROFILE)[back.clamp(min=0)] * 0.002
    layer_energy = profile * energy[:, None] * torch.exp(fluctuation)
    return torch.where(back < 0, 0.0, layer_energy), energy


@pytest.fixture(scope="module", params=[range(LAYERS), (0, 1, 2, 3, 5, 7)])
def made(request):
    """Showers that were made, and those of the sample, in layers at these depths."""
    places = request.param
    layer_energy, energy = photons()
    layer_energy = layer_energy[:, list(places)]
    torch.manual_seed(1)
    knots = Knots(DOMAIN)
    conversion = Conversion(places, knots.size)
    layers = LayerEnergies(len(places), 2, 8, knots, local=True, conversion=conversion)
    return made_by(layers, layer_energy, energy), layer_energy, energy


def depth(layer_energy):
    layers = layer_energy.shape[1]
    return layer_energy @ torch.arange(float(layers)) / layer_energy.sum(dim=1)


def test_showers_begin_where_they_do_in_the_sample_at_every_energy(made):
    generated, measured, energy = made
    for rows in (energy < 5, energy > 10):
        first, wanted = (
            torch.bincount(first_layer(part[rows]), minlength=measured.shape[1]) / rows.sum()
            for part in (generated, measured)
        )
        assert torch.allclose(first, wanted, atol=0.04)


def test_depth_fluctuates_as_in_the_sample(made):
    """Without the layer of the conversion it has 0.8 of that width before a flow is trained."""
    generated, measured, _ = made
    assert depth(generated).std().item() == pytest.approx(depth(measured).std().item(), rel=0.04)


def test_what_follows_is_as_in_the_sample_wherever_the_shower_began(made):
    generated, measured, _ = made
    for layer in range(3):
        found, wanted = (
            depth(part[first_layer(part) == layer]).mean().item() for part in (generated, measured)
        )
        assert found == pytest.approx(wanted, abs=0.06)


def test_layers_are_counted_from_the_first_with_energy():
    cells = torch.tensor([[0.0, 0.0, 0.3, 0.1], [0.2, 0.0, 0.1, 0.0], [0.0, 0.0, 0.0, 0.0]])
    energies, beyond = Conversion(range(4), knots=1).counted(cells)
    assert torch.equal(energies[0], torch.tensor([0.3, 0.1, 0.0, 0.0]))
    assert torch.equal(energies[1:], cells[1:])
    assert beyond.sum(dim=1).tolist() == [2, 0, 0]


def test_layers_that_are_not_alike_are_counted_in_steps_of_depth():
    cells = torch.tensor([[0.0, 0.4, 0.3, 0.1], [0.2, 0.0, 0.1, 0.05]])
    energies, unknown = Conversion((0, 1, 3, 4), knots=1).counted(cells)
    assert torch.equal(energies[0], torch.tensor([0.4, 0.0, 0.3, 0.1, 0.0]))
    assert torch.equal(energies[1], torch.tensor([0.2, 0.0, 0.0, 0.1, 0.05]))
    assert torch.nonzero(unknown).tolist() == [[0, 1], [0, 4], [1, 2]]


@pytest.mark.parametrize("places", [(0, 1), tuple(range(1, LAYERS + 1)), (0, 1, 1, *range(2, 7))])
def test_places_are_one_for_each_layer_and_rise_from_the_first(places):
    options = FactorisedOptions(conversion=True, layer_places=places)
    with pytest.raises(ConfigError, match="layer_places must rise from 0"):
        FactorisedGenerator(options, DOMAIN)


def test_what_begins_late_has_no_lump_of_empty_layers():
    generator = FactorisedGenerator(FactorisedOptions(conversion=True), DOMAIN)
    plan = TrainingPlan(DOMAIN, 3, 1, 8)
    with pytest.raises(ConfigError, match="empty_layers"):
        FactorisedObjective(FitOptions(), generator, plan)
