"""Correlations of the layer energies that change with Ep."""

import math

import pytest

torch = pytest.importorskip("torch")

from tests.networks.parts import set_quantiles  # noqa: E402

from caloforge.networks.base import Domain  # noqa: E402
from caloforge.networks.factorised.knots import Knots  # noqa: E402
from caloforge.networks.factorised.layers import LayerEnergies  # noqa: E402

KNOTS = Knots(
    Domain(shape=(5, 5, 4), energy_range_gev=(1, 100), theta_range_rad=(math.pi / 2, math.pi / 2))
)


@pytest.fixture
def measured():
    """Layers measured on showers that hang together the more, the more energy they have."""
    torch.manual_seed(0)
    energy = 100.0 ** torch.rand(4000)
    theta = torch.full_like(energy, math.pi / 2)
    part = (energy.log() / math.log(100.0))[:, None]
    scatter = part.sqrt() * torch.randn(4000, 1) + (1 - part).sqrt() * torch.randn(4000, 4)
    layers = LayerEnergies(4, 2, 8, KNOTS, local=True)
    set_quantiles(layers, 0.01 * energy[:, None] * torch.exp(0.3 * scatter), energy, theta)
    return layers.requires_grad_(False)


@pytest.mark.parametrize(("energy", "wanted"), [(1.5, 0.09), (10.0, 0.5), (70.0, 0.92)])
def test_layers_hang_together_as_at_their_energy(measured, energy, wanted):
    torch.manual_seed(1)
    energies = torch.full((4000,), energy)
    known = KNOTS(energies, torch.full_like(energies, math.pi / 2))
    made = measured(torch.rand(4000, measured.latent_dim), known)
    assert torch.corrcoef(made.log().T)[0, 1].item() == pytest.approx(wanted, abs=0.1)


def test_whitening_undoes_colouring(measured):
    energies = torch.tensor([1.0, 7.0, 33.0, 100.0])
    known = KNOTS(energies, torch.full_like(energies, math.pi / 2))
    flow = torch.randn(4, 4)
    root = measured._colouring_at(known)
    score = (root @ flow[..., None])[..., 0]
    assert torch.allclose(
        2.0 * measured.negative_log_likelihood(score, known), (flow**2).sum(dim=1), rtol=1e-3
    )
