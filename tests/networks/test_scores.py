"""Energy scores: proper, whatever the conditions; and the objective that trains by them."""

import copy
import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from caloforge.errors import ConfigError  # noqa: E402
from caloforge.networks.base import Domain  # noqa: E402
from caloforge.networks.gan.ending import Ending  # noqa: E402
from caloforge.networks.gan.lateral import LateralProfile  # noqa: E402
from caloforge.networks.gan.layered2d import Layered2dOptions  # noqa: E402
from caloforge.networks.gan.response import FIRST_RESPONSE, DrawnResponse  # noqa: E402
from caloforge.networks.objective import Batch, TrainingPlan  # noqa: E402
from caloforge.networks.scores.energy_score import energy_score  # noqa: E402
from caloforge.networks.scores.features import PROFILE_FLOOR, features  # noqa: E402
from caloforge.networks.scores.options import EnergyScoreOptions, ScoreWeights  # noqa: E402
from caloforge.networks.scores.spread import FeatureSpread  # noqa: E402
from caloforge.networks.spec import NETWORKS, build_objective  # noqa: E402
from caloforge.physics.observables import core_fraction  # noqa: E402
from caloforge.scaling import CORE_SIDES  # noqa: E402

SHAPE = (9, 8, 10)


def showers(energy, seed=0):
    """Round blobs of 2 % of Ep with 10 % fluctuation; the seed fixes them."""
    random = torch.Generator().manual_seed(seed)
    x, y, z = (torch.arange(n, dtype=torch.float32) for n in SHAPE)
    square = ((x - 4)[:, None, None] ** 2 + (y - 4)[None, :, None] ** 2) / 2
    blob = torch.exp(-square) * torch.exp(-((z - 4) ** 2) / 8)
    sums = 0.02 * energy * (1 + 0.1 * torch.randn(len(energy), generator=random))
    noise = torch.rand(len(energy), *SHAPE, generator=random)
    return (blob / blob.sum()) * sums.reshape(-1, 1, 1, 1) * 2 * noise


def objective(name="layered2d", network=None, made=12, steps=40, **options):
    domain = Domain(shape=SHAPE, energy_range_gev=(10, 100), theta_range_rad=(math.pi / 2,) * 2)
    plan = TrainingPlan(domain, epochs=1, steps_per_epoch=steps, batch_size=24)
    torch.manual_seed(1)
    network = network or NETWORKS[name].options()
    options = EnergyScoreOptions(made=made, warmup_steps=5, **options)
    return build_objective(network, options, plan)


def batch(seed, conditions=4, repeats=6):
    random = torch.Generator().manual_seed(seed)
    energy = 10 + 90 * torch.rand(conditions, generator=random)
    energy = energy.repeat_interleave(repeats)
    theta = torch.full_like(energy, math.pi / 2)
    return Batch(showers(energy, seed), energy, theta, repeats)


def test_the_score_is_that_of_its_formula():
    made, true = torch.randn(6, 3, dtype=torch.float64), torch.randn(4, 3, dtype=torch.float64)
    expected = 0.0
    for c in range(2):
        x, y = made[3 * c : 3 * c + 3], true[2 * c : 2 * c + 2]
        across = sum(float((a - b).norm()) for a in x for b in y) / 6
        within = sum(float((a - b).norm()) for a in x for b in x) / 6
        expected += (across - 0.5 * within) / 2
    assert float(energy_score(made, true, 2)) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("wrong", [(0.5, 1.0), (0.0, 0.6), (0.0, 1.5)])
def test_a_wrong_mean_or_spread_scores_worse(wrong):
    random = torch.Generator().manual_seed(3)
    true, right, other = (torch.randn(3000, 5, generator=random) for _ in range(3))
    shift, scale = wrong
    assert energy_score(right, true, 3) < energy_score(shift + scale * other, true, 3)


def test_equal_showers_have_a_finite_gradient():
    made = torch.ones(4, 2, requires_grad=True)
    energy_score(made, torch.ones(4, 2), 1).backward()
    assert torch.isfinite(made.grad).all()


def test_features_of_an_empty_shower_are_numbers_with_gradients():
    cells = torch.zeros(2, *SHAPE, requires_grad=True)
    found = features(cells, torch.tensor([10.0, 20.0]))
    assert found.keys() == ScoreWeights.model_fields.keys()
    sum(part.sum() for group in found.values() for part in group).backward()
    assert torch.isfinite(cells.grad).all()


