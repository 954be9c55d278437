"""A teacher's showers in the batches: which steps, which conditions, and what is refused."""

import json

import numpy as np
import pytest
from tests.command import call

torch = pytest.importorskip("torch")

import caloforge  # noqa: E402
from caloforge.errors import ConfigError, DetectorError, InputError, ModelError, RangeError  # noqa: E402
from caloforge.train.data import TrainingData  # noqa: E402
from caloforge.train.files import ShowerFiles  # noqa: E402
from caloforge.train.recipe import DataOptions, Recipe, TeacherOptions  # noqa: E402
from caloforge.train.teacher import Teacher  # noqa: E402
from caloforge.train.trained import load_trained  # noqa: E402

RECIPE = """
name = "taught"
network = {name = "layered2d", channels = 16, discriminator_channels = 16}
objective = {name = "energy_score", made = 8}
training = {epochs = 2, batch_size = 8, checkpoint_every_seconds = 0}
[data.teacher]
model = "toy"
repeats = 4
"""


def teacher(sample, model, **options):
    files = ShowerFiles([sample])
    data = TrainingData(files, DataOptions(), batch_size=8, seed=1)
    asked = TeacherOptions(model=str(model), **options)
    return Teacher(asked, files, data.is_training, batch_size=8, seed=1)


def test_batches_are_the_models_showers_in_runs_of_one_condition(sample, toy_model):
    made = teacher(sample, toy_model, repeats=4)
    batch = made.batch(0, 3)
    assert batch.repeats == 4 and len(batch) == 8
    energy = batch.energy.numpy().reshape(2, 4)
    assert (energy == energy[:, :1]).all() and energy[0, 0] != energy[1, 0]
    again, other = made.batch(0, 3), made.batch(0, 4)
    assert torch.equal(batch.cells, again.cells) and not torch.equal(batch.cells, other.cells)
    assert float(batch.cells.sum()) > 0


def test_energies_are_drawn_as_asked(sample, toy_model):
    card = caloforge.load(toy_model).card
    low, high = card.energy_range_gev
    middle = 0.5 * (low + high)
    made = teacher(sample, toy_model, energy=f"{middle}:{high}")
    energies = np.concatenate([made.batch(0, step).energy.numpy() for step in range(20)])
    assert energies.min() >= middle and energies.max() <= high


def test_its_share_of_the_steps_is_taught(sample, toy_model):
    made = teacher(sample, toy_model, share=0.3)
    taught = [made.teaches(epoch, step) for epoch in range(40) for step in range(25)]
    assert 0.25 < np.mean(taught) < 0.35


@pytest.mark.parametrize(
    ("options", "problem", "line"),
    [
        ({"repeats": 3}, ConfigError, "repeats of 3"),
        ({"energy": "ten"}, InputError, "energy 'ten' is not understood"),
    ],
)
def test_what_cannot_be_taught_is_refused(sample, toy_model, options, problem, line):
    with pytest.raises(problem, match=line):
        teacher(sample, toy_model, **options)


def test_a_network_of_the_same_latent_is_given_the_teachers_numbers(sample, tmp_path):
    recipe, folder, model = tmp_path / "first.toml", tmp_path / "run", tmp_path / "first.onnx"
    recipe.write_text(RECIPE[: RECIPE.index("[data.teacher]")])
    for command in (
        ["train", recipe, "--data", sample, "-o", folder],
        ["export", folder, "-o", model],
    ):
        assert call(*command) == 0
    generator, _ = load_trained(folder)
    made = teacher(sample, model, same_latent=True)
    batch = made.batch(0, 0)
    with torch.no_grad():
        cells = generator.eval()(batch.latent, batch.energy, batch.theta)
    assert torch.allclose(cells, batch.cells, atol=1e-5 * float(cells.max()))
    made.check_latent(generator)
    generator.latent_dim += 1
    with pytest.raises(ConfigError, match="same_latent needs the same"):
        made.check_latent(generator)


def test_only_energy_scores_learn_pair_by_pair():
    table = {"name": "x", "network": {"name": "layered2d"}, "training": {"epochs": 1}}
    table["data"] = {"teacher": {"model": "m.onnx", "same_latent": True}}
    with pytest.raises(ValueError, match="same_latent needs energy scores, got objective 'gan'"):
        Recipe.model_validate(table)


def test_a_teacher_of_another_detector_is_refused(sample):
    with pytest.raises(DetectorError, match="the model clic_ecal_fixed to clic_ecal"):
        teacher(sample, "clic_ecal_fixed")


def test_a_missing_teacher_is_named(sample, tmp_path):
    with pytest.raises(ModelError, match=r"none\.onnx"):
        teacher(sample, tmp_path / "none.onnx")


def test_a_range_outside_the_teachers_is_refused(sample, toy_model):
    with pytest.raises(RangeError):
        teacher(sample, toy_model, energy="5000:9000")


def test_train_learns_from_a_teacher_and_says_which(sample, toy_model, tmp_path):
    recipe, folder = tmp_path / "taught.toml", tmp_path / "run"
    recipe.write_text(RECIPE)
    command = ["train", recipe, "--data", sample, "--teacher", toy_model, "-o", folder]
    assert call(*command) == 0
    stored = json.loads((folder / "run.json").read_text())
    assert stored["recipe"]["data"]["teacher"]["model"] == str(toy_model)
    assert stored["teacher"]["digest"]
    losses = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    assert any("validation" in line for line in losses)
