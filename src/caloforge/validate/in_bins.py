"""Two samples bin by bin: response in energy and angle, measured angle, spread at equal energy."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from caloforge import scaling
from caloforge.physics import distances, observables
from caloforge.physics.summary import Summary
from caloforge.typing import Float64Array, IntArray
from caloforge.units import degree
from caloforge.validate.comparison import Sample

FEWEST_APART, LEAST_APART = 5, 1e-3
"""Showers of an energy bin that must differ from its median, by how much of the feature's standard
deviation: the spread of fewer is that of one far shower, or of rounding."""


def response_by_energy(reference: Sample, generated: Sample) -> list[dict[str, float]]:
    """Response in each energy bin: bias and width ratio with their errors; NaN where undefined."""
    entries = []
    for rows, other in _bins(reference, generated):
        first, second = reference.summary[rows], generated.summary[other]
        mean = first.response.mean(), second.response.mean()
        width = [_width_at_equal_energy(part) for part in (first, second)]
        n = len(rows), len(other)
        ratio = _ratio(mean[1], mean[0])
        relative = [_ratio(width[i], mean[i]) / np.sqrt(n[i]) for i in (0, 1)]
        width_ratio = _ratio(width[1], width[0])
        entries.append(
            {
                "low": float(first.energy.min()),
                "high": float(first.energy.max()),
                "showers": n[1],
                "bias": float(ratio - 1),
                "bias_error": float(ratio * np.hypot(relative[0], relative[1])),
                "width_ratio": float(width_ratio),
                "width_ratio_error": float(width_ratio * np.sqrt(0.5 / n[0] + 0.5 / n[1])),
            }
        )
    return entries


def _width_at_equal_energy(summary: Summary) -> float:
    """Spread of the response around a straight line in log Ep; 0 where it is only rounding."""
    response = summary.response
    spread = distances.conditional_spread(response[:, None], np.log(summary.energy))
    return float(spread[0]) if spread[0] > scaling.NO_SPREAD * response.max() else 0.0


def by_angle(reference: Sample, generated: Sample) -> list[dict[str, float]]:
    """Response and measured angle in each bin of theta: ends and biases in degrees, with errors.

    The bins are the published ones and what lies between them; where none is full enough, one bin
    holds everything.
    """
    theta = [sample.summary.theta / degree for sample in (reference, generated)]
    ends = [*itertools.pairwise(scaling.ANGLE_EDGES_DEG)]
    rows = [[np.flatnonzero((low <= t) & (t < high)) for t in theta] for low, high in ends]
    full = [min(map(len, pair)) >= scaling.MIN_BIN_SHOWERS for pair in rows]
    if not any(full):
        ends, full = [(ends[0][0], ends[-1][1])], [True]
        rows = [[np.arange(len(t)) for t in theta]]
    return [
        {"low": low, "high": high, "showers": len(pair[1])}
        | _angle_entry(reference[pair[0]], generated[pair[1]])
        for (low, high), pair, enough in zip(ends, rows, full, strict=True)
        if enough
    ]


def _angle_entry(reference: Sample, generated: Sample) -> dict[str, float]:
    samples = (reference, generated)
    response = [sample.summary.response for sample in samples]
    residual = [sample.features["angle"] / degree for sample in samples]
    ratio = _ratio(response[1].mean(), response[0].mean())
    relative = [_ratio(part.std(), part.mean()) / np.sqrt(len(part)) for part in response]
    errors = [part.std() / np.sqrt(len(part)) for part in residual]
    return {
        "bias": float(ratio - 1),
        "bias_error": float(ratio * np.hypot(*relative)),
        "angle_bias": float(residual[1].mean() - residual[0].mean()),
        "angle_bias_error": float(np.hypot(*errors)),
    }


def spread_ratios(reference: Sample, generated: Sample) -> Float64Array:
    """Spread of every feature at equal energy over the reference's (F,), mean over energy bins.

    In every energy bin: the standard deviation around a straight line in log Ep. Bins where all
    but a few showers of the reference agree, as in layers that they do not reach, are left out; NaN
    for a feature where they do in every bin.
    """
    least = LEAST_APART * np.std(reference.features.values, axis=0)
    ratios = []
    for rows, other in _bins(reference, generated):
        spread = [
            distances.conditional_spread(s.features.values[r], np.log(s.summary.energy[r]))
            for s, r in ((reference, rows), (generated, other))
        ]
        undefined = np.full_like(spread[0], np.nan)
        of_bin = reference.features.values[rows]
        apart = np.abs(of_bin - np.median(of_bin, axis=0)) > least
        varies = np.sum(apart, axis=0) >= min(FEWEST_APART, len(of_bin) // 2)
        ratios.append(np.divide(spread[1], spread[0], out=undefined, where=varies))
    return np.array([distances.defined_mean(column) for column in np.array(ratios).T])


def correlation_error(reference: Sample, generated: Sample) -> float:
    """Root mean square, over pairs of features, of the difference of their correlations.

    Correlated are the residuals around a straight line in log Ep of every energy bin, in units of
    their standard deviation there, of all bins together; features that do not vary in the reference
    are left out; NaN where fewer than two do.
    """
    tables: tuple[list[Float64Array], list[Float64Array]] = [], []
    for both in _bins(reference, generated):
        for sample, rows, table in zip((reference, generated), both, tables, strict=True):
            table.append(_standard_residual(sample, rows))
    matrices = [observables.correlations(np.concatenate(table)) for table in tables]
    varies = np.diag(matrices[0]) > 0
    first, second = (matrix[np.ix_(varies, varies)] for matrix in matrices)
    difference = (second - first)[np.triu_indices(len(first), 1)]
    return float(np.sqrt(np.mean(difference**2))) if len(difference) else float("nan")


def _standard_residual(sample: Sample, rows: IntArray) -> Float64Array:
    """Features (N, F) of showers of one energy bin, without their line in log Ep and in units of
    their standard deviation around it; 0 where that is only rounding."""
    values = sample.features.values[rows]
    residual = distances.conditional_residual(values, np.log(sample.summary.energy[rows]))
    spread = residual.std(axis=0)
    varies = spread > scaling.NO_SPREAD * np.abs(values).max(axis=0)
    standard: Float64Array = np.divide(residual, spread, out=np.zeros_like(residual), where=varies)
    return standard


def _ratio(value: float, reference: float) -> float:
    """value / reference; NaN where the reference is 0."""
    return float(value / reference) if reference else float("nan")


def _bins(reference: Sample, generated: Sample) -> Iterator[tuple[IntArray, IntArray]]:
    return distances.common_bins(reference.summary.energy, generated.summary.energy)
