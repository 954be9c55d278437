"""Layers that hold all of a shower's energy: their sum, what scatters back, and what leaks out."""

import math

import pytest

torch = pytest.importorskip("torch")

from tests.networks.parts import made_by  # noqa: E402

from caloforge.networks.base import Domain  # noqa: E402
from caloforge.networks.factorised.conversion import Conversion  # noqa: E402
from caloforge.networks.factorised.fit.leakage import leakage  # noqa: E402
from caloforge.networks.factorised.generator import (  # noqa: E402
    FactorisedGenerator,
    FactorisedOptions,
)
from caloforge.networks.factorised.knots import Knots  # noqa: E402
from caloforge.networks.factorised.layers import LayerEnergies  # noqa: E402
from caloforge.networks.factorised.noise import CellNoise  # noqa: E402
from caloforge.networks.factorised.tables import THICK_VERSION, version_of  # noqa: E402

LAYERS, SHOWERS, LEAK = 10, 4000, 2.0
UPRIGHT = (math.pi / 2, math.pi / 2)
DOMAIN = Domain(shape=(9, 9, LAYERS), energy_range_gev=(1.0, 50.0), theta_range_rad=UPRIGHT)
PARTICLE_GEV = 0.01


def crystal():
    """Layer energies and Ep of showers that begin in one of the first layers, scatter a little back
    and lose twice the last layer's energy behind it; all else of the energy they leave."""
    rng = torch.Generator().manual_seed(0)
    energy = 50.0 ** torch.rand(SHOWERS, generator=rng)
    start = (-torch.rand(SHOWERS, 1, generator=rng).log() / 0.8).long().clamp(max=4)
    back = torch.arange(LAYERS) - start
    common = 0.15 * torch.randn(SHOWERS, 1, generator=rng)
    profile = (back + 1.0).clamp(min=0.0) ** 2 * torch.exp(-(0.9 + common) * back)
    shape = profile * torch.exp(0.1 * torch.randn(SHOWERS, LAYERS, generator=rng))
    lost = LEAK * shape[:, -1:]
    kept = shape / (shape.sum(dim=1, keepdim=True) + lost)
    known = 1.0 + 0.003 * torch.randn(SHOWERS, 1, generator=rng)
    scattered = 4e-4 * torch.exp(0.3 * torch.randn(SHOWERS, LAYERS, generator=rng))
    layer_energy = kept * known * energy[:, None]
    return torch.where(back < 0, scattered, layer_energy), energy, start[:, 0]


def of(energy, knots):
    return knots(energy, torch.full_like(energy, math.pi / 2))


@pytest.fixture(scope="module")
def made():
    layer_energy, energy, _ = crystal()
    torch.manual_seed(1)
    knots = Knots(DOMAIN)
    conversion = Conversion(range(LAYERS), knots.size, PARTICLE_GEV, before=4)
    layers = LayerEnergies(LAYERS, 2, 8, knots, local=True, conversion=conversion, draws_sum=True)
    return made_by(layers, layer_energy, energy), layer_energy, energy


def test_the_sum_is_as_narrow_as_it_is_and_falls_with_what_leaks(made):
    """As a sum of ten drawn layers it has ten times that width, before a flow is trained."""
    generated, measured, energy = made
    before_leak = []
    for part in (generated, measured):
        whole = (part.sum(dim=1) + LEAK * part[:, -1]) / energy
        before_leak.append(whole.std().item())
    assert before_leak[0] == pytest.approx(before_leak[1], rel=0.25)
    found, wanted = (
        torch.corrcoef(torch.stack([part.sum(dim=1) / energy, part[:, -1] / energy]))[0, 1].item()
        for part in (generated, measured)
    )
    assert wanted < -0.8
    assert found == pytest.approx(wanted, abs=0.1)


def test_what_scatters_back_is_not_taken_for_a_beginning(made):
    generated, measured, _ = made
    depth = torch.arange(float(LAYERS))
    widths, first = [], []
    for part in (generated, measured):
        widths.append((part @ depth / part.sum(dim=1)).std().item())
        first.append((part[:, 0] < PARTICLE_GEV).float().mean().item())
    assert widths[0] == pytest.approx(widths[1], rel=0.06)
    assert first[0] == pytest.approx(first[1], abs=0.04)


def test_the_leakage_is_found():
    layer_energy, energy, _ = crystal()
    assert leakage(layer_energy, of(energy, Knots(DOMAIN))) == pytest.approx(LEAK, rel=0.1)


def test_a_shower_that_begins_deeper_than_any_place_before_is_kept_whole():
    conversion = Conversion(range(4), 1, above_gev=0.05, before=2)
    layer_energy = torch.tensor([[0.01, 0.02, 0.0, 0.3], [0.01, 0.2, 0.1, 0.0]])
    first = conversion.first(layer_energy)
    assert first.tolist() == [2, 1]
    counted, unknown = conversion.counted(layer_energy)
    assert counted[~unknown].sum() == layer_energy.sum()
    knots = Knots(DOMAIN.model_copy(update={"shape": (9, 9, 4)}))
    conversion = Conversion(range(4), knots.size, above_gev=0.05, before=2)
    conversion.begun.copy_(torch.tensor([0.0, 0.5, 1.0]).expand(knots.size, 3))
    latent = torch.tensor([[0.7], [0.2]])
    assert torch.equal(conversion(latent, counted, of(torch.ones(2), knots)), layer_energy)


def test_cells_follow_those_behind_them_as_often_as_asked():
    """Of those behind that follow no other cell themselves."""
    knots = Knots(DOMAIN)
    shape, chance = (9, 9, LAYERS), 0.2
    condition = of(torch.full((50,), 10.0), knots)
    follows = []
    for sharing in (0.0, chance):
        noise = CellNoise(shape, 0.05, knots, sharing)
        numbers = noise(torch.rand(50, noise.latent_dim), condition)[0]
        same = (numbers[..., :-1] - numbers[..., 1:]).abs() < 1e-5
        follows.append(same[:, :2].float().mean().item())
    assert follows == pytest.approx([0.0, chance * (1 - 2 * 0.05 - chance)], abs=0.03)


@pytest.mark.parametrize(
    "option",
    [{"draws_sum": True}, {"deep_sharing": 0.1}, {"layer_classes": (0.01, 3.0)}],
)
def test_samplers_that_know_only_thin_layers_are_told(option):
    assert version_of(FactorisedGenerator(FactorisedOptions(**option), DOMAIN)) == THICK_VERSION
    assert version_of(FactorisedGenerator(FactorisedOptions(), DOMAIN)) < THICK_VERSION