def test_features_are_those_of_the_image():
    energy = torch.tensor([50.0, 20.0])
    cells = showers(energy)
    found = features(cells, energy)
    assert torch.allclose(found["response"][0][:, 0], cells.sum((1, 2, 3)) / energy)
    place = torch.arange(SHAPE[1], dtype=torch.float32)
    mean = (cells.sum((1, 3)) * place).sum(1) / cells.sum((1, 2, 3))
    assert torch.allclose(found["barycentre"][1][:, 0], mean, atol=1e-3)
    assert [part.shape[1] for part in found["profiles"]] == list(SHAPE)
    for side, share in zip(CORE_SIDES, found["cores"], strict=True):
        expected = core_fraction(cells.sum(3).numpy(), side)
        np.testing.assert_allclose(share[:, 0].numpy(), expected, rtol=2e-3)


def test_the_spread_of_an_energy_is_found():
    spread = FeatureSpread()
    random = torch.Generator().manual_seed(5)
    for _ in range(50):
        energy = 10 + 490 * torch.rand(96, generator=random)
        sigma = (0.01 + 0.04 * 100 / energy).sqrt()
        true = 3.0 + sigma[:, None] * torch.randn(96, 1, generator=random)
        spread.learn({"response": true}, energy)
    at = torch.tensor([20.0, 100.0, 400.0])
    found = spread.of(["response"], at)["response"][:, 0]
    assert torch.allclose(found, (0.01 + 4 / at).sqrt(), rtol=0.25)


def test_the_spread_of_one_condition_is_not_that_of_all():
    """A feature that changes with the angle, and spreads more at more energy."""
    spread = FeatureSpread()
    random = torch.Generator().manual_seed(6)
    for step in range(100):
        energy = (2 * 250 ** torch.rand(6, generator=random)).repeat_interleave(8)
        angle = torch.rand(6, generator=random).repeat_interleave(8)
        sigma = 0.01 * energy
        true = 50 * angle + sigma * torch.randn(48, generator=random)
        spread.learn({"slope": true[:, None]}, energy, repeats=8)
        if step == 50:  # a batch of single showers, whose angles differ
            spread.learn({"slope": 50 * torch.rand(48, 1, generator=random)}, energy)
    at = torch.tensor([5.0, 50.0, 400.0])
    assert torch.allclose(spread.of(["slope"], at)["slope"][:, 0], 0.01 * at, rtol=0.15)
    again = FeatureSpread()
    again.load_state_dict(spread.state_dict())
    assert torch.equal(again.of(["slope"], at)["slope"], spread.of(["slope"], at)["slope"])


