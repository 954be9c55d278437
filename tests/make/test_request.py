"""What is asked for, and what is refused in a line."""

import pytest
from tests.conftest import make_toy_detector

from caloforge.errors import InputError
from caloforge.make.request import Goal, MakeRequest, parse_budget


def request(**changes):
    given = {
        "detector": make_toy_detector(), "given": "toy.toml", "particle": "gamma",
        "energy": "log:1:50", "theta": "90", "window": None, "showers": 2200, "data": None,
        "seed": 1,
    }  # fmt: skip
    return MakeRequest(**{**given, **changes})


def test_a_part_is_held_out_and_the_rest_trains():
    asked = request()
    assert asked.held_out == 330
    assert asked.held_out + asked.training == 2200
    assert request(showers=10**6).held_out == 2000


def test_too_few_showers_are_refused():
    with pytest.raises(InputError, match="200 showers at least, got 50"):
        request(showers=50)


@pytest.mark.parametrize(
    "text",
    ["auc", "auc=", "auc=good", "speed=3", "=0.6", "auc=nan", "auc=inf", "auc_residual=0.6"],
)
def test_a_goal_that_is_none_is_refused_with_the_scores_there_are(text):
    with pytest.raises(InputError, match=r"SCORE=NUMBER.*auc_high"):
        Goal.parse(text)


@pytest.mark.parametrize("text", ["auc=0.3", "wasserstein=-1"])
def test_a_goal_that_nothing_reaches_is_refused(text):
    with pytest.raises(InputError, match="better than right"):
        Goal.parse(text)


def test_a_goal_holds_on_the_good_side_of_it():
    assert str(Goal.parse("auc=0.6")) == "auc_high=0.6"
    spread = Goal.parse("spread=0.95")
    assert spread.holds(1.02)
    assert not spread.holds(0.9)
    assert not spread.holds(float("nan"))


@pytest.mark.parametrize("text", ["2", "h", "-2h", "2 days", "0min", "1e3s"])
def test_a_budget_that_is_no_time_is_refused(text):
    with pytest.raises(InputError, match="90min, 2h or 600s"):
        parse_budget(text)
