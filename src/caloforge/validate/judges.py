"""The classifiers that judge a comparison, each on as many showers as it is good for."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np

from caloforge import scaling
from caloforge.typing import FloatArray
from caloforge.validate import classifier
from caloforge.validate.classifier import Classification, classify
from caloforge.validate.comparison import Comparison, Sample
from caloforge.validate.estimate import split
from caloforge.validate.result import Level


class ClassifierJudge(NamedTuple):
    """A classifier, by its measure: what it is given, on how many showers a side, how often."""

    name: str
    inputs: Callable[[Sample], FloatArray]
    build: Callable[[int], Any]
    most_showers: int = scaling.CLASSIFIER_MAX_SHOWERS
    rotations: int = scaling.CLASSIFIER_FOLDS
    floor_rotations: int = scaling.FLOOR_ROTATIONS


def _features_of(sample: Sample) -> FloatArray:
    return classifier.high_level_inputs(sample.features, sample.summary)


def _cells_of(sample: Sample) -> FloatArray:
    return classifier.low_level_inputs(sample.summary)


TREES = ClassifierJudge("auc_high", _features_of, classifier.boosted_trees)
CELLS = ClassifierJudge("auc_low", _cells_of, classifier.CellNetwork)


def judges_of(level: Level, sample: Sample) -> tuple[list[ClassifierJudge], list[str]]:
    """The judges of a level, and what to say of one that is not there."""
    if level != "full":
        return [TREES, CELLS], []
    if not find_spec("torch"):
        return [TREES, CELLS], ["the residual network judges only with caloforge[train]"]
    return [TREES, CELLS, _residual_network(sample)], []


def _residual_network(sample: Sample) -> ClassifierJudge:
    from caloforge.networks.classifiers.judge import ResidualJudge

    shape = sample.summary.pooled_shape
    return ClassifierJudge(
        "auc_residual",
        _cells_of,
        lambda seed: ResidualJudge(seed, shape),
        scaling.RESIDUAL_MAX_SHOWERS,
        scaling.RESIDUAL_ROTATIONS,
        scaling.RESIDUAL_ROTATIONS,
    )


def classified_by(
    judges: list[ClassifierJudge],
    comparison: Comparison,
    size: int,
    seed: int,
    rng: np.random.Generator,
) -> dict[str, tuple[Classification, Classification, int]]:
    """Each judge on as many showers as there are, and on halves of the reference.

    An AUC is measured on showers that were not trained on, so its floor is 0.5 at any size.
    """
    reference, generated = comparison.reference, comparison.generated
    most = min(len(reference), len(generated), scaling.CLASSIFIER_MAX_SHOWERS)
    rows = rng.permutation(len(reference))[:most]
    made = rows if comparison.paired else rng.permutation(len(generated))[:most]
    halves = split(comparison, min(size, most), rng)[:2]
    classified = {}
    for each in judges:
        showers = min(most, each.most_showers)
        ours, floor = (
            classify(each.build, *(each.inputs(part) for part in parts), seed=seed, rotations=turns)
            for parts, turns in (
                ((reference[rows[:showers]], generated[made[:showers]]), each.rotations),
                (tuple(reference[half[:showers]] for half in halves), each.floor_rotations),
            )
        )
        classified[each.name] = (ours, floor, showers)
    return classified
