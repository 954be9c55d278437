"""Two samples of showers into scores with errors, floors and verdicts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from caloforge import scaling
from caloforge.physics.summary import Summary
from caloforge.showers import Showers
from caloforge.units import degree
from caloforge.validate.comparison import Comparison, Sample, compare
from caloforge.validate.estimate import Estimate, distances, split
from caloforge.validate.in_bins import by_angle, response_by_energy, spread_ratios
from caloforge.validate.judges import classified_by, judges_of
from caloforge.validate.measures import MEASURES, Measure
from caloforge.validate.nearest import nearest_distances
from caloforge.validate.result import JudgedMeasure, Level, ValidationResult, Verdict
from caloforge.validate.threads import on_one_thread


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
    estimates = distances(comparison.without_images(), size, level, rng)
    on_progress("classifiers")
    judges, missing = judges_of(level, reference)
    classified = classified_by(judges, comparison, size, seed, rng)
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
        notes=(*comparison.notes(), *missing),
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
