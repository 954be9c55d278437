import numpy as np
import pytest
from sklearn.metrics import roc_auc_score
from tests.physics import slow

from caloforge.validate.classifier import (
    CellNetwork,
    boosted_trees,
    classify,
    jensen_shannon,
)


def tables(shift: float, n: int = 300):
    rng = np.random.default_rng(0)
    first, second = (rng.normal(size=(n, 6)).astype(np.float32) for _ in range(2))
    return first, second + np.float32(shift)


@pytest.mark.parametrize("model", [boosted_trees, CellNetwork])
def test_classifiers_see_a_difference_and_nothing_where_there_is_none(model):
    same = classify(model, *tables(0.0), seed=0)
    assert abs(same.value - 0.5) < 3 * same.error + 0.03
    assert abs(same.divergence.mean()) < 0.05
    apart = classify(model, *tables(2.0), seed=0)
    assert apart.value > 0.97
    assert apart.divergence.mean() > 0.6


def test_every_shower_is_tested_once_and_partners_together():
    found = classify(boosted_trees, *tables(0.5), seed=3)
    assert len(found.probability) == 600
    assert found.is_generated.sum() == 300
    assert len(found.auc) == 5


def test_remembering_conditions_does_not_help():
    """Both samples hold the same rows: a split that parts partners would score under 0.5."""
    first = tables(0.0)[0]
    found = classify(boosted_trees, first, first.copy(), seed=0)
    assert found.value == pytest.approx(0.5, abs=1e-6)


def test_probabilities_are_calibrated():
    first, second = tables(0.7, 1500)
    found = classify(boosted_trees, first, second, seed=1)
    high = found.probability > 0.7
    assert high.sum() > 100
    assert found.is_generated[high].mean() == pytest.approx(
        found.probability[high].mean(), abs=0.05
    )


def test_auc_is_the_share_of_ordered_pairs():
    rng = np.random.default_rng(2)
    labels, scores = rng.integers(0, 2, 60), np.round(rng.random(60), 1)
    assert roc_auc_score(labels, scores) == pytest.approx(slow.auc(labels, scores))


def test_divergence_of_certain_and_of_clueless_classifiers():
    labels = np.array([0, 1, 0, 1])
    assert jensen_shannon(labels.astype(float), labels) == pytest.approx(1)
    assert jensen_shannon(np.full(4, 0.5), labels) == 0
