import math
from pathlib import Path

import numpy as np
import pytest
from tests.conftest import make_showers
from tests.train.test_training import Silent

torch = pytest.importorskip("torch")

from caloforge import io  # noqa: E402
from caloforge.card import Parent  # noqa: E402
from caloforge.errors import ModelError  # noqa: E402
from caloforge.networks.base import Domain  # noqa: E402
from caloforge.networks.factorised.tables import tables, weights_of  # noqa: E402
from caloforge.networks.meaning import AxisBlock  # noqa: E402
from caloforge.networks.objective import TrainingPlan  # noqa: E402
from caloforge.networks.spec import build_objective  # noqa: E402
from caloforge.train.loop import Training  # noqa: E402
from caloforge.train.recipe import Recipe, load_recipe  # noqa: E402
from caloforge.train.trained import load_trained  # noqa: E402
from caloforge.train.transfer import Start, read_start, start_from, take  # noqa: E402


def test_what_means_the_same_is_taken_and_what_grew_has_no_effect():
    class Part(torch.nn.Linear):
        def axes(self):
            columns = (AxisBlock("maps", 2), AxisBlock("latent", self.in_features - 2))
            return {"weight": {1: columns}}

    old, new = Part(5, 4), Part(7, 4)
    share = take(new, {**old.state_dict(), "unknown": torch.ones(1)}, old)
    image = torch.randn(2, 7)
    assert torch.allclose(new(image), old(image[:, :5]))
    assert share == pytest.approx((20 + 4) / (28 + 4))
    plain = torch.nn.Linear(7, 4)
    assert take(plain, old.state_dict(), old) == pytest.approx(4 / 32)


def domain(energy=(10.0, 500.0), degrees=(90.0, 90.0), shape=(9, 9, 6)):
    return Domain(
        shape=shape,
        energy_range_gev=energy,
        theta_range_rad=tuple(math.radians(angle) for angle in degrees),
        layer_depths_pads=tuple(0.8 * (layer + 0.5) for layer in range(shape[2])),
    )


def toy_modules(network, domain):
    """Generator and its companion with weights of order one."""
    recipe = Recipe.model_validate(
        {"name": "toy", "network": network, "training": {"epochs": 3, "batch_size": 4}}
    )
    plan = TrainingPlan(domain, recipe.trained_epochs, 1, 4)
    objective = build_objective(recipe.network, recipe.objective, plan)
    for module in objective.trained_modules().values():
        for parameter in module.parameters():
            torch.nn.init.normal_(parameter, std=0.1)
        module.eval()
    return objective, recipe


def transferred(network, was, now, changed=None):
    """The modules before and after a transfer to another domain (and other options)."""
    torch.manual_seed(0)
    old, recipe = toy_modules(network, was)
    new, wanted = toy_modules(network | (changed or {}), now)
    parts = {name: module.state_dict() for name, module in old.trained_modules().items()}
    start = Start(Parent(name="toy", digest="none"), network["name"], parts, recipe, was)
    start_from(start, new, wanted, now)
    return old.trained_modules(), new.trained_modules()


FACTORISED = {"name": "factorised", "flow_steps": 2, "flow_width": 8, "rings": 4}
LAYERED = {"name": "layered2d", "latent": 6, "channels": 16, "discriminator_channels": 16}
WIDER = domain(energy=(2.0, 800.0), degrees=(60.0, 120.0))


