"""Two samples of showers into scores with errors, floors and verdicts."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np

from caloforge import scaling
from caloforge.physics.distances import defined_mean
from caloforge.physics.summary import Summary
from caloforge.showers import Showers
from caloforge.typing import Float64Array, FloatArray, IntArray
from caloforge.units import degree
from caloforge.validate import classifier
from caloforge.validate.classifier import Classification, classify
from caloforge.validate.comparison import Comparison, Sample, compare
from caloforge.validate.measures import (
    MEASURES,
    Measure,
    by_angle,
    gaussian_scale,
    response_by_energy,
    score_pair,
    spread_ratios,
)
from caloforge.validate.nearest import nearest_distances
from caloforge.validate.result import JudgedMeasure, Level, ValidationResult, Verdict
from caloforge.validate.threads import on_one_thread

SPLITS = {"quick": 6, "full": 20}
BOOTSTRAPS = {"quick": 16, "full": 60}
Table = dict[str, Float64Array]
Rows = tuple[IntArray, IntArray, IntArray]


class Estimate(NamedTuple):
    """A measure's value and floor with their errors; NaN where a sample leaves it undefined."""

    value: float
    error: float
    floor: float
    floor_error: float
    excess_error: float
    """Error of value - floor."""
    showers: int
    """Showers a side that it was measured on."""


def validate(
    reference: Showers, generated: Showers, *, level: Level = "quick", seed: int = 0
) -> ValidationResult:
    """Score generated showers against a reference, as `caloforge validate` does.

    Raises
    ------
    InputError
        if either sample has too few showers to compare.
    DetectorError
        if they belong to different detectors or windows.
    """
    return score(compare([reference], [generated]), level=level, seed=seed)


