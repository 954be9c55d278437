"""Showers that begin late: where they do, and what follows from there, is as in the sample."""

import math

import pytest

torch = pytest.importorskip("torch")

from tests.networks.parts import calibrate, expected, measure  # noqa: E402

from caloforge.errors import ConfigError  # noqa: E402
from caloforge.networks.base import Domain  # noqa: E402
from caloforge.networks.factorised.conversion import counted, first_layer  # noqa: E402
from caloforge.networks.factorised.fit.layers import LayerQuantiles  # noqa: E402
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


@pytest.fixture(scope="module")
def made():
    layer_energy, energy = photons()
    torch.manual_seed(1)
    layers = LayerEnergies(LAYERS, 2, 8, Knots(DOMAIN), local=True, converts=True)
    condition = layers.knots(energy, torch.full_like(energy, math.pi / 2))
    measure(
        LayerQuantiles([layers], censored=True), [expected(condition, layer_energy=layer_energy)]
    )
    calibrate(layers, layer_energy, condition)
    with torch.no_grad():
        return layers(torch.rand(SHOWERS, layers.latent_dim), condition), layer_energy, energy


def depth(layer_energy):
    return layer_energy @ torch.arange(float(LAYERS)) / layer_energy.sum(dim=1)


def test_showers_begin_where_they_do_in_the_sample_at_every_energy(made):
    generated, measured, energy = made
    for rows in (energy < 5, energy > 10):
        first, wanted = (
            torch.bincount(first_layer(part[rows]), minlength=LAYERS) / rows.sum()
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
    energies, beyond = counted(cells)
    assert torch.equal(energies[0], torch.tensor([0.3, 0.1, 0.0, 0.0]))
    assert torch.equal(energies[1:], cells[1:])
    assert beyond.sum(dim=1).tolist() == [2, 0, 0]


def test_what_begins_late_has_no_lump_of_empty_layers():
    generator = FactorisedGenerator(FactorisedOptions(conversion=True), DOMAIN)
    plan = TrainingPlan(DOMAIN, 3, 1, 8)
    with pytest.raises(ConfigError, match="empty_layers"):
        FactorisedObjective(FitOptions(), generator, plan)
