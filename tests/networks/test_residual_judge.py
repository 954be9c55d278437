"""The residual network tells images apart that differ in their layers, not in their sums."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from caloforge.networks.classifiers import judge  # noqa: E402
from caloforge.networks.classifiers.judge import ResidualJudge  # noqa: E402
from caloforge.networks.classifiers.resnet import ResNetClassifier  # noqa: E402

SHAPE = (5, 4, 6)


def rows(n, rng, layer):
    image = rng.random((n, *SHAPE))
    image[..., layer] += 1.0
    return np.column_stack([image.reshape(n, -1), rng.random(n)]).astype(np.float32)


@pytest.mark.slow
def test_it_learns_what_differs_and_nothing_else():
    rng = np.random.default_rng(0)

    def judged(layers, seed=1):
        parts = [np.concatenate([rows(60, rng, layer) for layer in layers]) for _ in range(2)]
        labels = np.repeat([0, 1], 60)
        found = ResidualJudge(seed, SHAPE).fit(parts[0], labels).predict_proba(parts[1])
        np.testing.assert_allclose(found.sum(axis=1), 1)
        return np.mean((found[:, 1] > 0.5) == labels)

    assert judged((1, 3)) > 0.9
    assert judged((2, 2)) < 0.7


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU adds in no fixed order")
def test_the_seed_fixes_it(monkeypatch):
    monkeypatch.setattr(judge, "FEWEST_STEPS", 1)
    inputs = rows(20, np.random.default_rng(0), 1)
    labels = np.repeat([0, 1], 10)
    first, again, other = (
        ResidualJudge(seed, SHAPE).fit(inputs, labels).predict_proba(inputs) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.filterwarnings("ignore:TF32 acceleration")
def test_gradients_of_few_layers_are_those_of_the_plain_convolution():
    def gradient(quick):
        torch.manual_seed(1)
        network, inputs = ResNetClassifier((7, 8, 9)), torch.randn(6, 1 + 7 * 8 * 9)
        with torch.backends.mkldnn.flags(enabled=quick):
            network(inputs).square().sum().backward()
        return network.image[0].weight.grad

    quick, plain = gradient(True), gradient(False)
    assert (quick - plain).abs().max() < 1e-3 * plain.abs().max()
