"""The factorised objective: its epochs, its measurements, and an exact resume."""

import math

import pytest

torch = pytest.importorskip("torch")

from tests.networks.parts import deposited, measure  # noqa: E402
from tests.networks.parts import expected as showers_of  # noqa: E402

from caloforge.config import build  # noqa: E402
from caloforge.errors import ConfigError  # noqa: E402
from caloforge.networks.base import Domain  # noqa: E402
from caloforge.networks.factorised.deposits import DepositSampler  # noqa: E402
from caloforge.networks.factorised.fit.deposits import DepositMeasurement  # noqa: E402
from caloforge.networks.factorised.fit.impact import ImpactEncoder  # noqa: E402
from caloforge.networks.factorised.generator import (  # noqa: E402
    scale_to_layers,
)
from caloforge.networks.factorised.knots import Knots  # noqa: E402
from caloforge.networks.objective import Batch, TrainingPlan  # noqa: E402
from caloforge.networks.spec import build_objective  # noqa: E402
from caloforge.train.recipe import Recipe  # noqa: E402

SHAPE = (9, 9, 4)
STEPS, BATCH = 4, 32
DOMAIN = Domain(
    shape=SHAPE, energy_range_gev=(10.0, 500.0), theta_range_rad=(math.pi / 2, math.pi / 2)
)


def recipe(epochs=3, **network):
    small = {"name": "factorised", "flow_steps": 2, "flow_width": 8, "rings": 4}
    return Recipe.model_validate(
        {
            "name": "toy",
            "network": small | network,
            "objective": {"name": "factorised"},
            "training": {"epochs": epochs, "batch_size": BATCH, "ema_decay": 0.5},
        }
    )


def batch(step, per_gev=1.0):
    """Showers of deposits of 0.3 MeV around the centre, Poisson in number."""
    rng = torch.Generator().manual_seed(step)
    energy = 10.0 * 50.0 ** torch.rand(BATCH, generator=rng)
    axis = torch.arange(9) - 4.0
    profile = torch.exp(-torch.hypot(axis[:, None], axis[None]))[None, :, :, None]
    rate = profile * energy[:, None, None, None] * torch.tensor([0.2, 0.6, 0.8, 0.4]) * per_gev
    return Batch(3e-4 * torch.poisson(rate, generator=rng), energy, torch.full((BATCH,), 1.57))


def objective(**network):
    torch.manual_seed(0)
    options = recipe(**network)
    plan = TrainingPlan(DOMAIN, options.trained_epochs, STEPS, BATCH, ema_decay=0.5)
    return build_objective(options.network, options.objective, plan)


def train(target, first=0, last=3 * STEPS, per_gev=1.0):
    """Two epochs that train, and one that measures."""
    for step in range(first, last):
        if step % STEPS == 0 or step == first:
            target.start_epoch(step // STEPS)
        torch.manual_seed(step)
        if step >= 2 * STEPS:
            target.measurement.add(batch(step, per_gev))
        else:
            values = target.step(batch(step, per_gev))
            assert all(math.isfinite(value) for value in values.values())
    if last == 3 * STEPS:
        target.measurement.apply()
    return target


def test_showers_come_with_the_last_step_and_conserve_the_sample_means():
    trained = train(objective(), last=3 * STEPS - 1)
    theta, energy = torch.full((200,), 1.57), 10.0 * 50.0 ** torch.rand(200)
    latent = torch.rand(200, trained.ema_generator.latent_dim)
    assert (trained.ema_generator(latent, energy, theta) == 0).all()
    train(trained, first=3 * STEPS - 1)
    with torch.no_grad():
        cells = trained.ema_generator(latent, energy, theta)
    real = torch.cat(
        [batch(step).cells / batch(step).energy[:, None, None, None] for step in range(8)]
    )
    response = (cells / energy[:, None, None, None]).sum(dim=(1, 2, 3)).mean()
    assert response.item() == pytest.approx(real.sum(dim=(1, 2, 3)).mean().item(), rel=0.05)


def test_hits_beside_the_window_are_those_of_the_sample():
    trained = train(objective(window=(5, 5)), per_gev=0.1).ema_generator
    torch.manual_seed(2)
    real = [batch(step, per_gev=0.1) for step in range(8)]
    energy, theta = (torch.cat([getattr(b, k) for b in real]) for k in ("energy", "theta"))
    with torch.no_grad():
        made = trained(trained.draw_latent(len(energy)), energy, theta)
    cells = torch.cat([part.cells for part in real])
    outside = torch.ones(9, 9, dtype=torch.bool)
    outside[2:7, 2:7] = False
    counts = [(part[:, outside] > 0).float().mean(dim=(0, 1)) for part in (made, cells)]
    assert torch.allclose(*counts, rtol=0.25)
    corner = [(part[:, [0, 0, 8, 8], [0, 8, 0, 8]] > 0).float().mean() for part in (made, cells)]
    assert corner[0].item() == pytest.approx(corner[1].item(), rel=0.3)


@pytest.mark.parametrize("stop", [2, STEPS + 1, 2 * STEPS + 2])
def test_a_resumed_training_gives_the_same_generator(stop):
    straight = train(objective())
    resumed = objective()
    resumed.load_state_dict(train(objective(), last=stop).state_dict())
    train(resumed, first=stop)
    theirs = straight.ema_generator.state_dict()
    for name, value in resumed.ema_generator.state_dict().items():
        assert torch.equal(value, theirs[name]), name


def test_the_impact_point_follows_the_symmetries_of_the_shower():
    torch.manual_seed(1)
    knots = Knots(DOMAIN)
    encoder, still = ImpactEncoder(DOMAIN, knots), torch.zeros(BATCH, 4)
    showers = batch(1)
    condition = knots(showers.energy, showers.theta)
    x, y = encoder(showers.cells, condition, still).T
    mirrored = encoder(showers.cells.flip(1), condition, still)
    transposed = encoder(showers.cells.transpose(1, 2), condition, still)
    assert torch.allclose(mirrored, torch.stack([-x, y], dim=1), atol=1e-6)
    assert torch.allclose(transposed, torch.stack([y, x], dim=1), atol=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"training": {"epochs": 2}}, r"at least 3 epochs \(it measures in the last 1\), got 2"),
        ({"training": {"epochs": 3, "precision": "bfloat16"}}, "trains in float32, got .*bfloat16"),
        ({"objective": {"name": "gan"}}, "the network's objective is 'factorised', got 'gan'"),
    ],
)
def test_what_cannot_be_trained_is_refused_with_the_recipe(change, message):
    with pytest.raises(ConfigError, match=message):
        build(Recipe, recipe().model_dump() | change, where="toy")


