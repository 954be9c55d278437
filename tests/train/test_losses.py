import pytest

torch = pytest.importorskip("torch")

from caloforge.networks.gan.losses import (  # noqa: E402
    flipped_labels,
    gradient_penalty,
    percentage_error,
    real_or_fake,
)
from caloforge.networks.objective import WeightAverage  # noqa: E402


def test_percentage_error_is_in_percent_of_the_truth():
    measured, true = torch.tensor([1.5, 8.0]), torch.tensor([1.0, 10.0])
    assert percentage_error(measured, true).item() == pytest.approx((50 + 20) / 2)


def test_five_percent_of_the_labels_are_flipped():
    torch.manual_seed(0)
    labels = flipped_labels(20_000, 0.0, 0.05, 0.0)
    assert set(labels.tolist()) == {0.0, 1.0}
    assert labels.mean().item() == pytest.approx(0.05, abs=0.01)
    assert flipped_labels(100, 1.0, 0.0, 0.2).unique().tolist() == [pytest.approx(0.8)]


def test_real_or_fake_is_the_cross_entropy():
    logit = torch.tensor([0.7])
    expected = -torch.log(torch.sigmoid(logit))
    assert torch.allclose(real_or_fake(logit, torch.ones(1)), expected[0])


def test_gradient_penalty_of_a_linear_judge_is_its_squared_slope():
    slope = torch.tensor([3.0, 4.0])
    image = torch.randn(5, 2, requires_grad=True)
    assert gradient_penalty(image @ slope, image).item() == pytest.approx(12.5)


def test_the_average_follows_and_decay_zero_copies():
    module, average = torch.nn.Linear(1, 1), torch.nn.Linear(1, 1)
    WeightAverage(average, 0.0).update(module)
    assert torch.equal(average.weight, module.weight)
    follower = WeightAverage(average, 0.9)
    follower.steps = 10_000
    with torch.no_grad():
        module.weight += 1.0
    before = average.weight.clone()
    follower.update(module)
    assert torch.allclose(average.weight, before + 0.1)
