"""The recipe that a sample suggests."""

import pytest
from tests.make.test_look import showers

from caloforge.make.look import Look
from caloforge.make.recipe import _recipe


@pytest.mark.parametrize("number", [100, 200, 500, 999, 1000, 2200])
def test_nearly_all_showers_are_trained_on_and_measured(number):
    recipe = _recipe("few", 1, number, Look.of(showers(1.5)))
    options = recipe.training
    validated = max(2, round(number * recipe.data.validation_fraction))
    measured = (number - validated) // options.batch_size * options.batch_size
    assert measured >= 0.8 * number
    assert validated >= 10


def test_many_showers_keep_the_steps_of_64():
    recipe = _recipe("many", 1, 2200, Look.of(showers(1.5)))
    assert recipe.training.batch_size == 64
    assert recipe.training.epochs == 46
