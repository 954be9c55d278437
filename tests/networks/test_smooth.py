"""Mean and width as functions of Ep: what many showers show, and what few do not make up."""

import math

import pytest

torch = pytest.importorskip("torch")

from tests.networks.parts import expected, measure  # noqa: E402

from caloforge.networks.base import Domain  # noqa: E402
from caloforge.networks.factorised.fit.layers import (  # noqa: E402
    MOST_CHANGED,
    LayerCalibration,
    local_moments,
)
from caloforge.networks.factorised.fit.smooth import smooth_moments  # noqa: E402
from caloforge.networks.factorised.knots import Knots  # noqa: E402
from caloforge.networks.factorised.layers import LayerEnergies  # noqa: E402

UPRIGHT, INCLINED = (math.pi / 2, math.pi / 2), (math.pi / 3, math.pi / 2)


def knots_of(angles):
    return Knots(Domain(shape=(5, 5, 4), energy_range_gev=(1.0, 100.0), theta_range_rad=angles))


def sampled(knots, n, seed=0):
    """A response that rises and bends with log Ep, and narrows as a power of Ep."""
    rng = torch.Generator().manual_seed(seed)
    energy = 100.0 ** torch.rand(n, generator=rng)
    theta = math.pi / 3 + math.pi / 6 * torch.rand(n, generator=rng)
    condition = knots(energy, theta if knots.inclined else torch.full_like(energy, math.pi / 2))
    response = truth(energy) + width(energy) * torch.randn(n, generator=rng)
    return condition, response


def truth(energy):
    return 0.02 + 0.001 * torch.tanh(energy.log() - 2.0)


def width(energy):
    return 0.004 / energy.sqrt()


@pytest.mark.parametrize("angles", [UPRIGHT, INCLINED])
def test_many_showers_say_how_it_is_at_every_knot(angles):
    knots = knots_of(angles)
    condition, response = sampled(knots, 40_000)
    mean, spread = smooth_moments(knots, condition.weights, response)
    at = knots.energies()
    assert torch.allclose(mean, truth(at), atol=1.5e-4)
    assert torch.allclose(spread, width(at), rtol=0.12)


def test_few_showers_are_nearer_to_the_truth_than_each_knot_by_itself():
    knots, error = knots_of(UPRIGHT), [0.0, 0.0]
    for seed in range(5):
        condition, response = sampled(knots, 150, seed)
        smooth = smooth_moments(knots, condition.weights, response)
        alone = local_moments(condition.weights, response)
        for which, (mean, spread) in enumerate((smooth, alone)):
            error[which] += float((mean - truth(knots.energies())).abs().mean())
            assert which or bool(torch.all(spread > 0.3 * width(knots.energies())))
    assert error[0] < 0.75 * error[1]


def test_a_long_tail_does_not_bend_the_width_of_the_others():
    knots = knots_of(UPRIGHT)
    condition, response = sampled(knots, 400)
    response[::50] += 0.5 * torch.rand(8, generator=torch.Generator().manual_seed(3))
    mean, spread = smooth_moments(knots, condition.weights, response)
    assert torch.all(torch.isfinite(mean) & torch.isfinite(spread))
    assert float(mean.max()) < 0.05
    assert float(spread.max()) < 0.5


@pytest.mark.parametrize("smooth", [False, True])
def test_a_knot_without_showers_does_not_make_the_response_a_thousand_times_too_large(smooth):
    """Two hundred muons: the width of what few of them leave is no width at all at some knot."""
    knots = knots_of(UPRIGHT)
    torch.manual_seed(1)
    layers = LayerEnergies(4, 1, 4, knots)
    layers.quantiles.copy_(-6.0 + 0.1 * layers.levels.expand_as(layers.quantiles))
    energy = torch.cat([torch.full((60,), 1.0), torch.full((3,), 20.0), torch.full((60,), 100.0)])
    condition = knots(energy, torch.full_like(energy, math.pi / 2))
    made = 0.003 * energy[:, None] * torch.exp(0.3 * torch.randn(len(energy), 4))
    measure(LayerCalibration(layers, smooth=smooth), [expected(condition, layer_energy=made)])
    slope = layers.response[:, 1]
    assert 0 <= float(slope.min()) <= float(slope.max()) <= MOST_CHANGED
