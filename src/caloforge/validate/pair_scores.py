"""The number of every measure that needs no training, of two samples."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

import numpy as np

from caloforge import scaling
from caloforge.physics import distances, gaussian, observables
from caloforge.physics.features import GLOBAL_GROUPS
from caloforge.physics.gan3d import gan3d_number
from caloforge.typing import Float64Array
from caloforge.validate.comparison import Sample
from caloforge.validate.in_bins import (
    by_angle,
    correlation_error,
    response_by_energy,
    spread_ratios,
)

Scores = dict[str, float]


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
        "correlations": correlation_error(reference, generated),
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


def _mean_of(values: Iterable[float]) -> float:
    return distances.defined_mean(np.array(list(values)))


def _mean_over_columns(
    distance: Callable[[Float64Array, Float64Array], float],
    first: Float64Array,
    second: Float64Array,
) -> float:
    columns = range(first.shape[1])
    return float(np.mean([distance(first[:, column], second[:, column]) for column in columns]))
