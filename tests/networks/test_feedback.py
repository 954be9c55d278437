"""Tables of faint layers corrected by generated showers: they have the measured hits."""

import math

import pytest

torch = pytest.importorskip("torch")

from tests.networks.parts import expected, measure, set_deposits, set_quantiles  # noqa: E402

from caloforge.networks.base import Domain  # noqa: E402
from caloforge.networks.factorised.deposits import FIRST_LAYERS  # noqa: E402
from caloforge.networks.factorised.fit.deposits import DepositMeasurement  # noqa: E402
from caloforge.networks.factorised.fit.feedback import FeedbackMeasurement  # noqa: E402
from caloforge.networks.factorised.generator import (  # noqa: E402
    FactorisedGenerator,
    FactorisedOptions,
)

LAYERS, SHOWERS, FAINT_GEV = 5, 3000, 8e-4
UPRIGHT = (math.pi / 2, math.pi / 2)
DOMAIN = Domain(shape=(9, 9, LAYERS), energy_range_gev=(1.0, 50.0), theta_range_rad=UPRIGHT)


def generator():
    """A generator with toy tables, whose layers have all about ``FAINT_GEV``: two or three hits."""
    torch.manual_seed(0)
    options = FactorisedOptions(flow_steps=2, flow_width=8, rings=4, pattern_width=8)
    network = FactorisedGenerator(options, DOMAIN)
    energy = 50.0 ** torch.rand(SHOWERS)
    layer_energy = FAINT_GEV * torch.exp(0.1 * torch.randn(SHOWERS, LAYERS))
    set_quantiles(network.layers, layer_energy, energy, torch.full_like(energy, UPRIGHT[0]))
    set_deposits(network.deposits)
    return network.eval().requires_grad_(False)


def made_by(network):
    energy = 50.0 ** torch.rand(SHOWERS)
    latent = network.draw_latent(SHOWERS)
    return network.make(latent, energy, torch.full_like(energy, UPRIGHT[0]))


def hits_and_middle(made):
    """Hits of a layer behind the first ones, and of all layers the middle pad's share."""
    cells = made.cells
    hits = (cells[..., FIRST_LAYERS:] > 0).sum(dim=(1, 2)).float().mean()
    share = cells[:, 4, 4] / cells.sum(dim=(1, 2)).clamp(min=1e-9)
    return torch.stack([hits, share.mean()])


def test_tables_measured_on_scaled_cells_are_corrected_until_scaled_ones_are_as_measured():
    torch.manual_seed(3)
    network = generator()
    made = made_by(network)
    condition = made.condition
    measured = expected(
        condition, layer_energy=made.layer_energy, window=made.cells, mean=made.expected
    )
    deposits = DepositMeasurement(network.deposits)
    feedback = FeedbackMeasurement(network, deposits)
    measure(deposits, [measured])
    feedback.add(measured)
    feedback.load_state_dict(feedback.state_dict())
    wanted = hits_and_middle(made)
    off = (hits_and_middle(made_by(network)) / wanted - 1).abs()
    feedback.apply()
    left = (hits_and_middle(made_by(network)) / wanted - 1).abs()
    assert (off > 0.025).all()
    assert (left < 0.02).all()
