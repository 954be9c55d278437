"""The declared measures: what is scored, in which order, and what the score should be."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from caloforge import scaling
from caloforge.physics import distances, gaussian, observables
from caloforge.physics.features import GLOBAL_GROUPS
from caloforge.physics.gan3d import gan3d_number
from caloforge.physics.summary import Summary
from caloforge.typing import Float64Array, IntArray
from caloforge.units import degree
from caloforge.validate.comparison import Sample

Scores = dict[str, float]

FEWEST_APART, LEAST_APART = 5, 1e-3
"""Showers of an energy bin that must differ from its median, by how much of the feature's standard
deviation: the spread of fewer is that of one far shower, or of rounding."""


@dataclass(frozen=True)
class Measure:
    """One line of the table: `name` is a key of scaling.LIMITS, `ideal` the perfect score.

    With `below_only` only values below the ideal are bad.
    """

    name: str
    title: str
    meaning: str
    ideal: float = 0.0
    below_only: bool = False
    title_in_rings: str = ""
    """Of a cylinder, where that is another."""

    @property
    def limits(self) -> tuple[float, float]:
        """Largest deviations from the ideal that pass, and that are near."""
        return scaling.LIMITS[self.name]

    def distance(self, value: float) -> float:
        """How far a value is from the ideal, on the side that counts."""
        return max(self.ideal - value, 0.0) if self.below_only else abs(value - self.ideal)


BIAS = "|mean response / reference - 1|, mean over energy bins"
WIDTH = "|width of the response / reference - 1|, mean over energy bins"
PROFILE = "mean relative error of the mean profile"
SPREAD = "standard deviation / reference at equal Ep, mean over features"
ANGLE_BIAS = "|mean measured - true angle - reference's|, mean over angle bins, degrees"
ANGLE_RESOLUTION = "|resolution / reference - 1|, mean ratio of the energy bins"
RELATIVE = "mean relative error"
NEAREST = "median / that of fresh reference showers; far below 1 is memorised"

MEASURES = (
    Measure("response_bias", "Response bias", BIAS),
    Measure("response_width", "Response width", WIDTH),
    Measure("profile_z", "Longitudinal profile", PROFILE),
    Measure("profile_x", "Transverse profile, x", PROFILE, title_in_rings="Profile of the rings"),
    Measure("profile_y", "Transverse profile, y", PROFILE, title_in_rings="Profile of the sectors"),
    Measure("spread", "Spread at equal energy", SPREAD, ideal=1.0),
    Measure("angle_bias", "Angle bias", ANGLE_BIAS),
    Measure("angle_resolution", "Angle resolution", ANGLE_RESOLUTION),
    Measure("auc_high", "AUC, shower features", "boosted trees; 0.5: cannot be told", ideal=0.5),
    Measure("auc_low", "AUC, cells", "network on cells; 0.5: cannot be told", ideal=0.5),
    Measure(
        "auc_residual",
        "AUC, residual network",
        "3D convolutions on cells; 0.5: cannot be told",
        ideal=0.5,
    ),
    Measure("wasserstein", "Wasserstein distance", "mean over features, in units of their spread"),
    Measure("separation", "Separation power", "mean over features"),
    Measure("cell_spectrum", "Cell spectrum", "separation power, 10 eV to 1 GeV"),
    Measure("fpd", "Frechet distance (FPD)", "extrapolated to infinitely many showers"),
    Measure("kpd", "Kernel distance (KPD)", "median over batches"),
    Measure("validation_number", "Validation number", "mean squared error of 2D projections"),
    Measure("gan3d", "3DGAN number P + S + A", "sum of the next three"),
    Measure("gan3d_moments", "3DGAN P, moments", RELATIVE),
    Measure("gan3d_shapes", "3DGAN S, shapes", RELATIVE),
    Measure("gan3d_angle", "3DGAN A, angle", RELATIVE),
    Measure("nearest", "Nearest known shower", NEAREST, ideal=1.0, below_only=True),
)


def score_pair(
    reference: Sample, generated: Sample, scale: Float64Array, rng: np.random.Generator
) -> Scores:
    """Every measure that needs no training, of two samples of equal size; NaN where undefined.

    `scale` (F,) is what the inputs of FPD and KPD are divided by, see `gaussian_scale`.
    """
    first, second = reference.summary, generated.summary
    tables = reference.features.values, generated.features.values
    gaussians = [gaussian_inputs(sample) / scale for sample in (reference, generated)]
    planes = [(first.plane(plane), second.plane(plane)) for plane in observables.PLANES]
    number = gan3d_number(first, second)
    bins = response_by_energy(reference, generated)
    scores = {
        "response_bias": _mean_of(abs(entry["bias"]) for entry in bins),
        "response_width": _mean_of(abs(entry["width_ratio"] - 1) for entry in bins),
        **{f"profile_{axis}": profile_error(reference, generated, axis) for axis in "zxy"},
        "spread": distances.defined_mean(spread_ratios(reference, generated)),
        "wasserstein": _mean_over_columns(distances.scaled_wasserstein, *tables),
        "separation": _mean_over_columns(
            partial(distances.feature_separation, bins=scaling.SEPARATION_BINS), *tables
        ),
        "cell_spectrum": distances.separation_power(
            first.spectrum.sum(axis=0), second.spectrum.sum(axis=0)
        ),
        "fpd": gaussian.frechet_physics_distance(gaussians[0], gaussians[1], rng),
        "kpd": gaussian.kernel_physics_distance(gaussians[0], gaussians[1], rng),
        "validation_number": distances.projections_error(planes, first.energy, second.energy),
        "gan3d": number.total,
        "gan3d_moments": number.moments,
        "gan3d_shapes": number.shapes,
        "gan3d_angle": number.angle,
    }
    if "angle" in reference.features.names:
        angles = by_angle(reference, generated)
        scores["angle_bias"] = _mean_of(abs(entry["angle_bias"]) for entry in angles)
        ratio = spread_ratios(reference, generated)[reference.features.names.index("angle")]
        scores["angle_resolution"] = abs(float(ratio) - 1)
    return scores


def gaussian_inputs(sample: Sample) -> Float64Array:
    """The features that FPD and KPD compare, (N, F), not scaled yet."""
    return sample.features.of(*GLOBAL_GROUPS).values


def gaussian_scale(reference: Sample) -> Float64Array:
    """What FPD and KPD divide the features by, (F,): the largest of the whole reference.

    Taken of a half, a feature that few showers have would blow up where the other half has it.
    """
    return gaussian.feature_scale(gaussian_inputs(reference))


def profile_error(reference: Sample, generated: Sample, axis: str) -> float:
    """Mean relative error of the mean profile along `axis`, energies in units of Ep."""
    means = [
        (sample.summary.profile(axis) / sample.summary.energy[:, None]).mean(axis=0)
        for sample in (reference, generated)
    ]
    return distances.profile_error(*means)


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


def _ratio(value: float, reference: float) -> float:
    """value / reference; NaN where the reference is 0."""
    return float(value / reference) if reference else float("nan")


def _mean_of(values: Iterable[float]) -> float:
    return distances.defined_mean(np.array(list(values)))


def _bins(reference: Sample, generated: Sample) -> Iterator[tuple[IntArray, IntArray]]:
    return distances.common_bins(reference.summary.energy, generated.summary.energy)


def _mean_over_columns(
    distance: Callable[[Float64Array, Float64Array], float],
    first: Float64Array,
    second: Float64Array,
) -> float:
    columns = range(first.shape[1])
    return float(np.mean([distance(first[:, column], second[:, column]) for column in columns]))
