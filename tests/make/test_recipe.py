"""The recipe that make chooses: of what a sample suggests, for all that was asked."""

from pathlib import Path

import pytest
from tests.conftest import make_showers, make_toy_detector
from tests.make.test_look import showers
from tests.make.test_request import request

pytest.importorskip("torch")

from caloforge import io
from caloforge.make.look import Look
from caloforge.make.recipe import _recipe, choose_recipe, recipe_text
from caloforge.train.data import TrainingData
from caloforge.train.files import ShowerFiles
from caloforge.train.recipe import load_recipe


@pytest.mark.parametrize("number", [100, 200, 500, 999, 1000, 2200])
def test_nearly_all_showers_are_trained_on_and_measured(number):
    recipe = _recipe(request(), number, Look.of(showers(1.5)))
    options = recipe.training
    validated = max(2, round(number * recipe.data.validation_fraction))
    measured = (number - validated) // options.batch_size * options.batch_size
    assert measured >= 0.8 * number
    assert validated >= 10


def test_many_showers_keep_the_steps_of_64():
    recipe = _recipe(request(), 2200, Look.of(showers(1.5)))
    assert recipe.training.batch_size == 64
    assert recipe.training.epochs == 46


@pytest.mark.parametrize(("theta", "degrees"), [("90", None), ("60:120", (60.0, 120.0))])
def test_the_model_is_for_the_energies_and_angles_that_were_asked_for(
    tmp_path: Path, theta: str, degrees: tuple[float, float] | None
) -> None:
    """A few hundred training showers end before the highest energy of the held-out ones."""
    path = tmp_path / "training.h5"
    io.write(path, make_showers(make_toy_detector(), 220))
    recipe, why = choose_recipe(request(energy="log:0.5:2000", theta=theta), [path])
    (tmp_path / "recipe.toml").write_text(recipe_text(recipe, why))
    read = load_recipe(tmp_path / "recipe.toml")
    assert read == recipe
    assert (recipe.data.energy_gev, recipe.data.theta_deg) == ((0.5, 2000.0), degrees)
    data = TrainingData(ShowerFiles([path]), recipe.data, batch_size=8, seed=1)
    assert data.domain().energy_range_gev == (0.5, 2000.0)
