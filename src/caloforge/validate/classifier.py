"""Classifiers that try to tell generated showers from the reference's.

The area under the ROC curve (AUC) is 0.5 where they cannot. Both classifiers come from
scikit-learn, so the number is the same wherever caloforge is installed.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.neural_network import MLPClassifier

from caloforge import scaling
from caloforge.physics.features import Features
from caloforge.physics.summary import Summary
from caloforge.typing import Float64Array, FloatArray, IntArray
from caloforge.validate.threads import on_one_thread


@dataclass(frozen=True)
class Classification:
    """What a classifier found, over the rotations of its split."""

    auc: Float64Array
    """Area under the ROC curve on the test part of each rotation (R,)."""
    divergence: Float64Array
    """Jensen-Shannon divergence estimated by the calibrated classifier (R,): 0 same, 1 apart."""
    probability: Float64Array
    """Calibrated probability of being generated, for every shower tested (M,)."""
    is_generated: IntArray
    """1 where that shower is generated, 0 where it is the reference's (M,)."""

    @property
    def value(self) -> float:
        """Mean AUC over the rotations."""
        return float(self.auc.mean())

    @property
    def error(self) -> float:
        """Error of the mean AUC: the rotations' spread or the counting error, if that is more."""
        spread = self.auc.std(ddof=1) / np.sqrt(len(self.auc))
        return float(max(spread, auc_error(self.value, len(self.is_generated) // 2)))


def high_level_inputs(features: Features, summary: Summary) -> FloatArray:
    """Shower features and log10 Ep, (N, F + 1)."""
    table = np.column_stack([features.values, np.log10(summary.energy)])
    return table.astype(np.float32)


def low_level_inputs(summary: Summary) -> FloatArray:
    """Roots of the (pooled) cells over Ep, and log10 Ep, (N, P + 1).

    The root brings seven decades of cell energy to within three without inflating the smallest.
    """
    cells = np.sqrt(summary.pooled / summary.energy[:, None])
    return np.column_stack([cells, np.log10(summary.energy)]).astype(np.float32)


def boosted_trees(seed: int) -> Any:
    """The high-level classifier."""
    return HistGradientBoostingClassifier(
        max_iter=100, max_leaf_nodes=8, early_stopping=False, random_state=seed
    )


class CellNetwork:
    """The low-level classifier: a network of two hidden layers on standardised inputs.

    Inputs that hardly vary are not blown up: each is divided by its standard deviation or by a
    fifth of the largest one, whichever is more.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.mean: FloatArray = np.zeros(1, np.float32)
        self.unit: FloatArray = np.ones(1, np.float32)

    def fit(self, inputs: FloatArray, labels: IntArray) -> CellNetwork:
        """Train on inputs (N, F) and labels (N,)."""
        spread = inputs.std(axis=0)
        self.mean = inputs.mean(axis=0)
        self.unit = np.maximum(spread, max(0.2 * float(spread.max()), 1e-12))
        self.network = MLPClassifier(
            (32, 16), learning_rate_init=2e-3, alpha=1e-3, max_iter=10,
            batch_size=min(64, len(inputs)), random_state=self.seed,
        )  # fmt: skip
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            self.network.fit((inputs - self.mean) / self.unit, labels)
        return self

    def predict_proba(self, inputs: FloatArray) -> Float64Array:
        """Probability of each class, (N, 2)."""
        found: Float64Array = self.network.predict_proba((inputs - self.mean) / self.unit)
        return found


@on_one_thread
def classify(
    model: Callable[[int], Any],
    reference: FloatArray,
    generated: FloatArray,
    *,
    seed: int,
    rotations: int = scaling.CLASSIFIER_FOLDS,
) -> Classification:
    """Train and test `model(seed)` on tables (N, F) of equal length.

    The showers are split 60/20/20 into training, calibration and test parts; `rotations` of five
    rotate the parts so that every shower is tested at most once. Row i of both tables stays in the
    same part: samples made at the same conditions cannot be told by remembering conditions.
    """
    order = np.random.default_rng(seed).permutation(len(reference))
    folds = np.array_split(order, scaling.CLASSIFIER_FOLDS)
    results = [
        _rotate(model(seed + turn), reference, generated, folds, turn) for turn in range(rotations)
    ]
    return Classification(
        auc=np.array([result[0] for result in results]),
        divergence=np.array([result[1] for result in results]),
        probability=np.concatenate([result[2] for result in results]),
        is_generated=np.concatenate([result[3] for result in results]),
    )


def _rotate(
    model: Any, reference: FloatArray, generated: FloatArray, folds: list[IntArray], turn: int
) -> tuple[float, float, Float64Array, IntArray]:
    """AUC, divergence, calibrated probabilities and labels of the test part of one rotation."""
    test, calibration = folds[turn], folds[(turn + 1) % len(folds)]
    held_out = (turn, (turn + 1) % len(folds))
    train = np.concatenate([fold for index, fold in enumerate(folds) if index not in held_out])

    def part(rows: IntArray) -> tuple[FloatArray, IntArray]:
        return np.concatenate([reference[rows], generated[rows]]), np.repeat([0, 1], len(rows))

    model.fit(*part(train))
    scores = [_logit(model.predict_proba(part(rows)[0])[:, 1]) for rows in (calibration, test)]
    labels = part(test)[1]
    calibrator = LogisticRegression().fit(scores[0][:, None], part(calibration)[1])
    probability = calibrator.predict_proba(scores[1][:, None])[:, 1]
    return (
        float(roc_auc_score(labels, scores[1])),
        jensen_shannon(probability, labels),
        probability,
        labels,
    )


def auc_error(auc: float, showers: int) -> float:
    """Error of an AUC from `showers` tested on each side (Hanley and McNeil 1982).

    >>> round(auc_error(0.5, 600), 4)
    0.0167
    """
    better = max(auc, 1 - auc)
    first, second = better / (2 - better), 2 * better**2 / (1 + better)
    rest = (showers - 1) * (first + second - 2 * better**2)
    return float(np.sqrt((better * (1 - better) + rest) / showers**2))


def _logit(probability: Float64Array) -> Float64Array:
    clipped = np.clip(probability, 1e-7, 1 - 1e-7)
    logit: Float64Array = np.log(clipped / (1 - clipped))
    return logit


def jensen_shannon(probability: Float64Array, is_generated: IntArray) -> float:
    """Divergence in bits that a classifier's probabilities prove: 1 - cross-entropy / ln 2.

    >>> jensen_shannon(np.array([0.5, 0.5]), np.array([0, 1]))
    0.0
    """
    right = np.where(is_generated == 1, probability, 1 - probability)
    return float(1 + np.mean(np.log2(np.clip(right, 1e-12, 1))))