def close(one, other):
    return torch.allclose(one, other, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("now", [domain(degrees=(60.0, 120.0)), WIDER], ids=["angle", "range"])
@pytest.mark.parametrize("degrees", [60.0, 75.0, 90.0])
def test_factorised_does_at_first_what_it_did_whatever_the_new_range(now, degrees):
    was = domain()
    old, new = transferred(FACTORISED, was, now)
    energy = torch.tensor([12.0, 40.0, 150.0, 480.0])
    theta = torch.full((4,), math.radians(degrees))
    layer_energy = 0.02 * energy[:, None] * torch.rand(4, 6)
    conditions = [modules["generator"].knots(energy, theta) for modules in (old, new)]
    weights, flows = [], []
    for modules, condition in zip((old, new), conditions, strict=True):
        weights.append(modules["generator"].pattern.weights(layer_energy, condition)[0])
        data = torch.linspace(-1, 1, 24).reshape(4, 6)
        for coupling in modules["generator"].layers.couplings:
            data, _ = coupling(data, condition.features)
        flows.append(data)
    assert close(*weights) and close(*flows)
    assert weights[0].std() > 1e-3


def test_the_impact_encoder_reads_upright_showers_as_it_did():
    was = domain()
    old, new = transferred(FACTORISED, was, domain(degrees=(60.0, 120.0)))
    energy, theta = torch.tensor([12.0, 40.0, 150.0]), torch.full((3,), math.pi / 2)
    cells, still = torch.rand(3, 9, 9, 6), torch.zeros(3, 6)
    impacts = [
        modules["encoder"](cells, modules["generator"].knots(energy, theta), still)
        for modules in (old, new)
    ]
    assert close(*impacts) and impacts[0].abs().max() > 1e-3


@pytest.mark.parametrize("changed", [{}, {"latent": 9}])
def test_a_gan_does_at_first_what_it_did(changed):
    was = domain()
    old, new = transferred(LAYERED, was, WIDER, changed)
    energy = torch.tensor([12.0, 40.0, 150.0, 480.0])
    theta = torch.deg2rad(torch.tensor([60.0, 80.0, 90.0, 120.0]))
    latent = torch.randn(4, changed.get("latent", 6))
    with torch.no_grad():
        cells = [
            old["generator"](latent[:, :6], energy, theta),
            new["generator"](latent, energy, theta),
        ]
        judged = [modules["discriminator"](cells[0], energy, theta) for modules in (old, new)]
    assert torch.allclose(*cells, rtol=1e-2, atol=1e-6) and cells[0].max() > 1e-6
    assert close(judged[0].logit, judged[1].logit)


def test_more_layers_behind_the_old_ones_have_no_effect_at_first():
    old, new = transferred(LAYERED, domain(), domain(shape=(9, 9, 8)))
    energy, theta, latent = torch.tensor([40.0]), torch.tensor([1.57]), torch.randn(1, 6)
    with torch.no_grad():
        cells = [modules["generator"](latent, energy, theta) for modules in (old, new)]
    assert close(cells[0], cells[1][..., :6])


def test_places_without_a_partner_start_fresh():
    """The flow's couplings shuffle the layers: with other layers they begin as the identity."""
    torch.manual_seed(0)
    old, recipe = toy_modules(FACTORISED, domain())
    now = domain(shape=(9, 9, 8))
    plan = TrainingPlan(now, 2, 1, 4)
    new = build_objective(recipe.network, recipe.objective, plan)
    parts = {name: module.state_dict() for name, module in old.trained_modules().items()}
    start_from(Start(Parent(name="toy", digest="none"), "factorised", parts, recipe, domain()),
               new, recipe, now)  # fmt: skip
    for coupling in new.generator.layers.couplings:
        assert (coupling.network[-1].weight == 0).all()
    assert new.generator.pattern.network[4].weight[: 6 * 4].std() > 0.05


@pytest.fixture
def first(sample, recipe_file, tmp_path):
    one = load_recipe(recipe_file).with_epochs(1)
    Training(one, [sample], tmp_path / "first", Silent()).run()
    return tmp_path / "first"


def weights(folder):
    generator, card = load_trained(folder)
    return generator.state_dict(), card


def test_a_run_starts_from_another_and_says_so(first, sample, recipe_file, tmp_path):
    recipe = load_recipe(recipe_file)
    training = Training(recipe, [sample], tmp_path / "second", Silent(), start=first)
    assert training.taken == 1.0
    theirs, _ = weights(first)
    for name, value in training.objective.generator.state_dict().items():
        assert torch.equal(value, theirs[name]), name
        assert torch.equal(training.objective.ema_generator.state_dict()[name], theirs[name])
    discriminator = training.objective.discriminator.state_dict()
    assert any(
        torch.equal(value, read_start(first).parts["discriminator"][name])
        for name, value in discriminator.items()
    )
    training.run()
    _, card = weights(tmp_path / "second")
    assert card.parent.name == "toy" and card.parent.digest.startswith("sha256:")


def test_the_same_command_goes_on_and_does_not_start_again(first, sample, recipe_file, tmp_path):
    recipe = load_recipe(recipe_file)
    straight = Training(recipe, [sample], tmp_path / "straight", Silent(), start=first).run()
    Training(recipe.with_epochs(1), [sample], tmp_path / "halted", Silent(), start=first).run()
    resumed = Training(recipe, [sample], tmp_path / "halted", Silent(), start=first).run()
    assert resumed.best_score == straight.best_score
    one, other = weights(tmp_path / "straight")[0], weights(tmp_path / "halted")[0]
    assert all(torch.equal(value, other[name]) for name, value in one.items())


def test_another_window_takes_the_convolutions(first, recipe_file, tmp_path, toy_detector):
    window = toy_detector.windows["fixed"].model_copy(update={"shape": (9, 9)})
    larger = toy_detector.model_copy(update={"windows": {"fixed": window}})
    path = tmp_path / "larger.h5"
    io.write(path, make_showers(larger, 60))
    recipe = load_recipe(recipe_file)
    training = Training(recipe, [path], tmp_path / "larger", Silent(), start=first)
    assert 0.2 < training.taken < 1.0
    theirs = read_start(first).parts["generator"]["blocks.1.convolution.weight"]
    assert torch.equal(training.objective.generator.blocks[1].convolution.weight, theirs)


def test_a_model_file_is_a_start_too(first, sample, recipe_file, tmp_path):
    pytest.importorskip("onnxscript")
    from caloforge.export import export_generator

    generator, card = load_trained(first)
    export_generator(generator, card, tmp_path / "model.onnx")
    start = read_start(tmp_path / "model.onnx")
    dense = generator.state_dict()["dense.weight"]
    np.testing.assert_array_equal(start.parts["generator"]["dense.weight"].numpy(), dense.numpy())
    recipe = load_recipe(recipe_file)
    training = Training(recipe, [sample], tmp_path / "on", Silent(), start=tmp_path / "model.onnx")
    assert training.taken > 0.9
    assert torch.equal(training.objective.generator.dense.weight, dense)


def test_a_bundled_model_is_a_start_by_its_name():
    start = read_start(Path("clic_ecal_fixed"))
    assert (start.parent.name, start.network) == ("clic_ecal_fixed", "factorised")
    assert start.parts["generator"]["halo.deposit"].mean().item() == pytest.approx(3e-4, rel=0.1)


def test_another_network_or_no_model_is_refused(first, sample, recipe_file, tmp_path):
    text = recipe_file.read_text().replace('"layered2d"', '"conv2d"').replace("latent = 8\n", "")
    recipe_file.write_text(text)
    recipe = load_recipe(recipe_file)
    with pytest.raises(ModelError, match="toy is a layered2d: a conv2d cannot start from it"):
        Training(recipe, [sample], tmp_path / "other", Silent(), start=first)
    with pytest.raises(
        ModelError, match="no run folder with a finished epoch, no model file and no"
    ):
        read_start(tmp_path / "nothing")
    (tmp_path / "text.onnx").write_text("no")
    with pytest.raises(ModelError, match="no ONNX file"):
        read_start(tmp_path / "text.onnx")


@pytest.mark.parametrize("name", ["clic_ecal_fixed", "clic_ecal_angle"])
def test_a_bundled_model_gives_all_its_weights_also_those_that_its_graph_holds_otherwise(name):
    start = read_start(Path(name))
    weights = start.parts["generator"]
    plan = TrainingPlan(start.domain, 3, 1, 4)
    generator = build_objective(start.recipe.network, start.recipe.objective, plan).generator
    assert take(generator, weights) == 1.0
    assert generator.pattern.log_sigma.exp().min() < 0.05


def test_weights_that_a_graph_holds_otherwise_are_found_again():
    generator = toy_modules(FACTORISED, domain(degrees=(60.0, 120.0)))[0].generator
    with torch.no_grad():
        generator.layers.colouring.copy_(torch.eye(6) + 0.1 * torch.ones(6, 6).tril(-1))
    held = tables(generator)
    described = "".join(f"table {name} {name}\n" for name in held)
    found = weights_of(described, held)
    for name in ("pattern.log_sigma", "pattern.shift"):
        wanted = generator.get_parameter(name).detach().numpy()
        np.testing.assert_allclose(found[name], wanted, rtol=1e-4, atol=1e-6)
    white = found["layers.whitening"] @ generator.layers.colouring.numpy()
    np.testing.assert_allclose(white, np.eye(6), atol=1e-5)