@pytest.mark.parametrize("repeats", [1, 6])
def test_training_halves_the_scores(repeats):
    trained = objective(steps=50)
    history = []
    for step in range(50):
        torch.manual_seed(step)
        history.append(trained.step(batch(step, 24 // repeats, repeats)))
    before, after = (
        sum(values.get(name, 0.0) for values in part for name in ScoreWeights.model_fields)
        for part in (history[:5], history[-5:])
    )
    assert after < 0.5 * before


def test_a_teachers_shower_is_compared_with_that_of_the_same_latent():
    conditions = batch(0, conditions=12, repeats=1)
    latent = objective().generator.draw_latent(12)
    losses = []
    for given in (latent, latent.flip(0)):
        trained = objective()
        with torch.no_grad():
            cells = trained.generator(latent, conditions.energy, conditions.theta)
        made = Batch(cells, conditions.energy, conditions.theta, latent=given)
        values = trained.step(made)
        losses.append(sum(values.get(name, 0.0) for name in ScoreWeights.model_fields))
    same, other = losses
    assert same < 0.01 < 1 < other


def test_it_goes_on_from_its_state():
    first, second = objective(), objective()
    torch.manual_seed(0)
    first.step(batch(0))
    second.load_state_dict(first.state_dict())
    torch.manual_seed(1)
    one = first.step(batch(1))
    torch.manual_seed(1)
    assert second.step(batch(1)) == one


@pytest.mark.parametrize("name", ["conv2d", "conv3d"])
def test_relative_networks_follow_the_energy(name):
    trained = objective(name, NETWORKS[name].options(relative=True, channels=16))
    generator = trained.generator.eval()
    latent = generator.draw_latent(1).expand(2, -1)
    with torch.no_grad():
        cells = generator(latent, torch.tensor([20.0, 80.0]), torch.full((2,), math.pi / 2))
    assert cells.shape == (2, *SHAPE) and (cells.sum((1, 2, 3)) > 0).all()
    assert not torch.allclose(cells[0], cells[1])


def test_what_leaks_may_depend_on_energy_and_angle_together():
    domain = Domain(shape=SHAPE, energy_range_gev=(2, 500), theta_range_rad=(1.0, math.pi - 1.0))
    drawn = DrawnResponse(domain)
    with torch.no_grad():
        drawn.mean[-1] = 0.1
    energy = torch.tensor([2.0, 2.0, 500.0, 500.0])
    theta = torch.tensor([math.pi / 2, 1.0, math.pi / 2, math.pi - 1.0])
    response = drawn(torch.zeros(4, 1), energy, theta)[:, 0] / energy
    flat = math.log(FIRST_RESPONSE)
    assert torch.allclose(response.log(), torch.tensor([flat, flat - 0.1, flat, flat + 0.1]))


def test_a_drawn_response_may_have_a_tail_and_keeps_its_mean():
    domain = Domain(shape=SHAPE, energy_range_gev=(10, 100), theta_range_rad=(math.pi / 2,) * 2)
    drawn = DrawnResponse(domain)
    latent = torch.randn(100_000, 1, generator=torch.Generator().manual_seed(0))
    energy, theta = torch.full((100_000,), 50.0), torch.full((100_000,), math.pi / 2)
    with torch.no_grad():
        drawn.skew[0] = -0.2
        relative = drawn(latent, energy, theta)[:, 0] / energy / FIRST_RESPONSE - 1.0
    third = -(6 * 0.2 + 8 * 0.2**3) / (1 + 2 * 0.2**2) ** 1.5
    assert relative.mean().abs() < 0.001
    assert (relative / relative.std()).pow(3).mean().item() == pytest.approx(third, abs=0.05)


@pytest.mark.parametrize("name", ["conv2d", "conv3d"])
def test_a_drawn_response_is_the_sum_of_the_cells(name):
    options = NETWORKS[name].options(relative=True, drawn_response=True, channels=16)
    generator = objective(name, options).generator
    with torch.no_grad():
        generator.ending.drawn.mean[1:3] = torch.tensor([0.2, -0.1])
    latent, energy = generator.draw_latent(8), torch.linspace(10, 100, 8)
    theta = torch.full((8,), math.pi / 2)
    cells = generator(latent, energy, theta)
    expected = generator.ending.drawn(latent, energy, theta)[:, 0] / energy
    assert torch.allclose(cells.sum((1, 2, 3)) / energy, expected, rtol=0.02)
    cells.sum().backward()
    drawn = generator.ending.drawn
    assert all(weights.grad.abs().sum() > 0 for weights in drawn.parameters())


def drawn(name="conv3d"):
    options = {"relative": True, "drawn_response": True, "drawn_layers": True, "channels": 16}
    return NETWORKS[name].options(**options)


@pytest.mark.parametrize("name", ["conv2d", "conv3d"])
def test_layers_have_what_was_drawn_for_them(name):
    """Whatever the convolutions draw; before any training the mean shower is largest at 0.4."""
    generator = objective(name, drawn(name)).generator
    latent, energy = generator.draw_latent(8), torch.linspace(10, 100, 8)
    theta = torch.full((8,), math.pi / 2)
    layers = generator.ending.drawn(latent, energy, theta)
    cells = generator(latent, energy, theta)
    assert torch.allclose(cells.sum((1, 2)), layers, rtol=0.02, atol=1e-3)
    assert torch.allclose(
        layers.sum(1), generator.ending.drawn.response(latent, energy, theta)[:, 0]
    )
    assert layers.mean(0).argmax() in (3, 4)
    features(cells, energy)["barycentre"][2].sum().backward()
    assert all(p.grad.abs().sum() > 0 for p in generator.ending.drawn.parameters())


@pytest.mark.parametrize("fading", [True, False])
@pytest.mark.parametrize("name", ["conv2d", "conv3d"])
def test_a_layer_that_lost_all_of_its_cells_is_trained_again_if_they_fade_out(name, fading):
    options = drawn(name).model_copy(update={"fading": fading})
    generator = objective(name, options).generator.eval()
    lost = generator.layers if name == "conv3d" else generator.layers.bias
    with torch.no_grad():
        lost[3] = -12.0
    latent, energy = generator.draw_latent(8), torch.linspace(10, 100, 8)
    cells = generator(latent, energy, torch.full((8,), math.pi / 2))
    features(cells, energy)["cores"][0].sum().backward()
    assert bool(lost.grad[3].abs() > 0) == fading


def test_layers_fluctuate_less_at_more_energy():
    """Before any training, as they do in a calorimeter."""
    layers = objective("conv3d", drawn()).generator.ending.drawn
    latent, theta = torch.randn(400, 200), torch.full((400,), math.pi / 2)
    few, many = (
        (layers(latent, torch.full((400,), energy), theta) / energy).std(0)
        for energy in (10.0, 100.0)
    )
    assert (many < 0.6 * few).all()


@pytest.mark.parametrize("lateral", [False, True])
def test_what_is_drawn_is_trained_alone_where_a_recipe_says_so(lateral):
    trained = objective("conv3d", drawn().model_copy(update={"lateral": lateral}), part="drawn")
    before = copy.deepcopy(trained.generator.state_dict())
    trained.step(batch(1))
    after = trained.generator.state_dict()
    changed = {name for name in before if not after[name].equal(before[name])}
    waiting = {"ending.lateral.told.scale"}  # for weights that are zero at first
    assert changed == {name for name in before if name.startswith("ending.")} - waiting


def test_cells_are_trained_without_the_sums_where_a_recipe_says_so():
    """What every shower's layers have stays as it was, to the last digit."""
    trained = objective("conv3d", drawn().model_copy(update={"lateral": True}), part="cells")
    before = copy.deepcopy(trained.generator.state_dict())
    trained.step(batch(1))
    after = trained.generator.state_dict()
    kept = {name for name in before if after[name].equal(before[name])}
    parameters = {name for name, _ in trained.generator.named_parameters()}
    sums = {name for name in parameters if name.startswith("ending.drawn.")}
    waiting = {"ending.lateral.told.scale"}  # for weights that are zero at first
    assert kept & parameters == sums | waiting


def test_sums_are_trained_alone_where_a_recipe_says_so():
    """As with all that is drawn, where there is no lateral profile."""
    options = drawn()
    sums, everything = (objective("conv3d", options, part=part) for part in ("sums", "drawn"))
    everything.generator.load_state_dict(sums.generator.state_dict())
    before = copy.deepcopy(sums.generator.state_dict())
    for trained in (sums, everything):
        torch.manual_seed(4)
        trained.step(batch(1))
    after, other = (each.generator.state_dict() for each in (sums, everything))
    changed = {name for name in before if not after[name].equal(before[name])}
    assert changed == {name for name in before if name.startswith("ending.drawn.")}
    assert all(torch.allclose(after[name], other[name], atol=1e-4) for name in changed)


def test_a_sum_alone_has_no_layers_to_train():
    options = drawn().model_copy(update={"drawn_layers": False})
    with pytest.raises(ConfigError, match=r'objective\.part "sums" needs .* drawn_layers = true'):
        objective("conv3d", options, part="sums")


@pytest.mark.parametrize("part", ["drawn", "sums", "cells"])
def test_a_network_that_draws_nothing_has_no_such_parts(part):
    with pytest.raises(ConfigError, match=f'objective.part "{part}" needs a network with drawn'):
        objective("conv3d", NETWORKS["conv3d"].options(channels=16), part=part)


def test_too_few_showers_for_the_ranks_are_refused(monkeypatch):
    monkeypatch.setattr("caloforge.networks.scores.objective.group.size", lambda: 5)
    with pytest.raises(ConfigError, match=r"objective\.made 12"):
        objective(network=Layered2dOptions(channels=16))


def test_the_slope_is_that_of_a_shower_that_leans():
    straight = torch.zeros(2, 5, 9, 5)
    straight[0, 2, 4] = 1.0
    for layer in range(5):
        straight[1, 2, 2 + layer, layer] = 1.0 + layer
    (found,) = features(straight, torch.tensor([50.0, 50.0]))["slope"]
    assert found[:, 0].tolist() == pytest.approx([0.0, 1.0], abs=1e-4)


def test_layer_widths_are_second_moments_about_each_layer_s_own_barycentre():
    cells = torch.zeros(1, 5, 4, 3)
    cells[0, 1, 2, 0], cells[0, 4, 2, 0] = 3.0, 1.0
    cells[0, 2, 0, 2] = cells[0, 2, 3, 2] = 2.0
    in_x, in_y = features(cells, torch.tensor([2.0]))["layer_widths"]
    expected = [(1.5 * 0.75**2 + 0.5 * 2.25**2, 0.0, 0.0), (0.0, 0.0, 2 * 1.5**2)]
    for found, squares in zip((in_x, in_y), expected, strict=True):
        assert torch.allclose(found[0] ** 2 - PROFILE_FLOOR, torch.tensor(squares), atol=1e-4)


def test_bands_are_the_layers_of_a_shower_by_their_distance():
    cells = torch.zeros(1, 33, 3, 2)
    cells[0, 16, 1, 0], cells[0, 16 + 9, 0, 1], cells[0, 16 - 8, 2, 1] = 1.0, 2.0, 3.0
    (found,) = features(cells, torch.tensor([1.0]))["bands"]
    expected = torch.zeros(5, 2)
    expected[0, 0], expected[3, 1] = 1.0, 5.0
    assert torch.allclose(found.square().reshape(5, 2), expected, atol=1e-4)


def test_a_group_of_weight_zero_is_not_looked_at():
    trained = objective()
    values = trained.step(batch(1))
    assert "slope" not in values and "cores" in values


@pytest.mark.parametrize("name", ["conv2d", "conv3d"])
def test_a_lateral_profile_leans_as_the_shower_does(name):
    """Before any training: the slope of the barycentres is that of theta, for both signs."""
    shape, theta = (9, 25, 10), torch.tensor([1.2, math.pi / 2, 1.9]).repeat_interleave(16)
    domain = Domain(shape=shape, energy_range_gev=(10, 100), theta_range_rad=(1.2, 1.9))
    torch.manual_seed(3)
    generator = build_objective(
        drawn(name).model_copy(update={"lateral": True}),
        EnergyScoreOptions(made=12),
        TrainingPlan(domain, 1, 1, 12),
    ).generator
    latent, energy = generator.draw_latent(48), torch.full((48,), 50.0)
    cells = generator(latent, energy, theta)
    (slope,) = features(cells, energy)["slope"]
    low, middle, high = slope.reshape(3, 16).mean(1).tolist()
    assert low > middle + 0.15 > high + 0.3
    cells.square().sum().backward()
    lateral = generator.ending.lateral
    for part in (lateral.axis, lateral.profile, lateral.rings):
        assert all(weights.grad.abs().sum() > 0 for weights in part.parameters())


def lateral_profile():
    domain = Domain(shape=(9, 11, 10), energy_range_gev=(10, 100), theta_range_rad=(1.0, 2.0))
    return LateralProfile(4, domain)


def test_the_lateral_profile_is_that_of_its_formula():
    given = (torch.zeros(1, 4), torch.tensor([20.0]), torch.tensor([1.3]))
    square, found = (each.detach()[0, 6, 3, 7] for each in lateral_profile().profile_of(*given))
    depth, x, y = 7 - 4.5, 6 - 4, 3 - 5
    from_y = (y - depth / math.tan(1.3)) * math.sin(1.3)
    expected = x**2 + from_y**2
    f = 0.8 * 0.25 / (expected + 0.25) ** 2 + 0.2 * 9 / (expected + 9) ** 2
    assert float(square) == pytest.approx(expected, rel=1e-4)
    assert float(found) == pytest.approx(f, rel=1e-4)


def test_rings_have_the_energy_of_the_profile_whatever_is_drawn_in_them():
    lateral = lateral_profile()
    given = (torch.zeros(2, 4), torch.full((2,), 20.0), torch.full((2,), math.pi / 2))
    square, profile = lateral.profile_of(*given)
    cells = lateral(torch.where(square < 8, 1.0, 100.0), *given)
    for inside in (square < 2.5, square > 16):
        shares = [(each * inside).sum((1, 2)) / each.sum((1, 2)) for each in (cells, profile)]
        assert torch.allclose(*shares, rtol=0.2)
    assert torch.allclose(lateral(torch.ones(1, 1, 1, 10), *given), profile)


@pytest.mark.parametrize(
    ("name", "needed"),
    [
        ("lateral", "drawn_layers"),
        ("drawn_layers", "drawn_response"),
        ("drawn_response", "relative"),
    ],
)
def test_what_is_drawn_needs_what_it_is_a_part_of(name, needed):
    options = drawn().model_copy(update={"lateral": True, needed: False})
    with pytest.raises(ConfigError, match=rf"network\.{name} needs network\.{needed} = true"):
        objective("conv3d", options)


def test_amplitudes_fade_out_where_cells_are_relative():
    with pytest.raises(ConfigError, match=r"network\.fading needs network\.relative = true"):
        objective("conv2d", NETWORKS["conv2d"].options(fading=True))


def test_a_layer_in_which_nothing_is_drawn_has_a_gradient():
    """Convolutions end in a ReLU: a whole layer may be zero."""
    domain = Domain(shape=(3, 3, 2), energy_range_gev=(1, 2), theta_range_rad=(1, 2))
    ending = Ending(drawn(), 4, domain)
    amplitude = torch.ones(1, 3, 3, 2)
    amplitude[..., 1] = 0.0
    amplitude.requires_grad_()
    cells = ending(amplitude, torch.zeros(1, 4), torch.ones(1), torch.ones(1))
    cells.square().sum().backward()
    assert torch.isfinite(cells).all() and torch.isfinite(amplitude.grad).all()
    assert cells[..., 1].sum() == 0 < cells[..., 0].sum()
