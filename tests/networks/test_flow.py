"""The flow of the layer energies against autograd: its inverse, its volume, its likelihood."""

import math

import pytest

torch = pytest.importorskip("torch")

from caloforge.networks.base import Domain  # noqa: E402
from caloforge.networks.factorised.knots import Knots  # noqa: E402
from caloforge.networks.factorised.layers import LayerEnergies  # noqa: E402

LAYERS, SHOWERS = 5, 4


@pytest.fixture
def flow():
    """A flow with weights of order one, in double precision, and conditions."""
    domain = Domain(
        shape=(3, 3, LAYERS), energy_range_gev=(10.0, 500.0), theta_range_rad=(1.0, 2.1)
    )
    torch.manual_seed(0)
    knots = Knots(domain)
    layers = LayerEnergies(LAYERS, 3, 8, knots).double()
    for parameter in layers.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    lower = torch.tril(torch.randn(LAYERS, LAYERS)).double() * 0.3 + torch.eye(LAYERS)
    layers.colouring.copy_(lower)
    layers.whitening.copy_(torch.linalg.inv(lower))
    condition = knots(torch.tensor([20.0, 60, 100, 400]), torch.tensor([1.1, 1.5, 1.9, 2.0]))
    return layers, type(condition)(*(part.double() for part in condition))


def test_every_coupling_is_inverted_and_its_volume_is_the_jacobian_s(flow):
    layers, condition = flow
    data = torch.randn(SHOWERS, LAYERS, dtype=torch.float64)
    for coupling in layers.couplings:
        noise, volume = coupling(data, condition.features)
        assert torch.allclose(coupling.generate(noise, condition.features), data)
        for shower in range(SHOWERS):
            features = condition.features[shower : shower + 1]

            def towards_noise(row, coupling=coupling, features=features):
                return coupling(row[None], features)[0][0]

            jacobian = torch.autograd.functional.jacobian(towards_noise, data[shower])
            assert torch.linalg.slogdet(jacobian)[1].item() == pytest.approx(volume[shower].item())
            assert volume[shower].abs() > 1e-3


def test_the_negative_log_likelihood_is_that_of_the_change_of_variables(flow):
    """-log p(score) = -log N(z) - log |dz / dscore|, up to the constant that the docs state: the
    terms of the normal distribution's norm and of the whitening."""
    layers, condition = flow
    score = torch.randn(SHOWERS, LAYERS, dtype=torch.float64)
    found = layers.negative_log_likelihood(score, condition)
    normal = torch.distributions.Normal(0.0, 1.0)
    constant = 0.5 * LAYERS * math.log(2 * math.pi) - torch.linalg.slogdet(layers.whitening)[1]
    for shower in range(SHOWERS):
        features = condition.features[shower : shower + 1]

        def towards_noise(row, features=features):
            flow = row[None] @ layers.whitening.T
            for coupling in layers.couplings:
                flow, _ = coupling(flow, features)
            return flow[0]

        jacobian = torch.autograd.functional.jacobian(towards_noise, score[shower])
        log_density = normal.log_prob(towards_noise(score[shower])).sum()
        log_density = log_density + torch.linalg.slogdet(jacobian)[1]
        assert found[shower].item() + constant.item() == pytest.approx(-log_density.item())
