"""One network that weighs the Gaussians in all layers: what few showers can teach."""

import math

import pytest

torch = pytest.importorskip("torch")

from caloforge.networks.base import Domain  # noqa: E402
from caloforge.networks.factorised.generator import (  # noqa: E402
    FactorisedGenerator,
    FactorisedOptions,
)
from caloforge.networks.factorised.knots import Knots  # noqa: E402
from caloforge.networks.factorised.pattern import LateralMixture  # noqa: E402

LAYERS, NUMBER, FEW = 12, 4, 48
DOMAIN = Domain(
    shape=(9, 9, LAYERS), energy_range_gev=(1.0, 50.0), theta_range_rad=(math.pi / 2, math.pi / 2)
)
KNOTS = Knots(DOMAIN)


def showers(n, seed):
    """Layer energies whose maximum lies anywhere, and the Gaussian in which each layer's energy
    falls: a wider one the farther behind the maximum it is."""
    rng = torch.Generator().manual_seed(seed)
    depth, maximum = torch.arange(LAYERS), 2.0 + 7.0 * torch.rand(n, 1, generator=rng)
    layer_energy = 0.1 * torch.exp(-0.5 * ((depth - maximum) / 2.0) ** 2)
    layer_energy = layer_energy * torch.exp(0.3 * torch.randn(n, LAYERS, generator=rng))
    noise = 0.4 * torch.randn(n, LAYERS, generator=rng)
    ring = torch.round(1.5 + (depth - maximum) / 3.0 + noise).clamp(0, NUMBER - 1).long()
    return layer_energy, ring


def condition(n):
    return KNOTS(torch.full((n,), 10.0), torch.full((n,), math.pi / 2))


def loss(mixture, found):
    layer_energy, ring = found
    weights, _ = mixture.weights(layer_energy, condition(len(ring)))
    return -weights.gather(2, ring[..., None]).log().mean()


@pytest.mark.parametrize("shared", [True, False])
def test_only_the_shared_network_tells_from_few_showers_what_holds_for_others(shared):
    torch.manual_seed(0)
    mixture = LateralMixture(LAYERS, NUMBER, 32, KNOTS, shared=shared)
    few, others = showers(FEW, 1), showers(500, 2)
    optimiser = torch.optim.Adam(mixture.network.parameters(), lr=5e-3)
    for _ in range(300):
        optimiser.zero_grad()
        loss(mixture, few).backward()
        optimiser.step()
    learned = loss(mixture, others).item()
    if shared:
        assert learned < 0.75
    else:
        assert learned > 1.0


def test_layers_without_energy_have_weights_that_add_up_to_one():
    generator = FactorisedGenerator(FactorisedOptions(shared_pattern=True), DOMAIN)
    layer_energy = torch.zeros(3, LAYERS)
    layer_energy[1, 4] = 0.02
    weights, _ = generator.pattern.weights(layer_energy, condition(3))
    assert torch.allclose(weights.sum(dim=2), torch.ones(3, LAYERS))
