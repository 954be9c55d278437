"""Layers that stand out of their neighbours, and showers that respond more than usual, do so by
larger deposits as well as by more of them."""

import math

import pytest

torch = pytest.importorskip("torch")

from tests.networks.parts import expected, set_deposits, set_quantiles  # noqa: E402

from caloforge.errors import ConfigError  # noqa: E402
from caloforge.networks.base import Domain  # noqa: E402
from caloforge.networks.factorised.fit.objective import FitOptions, sizes_loss  # noqa: E402
from caloforge.networks.factorised.generator import (  # noqa: E402
    FactorisedGenerator,
    FactorisedOptions,
)
from caloforge.networks.factorised.hit_numbers import HitNumbers  # noqa: E402
from caloforge.networks.factorised.knots import Knots  # noqa: E402
from caloforge.networks.factorised.pattern import LateralMixture  # noqa: E402
from caloforge.networks.objective import Batch, TrainingPlan  # noqa: E402
from caloforge.networks.spec import build_objective  # noqa: E402
from caloforge.train.transfer import take  # noqa: E402

LAYERS, PADS, UPRIGHT = 7, 7, math.pi / 2
DOMAIN = Domain(
    shape=(PADS, PADS, LAYERS), energy_range_gev=(1.0, 50.0), theta_range_rad=(UPRIGHT, UPRIGHT)
)
KNOTS = Knots(DOMAIN)
OPTIONS = FactorisedOptions(
    flow_steps=1, flow_width=4, rings=4, pattern_width=16, shared_pattern=True,
    local_correlations=True, deposit_sizes=True,
)  # fmt: skip
PARTICLE_GEV = 0.29e-3


def condition(energy):
    return KNOTS(energy, torch.full_like(energy, UPRIGHT))


def showers(n, seed, *, power=0.5):
    """Layers of 0.5 to 10 MeV that stand out by deposits that are larger by the ``power``-th power
    of how much they do: their energies, and their hits in 49 pads that expect equal parts."""
    rng = torch.Generator().manual_seed(seed)
    usual = 3e-3 * torch.exp(0.3 * torch.randn(n, 1, generator=rng))
    layer_energy = usual * torch.exp(0.6 * torch.randn(n, LAYERS, generator=rng))
    particles = layer_energy / PARTICLE_GEV * (layer_energy / usual) ** -power
    chance = 1.0 - torch.exp(-particles / PADS**2)
    uniform = torch.rand(n, PADS, PADS, LAYERS, generator=rng)
    return layer_energy, (uniform < chance[:, None, None]).float()


def test_the_network_learns_that_layers_stand_out_by_larger_deposits():
    torch.manual_seed(0)
    mixture = LateralMixture(LAYERS, 4, 16, KNOTS, shared=True, sizes=True)
    optimiser = torch.optim.Adam(mixture.network.parameters(), lr=3e-3)
    for step in range(300):
        layer_energy, hits = showers(64, step)
        known = condition(torch.full((64,), 10.0))
        _, larger = mixture.weights(layer_energy, known)
        mean = (layer_energy / PADS**2)[:, None, None].expand_as(hits)
        view = expected(known, layer_energy=layer_energy, window=hits, mean=mean)
        optimiser.zero_grad()
        sizes_loss(view._replace(larger=larger), PARTICLE_GEV).backward()
        optimiser.step()
    rng = torch.Generator().manual_seed(99)
    even = torch.full((200, LAYERS), 3e-3) * torch.exp(0.1 * torch.randn(200, 1, generator=rng))
    raised = even.clone()
    raised[:, 3] *= 2.0
    known = condition(torch.full((200,), 10.0))
    with torch.no_grad():
        _, of_even = mixture.weights(even, known)
        _, of_raised = mixture.weights(raised, known)
    found = (of_raised - of_even)[:, 3].mean().item()
    assert found == pytest.approx(0.5 * math.log(2.0), abs=0.12)


def network():
    torch.manual_seed(0)
    made = FactorisedGenerator(OPTIONS.model_copy(update={"counted_hits": True}), DOMAIN)
    energy = 50.0 ** torch.rand(2000)
    layer_energy = 0.01 * torch.exp(0.2 * torch.randn(2000, LAYERS))
    set_quantiles(made.layers, layer_energy, energy, torch.full_like(energy, UPRIGHT))
    set_deposits(made.deposits)
    made.pattern.log_sigma.data = torch.linspace(0.5, 1.5, 4)
    return made.eval().requires_grad_(False)