def test_the_network_decides_the_objective():
    table = recipe().model_dump()
    assert table["objective"].pop("name") == "factorised"
    assert Recipe.model_validate(table) == recipe()
    del table["objective"]
    assert Recipe.model_validate(table) == recipe()


def test_the_largest_cell_fluctuates_as_measured_after_the_scaling():
    torch.manual_seed(0)
    knots, energy = Knots(DOMAIN), torch.full((4000,), 100.0)
    condition = knots(energy, torch.full_like(energy, math.pi / 2))
    layer_energy = 0.02 * 30.0 ** torch.rand(len(energy), 1)
    share = torch.tensor([[0.02, 0.05, 0.02], [0.05, 0.7, 0.05], [0.02, 0.07, 0.02]])
    expected = share[:, :, None] * layer_energy[:, None, None]
    deposits = torch.poisson(expected / 4e-4)
    measured = scale_to_layers(deposits, layer_energy)[0]
    sampler = DepositSampler(1, knots)
    showers = showers_of(condition, layer_energy=layer_energy, window=measured, mean=expected)
    measure(DepositMeasurement(sampler), [showers])
    deposits = deposited(sampler, expected, layer_energy, condition)
    made = scale_to_layers(deposits, layer_energy)[0]
    for pad in ((1, 1), (2, 1)):
        wanted, found = (
            ((cells - expected) / expected.sqrt())[:, *pad, 0].std() for cells in (measured, made)
        )
        assert found == pytest.approx(float(wanted), rel=0.06)


def test_the_primary_track_is_in_its_pad_in_the_first_layer_only():
    """Layers of 1.5 MeV: in the first one the middle pad is always hit, in the last one rarely."""
    torch.manual_seed(3)
    knots, number = Knots(DOMAIN), 4000
    condition = knots(torch.full((number,), 50.0), torch.full((number,), math.pi / 2))
    layer_energy = torch.full((number, 4), 1.5e-3)
    axis = torch.arange(9) - 4.0
    radius = torch.hypot(axis[:, None], axis)[None, :, :, None]
    pattern = torch.exp(-radius / (0.3 + 0.7 * torch.rand(number, 1, 1, 4)))
    expected = 1.5e-3 * pattern / pattern.sum(dim=(1, 2), keepdim=True)
    deposits = torch.poisson(expected / 3e-4)
    deposits[:, 4, 4, 0] += 1.0
    measured = scale_to_layers(deposits, layer_energy)[0]
    sampler = DepositSampler(4, knots)
    showers = showers_of(condition, layer_energy=layer_energy, window=measured, mean=expected)
    measure(DepositMeasurement(sampler), [showers])
    hit = deposited(sampler, expected, layer_energy, condition)[:, 4, 4] > 1e-6
    wanted, found = (measured[:, 4, 4] > 0).float().mean(dim=0), hit.float().mean(dim=0)
    assert wanted[0] == 1.0 and found[0] > 0.98
    assert wanted[3] < 0.95 and found[3] == pytest.approx(float(wanted[3]), abs=0.03)