@on_one_thread
def score(
    comparison: Comparison,
    *,
    level: Level = "quick",
    seed: int = 0,
    library: Summary | None = None,
    on_progress: Callable[[str], None] = lambda text: None,
) -> ValidationResult:
    """Every measure of a comparison, its floor, and the errors of both.

    `library` are the showers that the model was trained on, for the memorisation check; without
    it, a half of the reference takes their place.
    """
    reference, generated = comparison.reference, comparison.generated
    rng = np.random.default_rng(seed)
    size = min(len(reference) // 2, len(generated))
    on_progress("distances")
    estimates = _distances(comparison.without_images(), size, level, rng)
    on_progress("classifiers")
    judges = [TREES, CELLS]
    notes = comparison.notes()
    if level == "full":
        if find_spec("torch"):
            judges.append(_residual_network(reference))
        else:
            notes.append("the residual network judges only with caloforge[train]")
    classified = _classify(comparison, judges, size, seed, rng)
    for name, (ours, floor, showers) in classified.items():
        both = float(np.hypot(ours.error, floor.error))
        estimates[name] = Estimate(ours.value, ours.error, floor.value, floor.error, both, showers)
    on_progress("nearest showers")
    nearest = nearest_distances(comparison, split(comparison, size, rng), library)
    value, error, floor_error = nearest.to_library(rng)
    ideal = value if np.isnan(value) else 1.0
    estimates["nearest"] = Estimate(value, error, ideal, floor_error, error, nearest.showers)
    spread = spread_ratios(reference, generated).tolist()
    return ValidationResult(
        scores=tuple(
            judge(m, estimates[m.name], in_rings=reference.summary.in_rings)
            for m in MEASURES
            if m.name in estimates
        ),
        notes=tuple(notes),
        samples={"reference": describe(reference), "generated": describe(generated)},
        response=response_by_energy(reference, generated),
        angles=by_angle(reference, generated) if comparison.tilted else [],
        spread=dict(zip(reference.features.names, spread, strict=True)),
        high_level=classified["auc_high"][0],
        low_level=classified["auc_low"][0],
        floors={"high": classified["auc_high"][1], "low": classified["auc_low"][1]},
        nearest=nearest,
        seed=seed,
        level=level,
    )


def split(comparison: Comparison, size: int, rng: np.random.Generator) -> Rows:
    """Rows of two disjoint random halves of the reference, and of as many generated showers.

    Where the samples were made at the same conditions, the generated showers are those of the
    second half's conditions: they meet the first half exactly as the second half does.
    """
    order = rng.permutation(len(comparison.reference))
    first, second = order[:size], order[size : 2 * size]
    if comparison.paired:
        return first, second, second
    return first, second, rng.permutation(len(comparison.generated))[:size]


def _distances(
    comparison: Comparison, size: int, level: Level, rng: np.random.Generator
) -> dict[str, Estimate]:
    """Every measure that needs no training."""
    ours, floors = _repeat(comparison, size, SPLITS[level], rng, bootstrap=False)
    errors, floor_errors = _repeat(comparison, size, BOOTSTRAPS[level], rng, bootstrap=True)
    return {
        name: Estimate(
            value=defined_mean(ours[name]),
            error=_defined_spread(errors[name]),
            floor=defined_mean(floors[name]),
            floor_error=_defined_spread(floor_errors[name]),
            excess_error=_defined_spread(errors[name] - floor_errors[name]),
            showers=size,
        )
        for name in ours
    }


def _defined_spread(values: Float64Array) -> float:
    """Standard deviation of the values that are numbers; NaN where fewer than two are."""
    numbers = values[np.isfinite(values)]
    return float(numbers.std(ddof=1)) if len(numbers) > 1 else float("nan")


def _repeat(
    comparison: Comparison, size: int, times: int, rng: np.random.Generator, *, bootstrap: bool
) -> tuple[Table, Table]:
    """All scores over random splits: generated against the reference, and the floor."""
    scale = gaussian_scale(comparison.reference)
    pairs = []
    for _ in range(times):
        parts = split(comparison, size, rng)
        if bootstrap:
            first, second, made = (rows[rng.integers(0, size, size)] for rows in parts)
        else:
            first, second, made = parts
        half = comparison.reference[first]
        pairs.append(
            (
                score_pair(half, comparison.generated[made], scale, rng),
                score_pair(half, comparison.reference[second], scale, rng),
            )
        )
    ours, floors = (
        {name: np.array([pair[side][name] for pair in pairs]) for name in pairs[0][0]}
        for side in (0, 1)
    )
    return ours, floors


class Judge(NamedTuple):
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


TREES = Judge("auc_high", _features_of, classifier.boosted_trees)
CELLS = Judge("auc_low", _cells_of, classifier.CellNetwork)


def _residual_network(sample: Sample) -> Judge:
    from caloforge.networks.classifiers.judge import ResidualJudge

    shape = sample.summary.pooled_shape
    return Judge(
        "auc_residual",
        _cells_of,
        lambda seed: ResidualJudge(seed, shape),
        scaling.RESIDUAL_MAX_SHOWERS,
        scaling.RESIDUAL_ROTATIONS,
        scaling.RESIDUAL_ROTATIONS,
    )


def _classify(
    comparison: Comparison, judges: list[Judge], size: int, seed: int, rng: np.random.Generator
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


def judge(measure: Measure, estimate: Estimate, *, in_rings: bool = False) -> JudgedMeasure:
    """A measure's estimate with its verdict.

    `pass`: within the limit. Else `floor`: no further from the ideal than the reference's other
    half, within FLOOR_SIGMAS errors, so this sample is too small to object. Else `near` (within
    the wider limit) or `fail`. `undecided`: not defined for this sample, or within the limit by
    accident, as the error is more than MEANINGLESS_ERROR times the wider limit.
    """
    good, near = measure.limits
    distance, floor = (measure.distance(number) for number in (estimate.value, estimate.floor))
    verdict: Verdict = "fail"
    if not np.isfinite([estimate.value, estimate.floor]).all():
        verdict = "undecided"
    elif distance <= good:
        meant = estimate.error <= scaling.MEANINGLESS_ERROR * near
        verdict = "pass" if meant else "undecided"
    elif distance - floor <= scaling.FLOOR_SIGMAS * estimate.excess_error:
        verdict = "floor"
    elif distance <= near:
        verdict = "near"
    return JudgedMeasure(
        name=measure.name,
        title=(in_rings and measure.title_in_rings) or measure.title,
        meaning=measure.meaning,
        **estimate._asdict(),
        ideal=measure.ideal,
        limits=measure.limits,
        verdict=verdict,
        below_only=measure.below_only,
    )


def describe(sample: Sample) -> dict[str, Any]:
    """A sample in numbers: what a report's header says of it."""
    summary = sample.summary
    theta = summary.theta / degree
    return {
        "label": sample.label,
        "showers": len(sample),
        "energy_gev": [float(summary.energy.min()), float(summary.energy.max())],
        "theta_deg": [float(theta.min()), float(theta.max())],
        "response": float(summary.response.mean()),
        "cells": list(sample.examples.shape[1:]),
    }
