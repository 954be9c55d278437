"""A comparison's distances: values and floors with their errors, over random halves."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from caloforge.physics.distances import defined_mean
from caloforge.typing import Float64Array, IntArray
from caloforge.validate.comparison import Comparison
from caloforge.validate.pair_scores import gaussian_scale, score_pair
from caloforge.validate.result import Level

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


def distances(
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