def test_larger_deposits_are_fewer_hits_of_the_same_energy():
    made, energy = network(), torch.full((2000,), 10.0)
    hits = []
    for size in (0.0, math.log(2.0)):
        made.pattern.network.bias[:, -1] = size
        torch.manual_seed(1)
        shower = made.make(made.draw_latent(2000), energy, torch.full_like(energy, UPRIGHT))
        assert torch.allclose(shower.cells.sum(dim=(1, 2)), shower.layer_energy, rtol=1e-4)
        hits.append((shower.cells > 0).float().sum(dim=(1, 2)).mean().item())
    assert 0.55 < hits[1] / hits[0] < 0.8


def test_the_number_of_hits_of_a_faint_layer_is_that_of_one_with_fewer_deposits():
    numbers = HitNumbers(LAYERS, KNOTS, network().deposits.classes)
    energy = torch.full((1, LAYERS), 1.5e-3)
    halved = numbers.place(energy, torch.full_like(energy, math.log(2.0)))
    assert torch.allclose(halved, numbers.place(0.5 * energy))


def test_what_response_is_usual_is_known_after_the_first_epoch():
    plan = TrainingPlan(DOMAIN, epochs=3, steps_per_epoch=4, batch_size=64, ema_decay=0.5)
    torch.manual_seed(0)
    objective = build_objective(OPTIONS, FitOptions(), plan)
    rng = torch.Generator().manual_seed(5)
    for step in range(4):
        energy = 50.0 ** torch.rand(64, generator=rng)
        response = 0.02 * (1.0 + 0.1 * torch.randn(64, 1, generator=rng))
        cells = torch.zeros(64, PADS, PADS, LAYERS)
        cells[:, 3, 3] = energy[:, None] * response / LAYERS
        losses = objective.step(Batch(cells, energy, torch.full_like(energy, UPRIGHT)))
        assert math.isfinite(losses["sizes"])
        assert (objective.generator.pattern.network.usual == 0).all(), step
    objective.start_epoch(1)
    for generator in (objective.generator, objective.measurement.averaged):
        mean, per_width = generator.pattern.network.usual.T
        assert torch.allclose(mean, torch.tensor(0.02), rtol=0.1)
        assert torch.allclose(1.0 / per_width, torch.tensor(0.002), rtol=0.5)


def test_the_response_is_told_in_widths_from_the_usual_one():
    energy = torch.tensor([5.0, 5.0, 20.0])
    layer_energy = energy[:, None] * torch.tensor([[0.02], [0.022], [0.1]]) / LAYERS
    layer_energy = layer_energy.expand(3, LAYERS).contiguous()
    mixture = LateralMixture(LAYERS, 4, 16, KNOTS, shared=True, sizes=True)
    mixture.set_usual_response(torch.tensor([0.02, 500.0]).expand(KNOTS.size, 2))
    seen = []
    mixture.network.network.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    mixture.weights(layer_energy, condition(energy))
    told = seen[0].reshape(3, LAYERS, -1)[..., 7]
    assert torch.allclose(told, torch.tensor([[0.0], [0.5], [2.0]]).expand(3, LAYERS), atol=1e-4)


def test_a_training_with_sizes_starts_from_a_network_without():
    torch.manual_seed(2)
    without = LateralMixture(LAYERS, 4, 16, KNOTS, shared=True)
    with_sizes = LateralMixture(LAYERS, 4, 16, KNOTS, shared=True, sizes=True)
    for parameter in without.parameters():
        parameter.data.normal_(std=0.3)
    take(with_sizes, without.state_dict(), without)
    with_sizes.set_usual_response(torch.tensor([0.02, 500.0]).expand(KNOTS.size, 2))
    layer_energy, _ = showers(50, 3)
    known = condition(torch.full((50,), 10.0))
    weights, larger = with_sizes.weights(layer_energy, known)
    assert torch.allclose(weights, without.weights(layer_energy, known)[0], atol=1e-6)
    assert torch.allclose(larger, larger[:1, :1].expand_as(larger))


def test_sizes_need_a_shared_pattern():
    with pytest.raises(ConfigError, match="set shared_pattern, too"):
        FactorisedGenerator(FactorisedOptions(deposit_sizes=True), DOMAIN)
