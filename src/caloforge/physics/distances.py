"""Distances between two samples of showers; zero where they are the same.

Each is defined in one equation in docs/metrics.md, and checked in the tests by a version written
as slowly and obviously as the definition reads.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from caloforge import scaling
from caloforge.physics import observables
from caloforge.typing import AnyArray, Float64Array, FloatArray, IntArray


def energy_bins(energy: AnyArray) -> IntArray:
    """Index of the bin of scaling.ENERGY_EDGES_GEV for each energy (GeV); -1 is below them.

    >>> energy_bins(np.array([1.0, 2.0, 60.0, 500.0, 501.0])).tolist()
    [-1, 0, 4, 6, 7]
    """
    edges = np.array(scaling.ENERGY_EDGES_GEV)
    index = np.searchsorted(edges, energy, side="right") - 1
    return np.where(np.asarray(energy) == edges[-1], len(edges) - 2, index)


def common_bins(reference: AnyArray, generated: AnyArray) -> Iterator[tuple[IntArray, IntArray]]:
    """Rows of either sample in each energy bin that both fill with MIN_BIN_SHOWERS.

    `reference` and `generated` are primary energies in GeV. If no bin is full enough, one bin
    holds everything.
    """
    bins = energy_bins(reference), energy_bins(generated)
    found = False
    for index in range(-1, len(scaling.ENERGY_EDGES_GEV)):
        rows = np.flatnonzero(bins[0] == index), np.flatnonzero(bins[1] == index)
        if min(len(rows[0]), len(rows[1])) >= scaling.MIN_BIN_SHOWERS:
            found = True
            yield rows
    if not found:
        yield np.arange(len(bins[0])), np.arange(len(bins[1]))


def validation_number(
    reference: FloatArray,
    generated: FloatArray,
    energy: AnyArray,
    generated_energy: AnyArray | None = None,
) -> float:
    """The single validation number: mean squared error of mean 2D projections.

    `reference` and `generated` are cells (N, X, Y, Z) in GeV, `energy` (N,) their primary
    energies in GeV (`generated_energy` where they differ). In each energy bin and for each of
    the planes xy, xz and yz: the squared differences of the mean projections (in units of Ep),
    summed over pixels and divided by the sum of the reference's squares; then the mean over
    planes and bins. 0 is perfect; 0.01 is a relative error of 10 % (root mean square). NaN where
    the reference is empty.
    """
    other = energy if generated_energy is None else generated_energy
    planes = [
        (observables.projection(reference, plane), observables.projection(generated, plane))
        for plane in observables.PLANES
    ]
    return projections_error(planes, energy, other)


def projections_error(
    planes: list[tuple[FloatArray, FloatArray]], energy: AnyArray, generated_energy: AnyArray
) -> float:
    """`validation_number` from pairs of projections (N, n, m), reference first."""
    errors = []
    for rows, other in common_bins(energy, generated_energy):
        for reference, generated in planes:
            expected = _mean_share(reference, energy, rows)
            difference = _mean_share(generated, generated_energy, other) - expected
            if expected.any():
                errors.append(np.sum(difference**2) / np.sum(expected**2))
    return float(np.mean(errors)) if errors else float("nan")


def _mean_share(values: AnyArray, energy: AnyArray, rows: IntArray) -> Float64Array:
    """Mean over showers `rows` of values (N, ...) in units of their primary energy."""
    flat = values.reshape(len(values), -1)[rows].astype(np.float64)
    mean: Float64Array = (1.0 / np.asarray(energy, dtype=np.float64)[rows]) @ flat / len(rows)
    return mean


def separation_power(reference: AnyArray, generated: AnyArray) -> float:
    """Separation of two histograms: half the sum of (h1 - h2)^2 / (h1 + h2), both of unit sum.

    0 for the same shape, 1 for histograms that nowhere overlap, or where only one is empty.

    >>> separation_power(np.array([1.0, 0.0]), np.array([0.0, 2.0]))
    1.0
    >>> separation_power(np.array([1.0, 0.0]), np.array([0.0, 0.0]))
    1.0
    """
    if not np.any(reference) or not np.any(generated):
        return float(np.any(reference) != np.any(generated))
    first, second = (np.asarray(h, dtype=np.float64) / np.sum(h) for h in (reference, generated))
    both = first + second
    difference = (first - second) ** 2
    return float(0.5 * np.sum(difference[both > 0] / both[both > 0]))


def feature_separation(reference: AnyArray, generated: AnyArray, bins: int) -> float:
    """Separation power of a feature (N,) in `bins` bins that the reference fills equally."""
    edges = np.unique(np.quantile(reference, np.linspace(0, 1, bins + 1)[1:-1]))
    counts = [
        np.bincount(np.searchsorted(edges, values, side="right"), minlength=len(edges) + 1)
        for values in (reference, generated)
    ]
    return separation_power(*counts)


def scaled_wasserstein(reference: AnyArray, generated: AnyArray) -> float:
    """Wasserstein-1 distance of a feature (N,) in units of the reference's standard deviation.

    Where the reference has no spread, the unit is that of both samples together: two different
    constants are 2 apart.

    >>> scaled_wasserstein(np.zeros(3), np.ones(3)), scaled_wasserstein(np.ones(3), np.ones(3))
    (2.0, 0.0)
    """
    from scipy.stats import wasserstein_distance  # a second, which a training can do without

    both = np.concatenate([reference, generated])
    rounding = scaling.NO_SPREAD * float(np.abs(both).max())
    distance = float(wasserstein_distance(reference, generated))
    if distance <= rounding:
        return 0.0
    spread = float(np.std(reference))
    return distance / (spread if spread > rounding else float(np.std(both)))


def profile_error(reference: AnyArray, generated: AnyArray) -> float:
    """Mean relative error of a mean profile (n,), over the cells that matter.

    Cells with less than scaling.PROFILE_MIN_SHARE of the reference's sum are left out; NaN where
    the reference is empty.
    """
    used = reference > scaling.PROFILE_MIN_SHARE * reference.sum()
    return defined_mean(np.abs(generated[used] - reference[used]) / reference[used])


def defined_mean(values: AnyArray) -> float:
    """Mean of the values that are numbers; NaN where none is.

    >>> defined_mean(np.array([1.0, np.nan, 3.0])), defined_mean(np.array([]))
    (2.0, nan)
    """
    numbers = values[np.isfinite(values)]
    return float(numbers.mean()) if len(numbers) else float("nan")


def conditional_spread(values: AnyArray, log_energy: AnyArray) -> Float64Array:
    """Standard deviation (F,) of features (N, F) around a straight line in log energy (N,)."""
    residual = conditional_residual(values, log_energy)
    spread: Float64Array = np.sqrt(np.sum(residual**2, axis=0) / max(len(values) - 2, 1))
    return spread


def conditional_residual(values: AnyArray, log_energy: AnyArray) -> Float64Array:
    """Features (N, F) without their straight line in log energy (N,)."""
    design = np.stack([np.ones_like(log_energy), log_energy - log_energy.mean()], axis=1)
    coefficients, *_ = np.linalg.lstsq(design, values, rcond=None)
    residual: Float64Array = values - design @ coefficients
    return residual
