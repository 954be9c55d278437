"""Inclined showers: the factorised network and the angle 3DGAN train on them; mirrors hold."""

import copy
import math

import pytest

torch = pytest.importorskip("torch")

from tests.networks.parts import expected, measure  # noqa: E402

from caloforge.networks.base import Domain  # noqa: E402
from caloforge.networks.factorised.fit.impact import ImpactEncoder  # noqa: E402
from caloforge.networks.factorised.fit.tilt import TiltMeasurement  # noqa: E402
from caloforge.networks.objective import Batch, TrainingPlan  # noqa: E402
from caloforge.networks.spec import build_objective  # noqa: E402
from caloforge.train.recipe import Recipe  # noqa: E402

STEPS, BATCH, DEPTHS = 6, 48, (0.0, 1.5, 3.0, 4.5)
DOMAIN = Domain(
    shape=(13, 21, 4),
    energy_range_gev=(10.0, 500.0),
    theta_range_rad=(math.radians(60), math.radians(120)),
    layer_depths_pads=DEPTHS,
)
FACTORISED = {
    "name": "toy",
    "network": {
        "name": "factorised", "flow_steps": 2, "flow_width": 8, "rings": 4,
        "window": (5, 7), "halo_particles": 256, "counted_hits": True,
    },
    "objective": {"name": "factorised"},
    "training": {"epochs": 3, "batch_size": BATCH, "ema_decay": 0.5},
}  # fmt: skip


def batch(step):
    """Showers about an inclined axis through the centre of the image; Poisson deposits."""
    rng = torch.Generator().manual_seed(step)
    energy = 10.0 * 50.0 ** torch.rand(BATCH, generator=rng)
    theta = torch.deg2rad(60 + 60 * torch.rand(BATCH, generator=rng))
    impact = torch.rand(BATCH, 2, generator=rng) - 0.5
    x = torch.arange(13.0) - 6 - impact[:, :1]
    axis = impact[:, 1:] + (torch.tensor(DEPTHS) - 2.25) / torch.tan(theta)[:, None]
    y = torch.arange(21.0)[None, :, None] - 10 - axis[:, None]
    distance = torch.hypot(x[:, :, None, None], y[:, None])
    depth = torch.tensor([0.03, 0.07, 0.07, 0.03])
    rate = torch.exp(-distance) * energy[:, None, None, None] * depth
    return Batch(3e-4 * torch.poisson(rate, generator=rng), energy, theta)


@pytest.fixture(scope="module")
def trained():
    torch.manual_seed(0)
    recipe = Recipe.model_validate(FACTORISED)
    plan = TrainingPlan(DOMAIN, recipe.trained_epochs, STEPS, BATCH, ema_decay=0.5)
    objective = build_objective(recipe.network, recipe.objective, plan)
    for step in range(2 * STEPS):
        if step % STEPS == 0:
            objective.start_epoch(step // STEPS)
        assert all(math.isfinite(value) for value in objective.step(batch(step)).values())
    for step in range(2 * STEPS, 3 * STEPS):
        objective.measurement.add(batch(step))
        if step == 3 * STEPS - 2:
            objective.load_state_dict(objective.state_dict())
    objective.measurement.apply()
    return objective.ema_generator.eval()


def test_inclined_showers_have_the_sums_the_halo_and_the_lean_of_the_sample(trained):
    torch.manual_seed(1)
    real = [batch(step) for step in range(8)]
    energy = torch.cat([part.energy for part in real])
    theta = torch.cat([part.theta for part in real])
    with torch.no_grad():
        made = trained(trained.draw_latent(len(energy)), energy, theta)
    cells = torch.cat([part.cells for part in real])
    response = [(part.sum(dim=(1, 2, 3)) / energy).mean().item() for part in (made, cells)]
    assert response[0] == pytest.approx(response[1], rel=0.05)
    column = [(part[:, [0, 1, 11, 12]] > 0).float().mean().item() for part in (made, cells)]
    assert column[0] == pytest.approx(column[1], rel=0.25)
    y = torch.arange(21.0) - 10
    lean = []
    for part in (made, cells):
        by_layer = part.sum(dim=1)
        at = (by_layer * y[:, None]).sum(dim=1) / by_layer.sum(dim=1).clamp(min=1e-9)
        slope = 1 / torch.tan(theta)
        lean.append((((at[:, 3] - at[:, 0]) * slope).sum() / (slope**2).sum()).item())
    assert lean[0] == pytest.approx(lean[1], rel=0.25)


def test_showers_lean_and_wander_as_measured_ones_do(trained):
    torch.manual_seed(4)
    energy = 10.0 * 50.0 ** torch.rand(1500)
    theta = torch.full((1500,), 1.2)
    condition, generator = trained.knots(energy, theta), copy.deepcopy(trained)
    measurement = TiltMeasurement(generator)
    with torch.no_grad():
        generator.axis.wander.fill_(0.4)
        generator.axis.lean.fill_(-0.3)
        cells = generator(generator.draw_latent(1500), energy, theta)
        measure(measurement, [expected(condition, cells)])
        lean, wander = (
            (condition.weights @ values).mean().item()
            for values in (generator.axis.lean, generator.axis.wander)
        )
    assert wander == pytest.approx(0.4, rel=0.2)
    assert lean == pytest.approx(-0.3, abs=0.07)


def test_the_encoder_follows_the_two_mirrors(trained):
    torch.manual_seed(2)
    encoder, showers = ImpactEncoder(DOMAIN, trained.knots), batch(3)

    def impact(cells, theta):
        condition = trained.knots(showers.energy, theta)
        layer_energy = cells.sum(dim=(1, 2))
        return encoder(cells, condition, trained.axis.displacement(layer_energy, condition.slope)).T

    x, y = impact(showers.cells, showers.theta)
    mirrored_x = impact(showers.cells.flip(1), showers.theta)
    mirrored_y = impact(showers.cells.flip(2), math.pi - showers.theta)
    assert torch.allclose(mirrored_x, torch.stack([-x, y]), atol=1e-5)
    assert torch.allclose(mirrored_y, torch.stack([x, -y]), atol=2e-3)


def test_the_angle_gan_takes_steps_and_learns_from_the_angle():
    recipe = Recipe.model_validate(
        {
            "name": "toy",
            "network": {
                "name": "conv3d", "latent": 6, "channels": 16, "coarseness": 3, "angle": True,
            },
            "objective": {"name": "gan", "weights": {"theta": 25.0}},
            "training": {"epochs": 1, "batch_size": 4, "precision": "bfloat16"},
        }
    )  # fmt: skip
    domain = DOMAIN.model_copy(
        update={"shape": (9, 11, 8), "layer_depths_pads": tuple(float(z) for z in range(8))}
    )
    torch.manual_seed(0)
    plan = TrainingPlan(domain, 1, 2, 4, precision="bfloat16")
    objective = build_objective(recipe.network, recipe.objective, plan)
    generator = objective.generator
    objective.start_epoch(0)
    showers = Batch(0.01 * torch.rand(4, 9, 11, 8), torch.full((4,), 50.0), torch.full((4,), 1.2))
    before = generator.dense.weight.detach().clone()
    for _ in range(2):
        values = objective.step(showers)
        assert all(math.isfinite(value) for value in values.values())
    assert values["g_theta"] > 0
    assert not torch.equal(generator.dense.weight, before)
