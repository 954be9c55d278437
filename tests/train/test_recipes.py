from pathlib import Path

import pytest

pytest.importorskip("torch")

from caloforge.networks.spec import NETWORKS
from caloforge.train.recipe import load_recipe

RECIPES = Path(__file__).parents[2] / "recipes"


def test_every_network_has_a_recipe_of_its_name():
    assert {path.stem for path in RECIPES.glob("*.toml")} >= set(NETWORKS)


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.toml")), ids=lambda path: path.stem)
def test_recipes_are_valid(path):
    recipe = load_recipe(path)
    assert recipe.network.name in NETWORKS


def test_the_2018_recipe_is_the_published_one():
    objective = load_recipe(RECIPES / "conv3d.toml").objective
    weights = objective.weights
    assert (weights.real, weights.energy, weights.ecal) == (6.0, 0.2, 0.1)
    assert (objective.label_flips, objective.generator_steps) == (0.05, 2)
    assert (objective.optimiser, objective.generator_learning_rate) == ("rmsprop", 0.001)
