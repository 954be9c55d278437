"""Where the axes of showers cross their pads is what was read off the sample's."""

import math

import pytest

torch = pytest.importorskip("torch")

from tests.networks.parts import expected, measure  # noqa: E402

from caloforge.errors import ConfigError  # noqa: E402
from caloforge.networks.base import Domain  # noqa: E402
from caloforge.networks.factorised.fit.read_impact import ImpactMeasurement  # noqa: E402
from caloforge.networks.factorised.generator import (  # noqa: E402
    FactorisedGenerator,
    FactorisedOptions,
)

SHOWERS = 5000
UPRIGHT = (math.pi / 2, math.pi / 2)


def network(theta=UPRIGHT, **options):
    """A network of one layer of 5 x 5 pads."""
    domain = Domain(shape=(5, 5, 1), energy_range_gev=(1.0, 50.0), theta_range_rad=theta)
    return FactorisedGenerator(FactorisedOptions(**options), domain)


def test_axes_lie_where_they_were_read():
    torch.manual_seed(0)
    made = network(reads_impact=True)
    true = torch.rand(SHOWERS, 2) - 0.5
    read = 4.0 * true**3
    read[::7] += 1.0  # centred on the next pad
    energy = torch.full((SHOWERS,), 10.0)
    condition = made.knots(energy, torch.full_like(energy, math.pi / 2))
    part = ImpactMeasurement(made.axis)
    measure(part, [expected(condition, axis=read[:, None])])
    entered = torch.rand(SHOWERS, 2) - 0.5
    found = made.axis.entered(entered)
    assert torch.equal(found < 0, entered < 0)
    assert found.abs().max() <= 0.5
    assert (found - 4.0 * entered**3).abs().max() < 0.025
    assert found.std().item() == pytest.approx((4.0 * true**3).std().item(), rel=0.03)
    part.reset()
    assert torch.allclose(made.axis.entered(entered), entered, atol=1e-6)


def test_before_it_is_measured_and_without_it_axes_are_where_particles_enter():
    entered = torch.linspace(-0.5, 0.5, 41).repeat(2, 1).T
    assert torch.allclose(network(reads_impact=True).axis.entered(entered), entered, atol=1e-6)
    assert torch.equal(network().axis.entered(entered), entered)


def test_it_is_of_perpendicular_showers():
    with pytest.raises(ConfigError, match="reads_impact"):
        network(theta=(1.0, 2.0), reads_impact=True)
