from pathlib import Path

import numpy as np
import pytest
from tests.conftest import make_showers
from tests.train.test_training import Silent

torch = pytest.importorskip("torch")

from caloforge import io  # noqa: E402
from caloforge.errors import ModelError  # noqa: E402
from caloforge.train.loop import Training  # noqa: E402
from caloforge.train.recipe import load_recipe  # noqa: E402
from caloforge.train.trained import load_trained  # noqa: E402
from caloforge.train.transfer import read_start, take  # noqa: E402


def test_what_fits_is_taken_and_what_grew_is_padded():
    old, new = torch.nn.Linear(3, 4), torch.nn.Linear(5, 4)
    state = {**old.state_dict(), "unknown": torch.ones(1)}
    share = take(new, state)
    image = torch.randn(2, 5)
    assert torch.allclose(new(image), old(image[:, :3]))
    assert share == pytest.approx((12 + 4) / (20 + 4))
    assert take(torch.nn.Linear(2, 4), old.state_dict()) == pytest.approx(4 / 12)
    assert take(torch.nn.Linear(2, 3), old.state_dict()) == 0


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
