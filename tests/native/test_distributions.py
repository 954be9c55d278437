"""The sampler's showers and the graph's are the same physics: large samples, fixed seeds."""

import numpy as np
import pytest

pytest.importorskip("caloforge_native", reason="caloforge-native is not built")

from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score

from caloforge.beam import Conditions
from caloforge.engine import read_card
from caloforge.engine.runtimes import runtimes_for
from caloforge.generate import load
from caloforge.physics.features import shower_features
from caloforge.physics.summary import summarise

CHUNK = 500


def conditions_for(path, n):
    """Energies uniform in the logarithm, angles uniform: the same for both sides."""
    card, rng = read_card(path), np.random.default_rng(11)
    low, high = np.log(card.energy_range_gev)
    energy = np.exp(rng.uniform(low, high, n)).astype(np.float32)
    return Conditions(energy, rng.uniform(*card.theta_range_rad, n).astype(np.float32))


def features_of(path, runtime, conditions, seed):
    """Features (N, F) of showers, chunk by chunk: dense images of all would not fit."""
    generator = load(path, runtime=runtime)
    parts = []
    for first in range(0, len(conditions), CHUNK):
        rows = np.arange(first, min(first + CHUNK, len(conditions)))
        showers = generator.sample(conditions[rows], seed=seed + first)
        summary = summarise(
            showers.cells, showers.energy, showers.theta, pad_mm=showers.detector.pad_mm[1],
            layer_centres_mm=showers.detector.layer_centres_mm,
        )  # fmt: skip
        features = shower_features(summary, angle=True)
        parts.append(np.column_stack([features.values, showers.cells.sum(axis=(1, 2, 3))]))
    return np.concatenate(parts)


def z_scores(mine, graph):
    """Difference of means, and of widths, in their errors, (2, F)."""
    n = len(mine)
    difference = mine.mean(0) - graph.mean(0)
    error = np.sqrt((mine.var(0) + graph.var(0)) / n)
    spread = [np.abs(values - values.mean(0)) for values in (mine, graph)]
    wider = spread[0].mean(0) - spread[1].mean(0)
    wider_error = np.sqrt((spread[0].var(0) + spread[1].var(0)) / n)
    used = error > 0
    return np.stack([difference[used] / error[used], wider[used] / wider_error[used]])


def graph_runtime(path):
    """The fastest engine that runs the graph."""
    return next(name for name in runtimes_for(read_card(path)) if name != "native")


def test_means_and_widths_are_the_graphs(bundled):
    conditions = conditions_for(bundled, 1000)
    mine = features_of(bundled, "native", conditions, 100)
    graph = features_of(bundled, graph_runtime(bundled), conditions, 200_000)
    z = z_scores(mine, graph)
    assert z.shape[1] > 70
    assert np.sqrt((z**2).mean()) < 1.35 and np.abs(z).max() < 5


@pytest.mark.slow
def test_boosted_trees_cannot_tell_them_apart(bundled):
    conditions = conditions_for(bundled, 20_000)
    mine = features_of(bundled, "native", conditions, 100)
    graph = features_of(bundled, graph_runtime(bundled), conditions, 200_000)
    z = z_scores(mine, graph)
    assert np.sqrt((z**2).mean()) < 1.25 and np.abs(z).max() < 5
    table = np.concatenate([mine, graph])
    table = np.column_stack([table, np.log(np.tile(conditions.energy, 2))])
    label = np.repeat([1, 0], len(mine))
    train = np.tile(np.random.default_rng(0).random(len(mine)) < 0.6, 2)
    trees = HistGradientBoostingClassifier(random_state=0).fit(table[train], label[train])
    area = roc_auc_score(label[~train], trees.predict_proba(table[~train])[:, 1])
    assert area < 0.52
