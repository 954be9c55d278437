"""Frechet and kernel physics distances (FPD, KPD; Kansal et al., arXiv:2211.10295)."""

from __future__ import annotations

import numpy as np

from caloforge import scaling
from caloforge.typing import AnyArray, Float64Array


def feature_scale(reference: AnyArray) -> Float64Array:
    """What both samples' features are divided by (F,): the reference's (N, F) largest values.

    1 where a feature of the reference is always 0.
    """
    largest = np.abs(reference).max(axis=0)
    return np.where(largest > 0, largest, 1.0)


def frechet_distance(reference: AnyArray, generated: AnyArray) -> float:
    """Frechet distance of the Gaussians with the means and covariances of (N, F) tables.

    |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^1/2), where the trace of the root is the sum of the
    roots of the eigenvalues of the symmetric matrix C1^1/2 C2 C1^1/2.
    """
    first, second = (np.asarray(table, dtype=np.float64) for table in (reference, generated))
    shift = first.mean(axis=0) - second.mean(axis=0)
    one, two = (np.cov(table, rowvar=False).reshape(len(shift), -1) for table in (first, second))
    values, vectors = np.linalg.eigh(one)
    root = vectors * np.sqrt(np.clip(values, 0, None)) @ vectors.T
    cross = np.sqrt(np.clip(np.linalg.eigvalsh(root @ two @ root), 0, None)).sum()
    return float(shift @ shift + np.trace(one) + np.trace(two) - 2 * cross)


def frechet_physics_distance(
    reference: AnyArray, generated: AnyArray, rng: np.random.Generator
) -> float:
    """FPD: the Frechet distance of scaled features (N, F), extrapolated to infinitely many showers.

    At scaling.FPD_SIZES evenly spaced values of 1/N between the whole sample and a quarter of
    it, scaling.FPD_REPEATS random subsets each; a line through them in 1/N; its intercept.
    """
    most = min(len(reference), len(generated))
    least = max(most // 4, 2)
    inverse = np.linspace(1 / most, 1 / least, scaling.FPD_SIZES)
    sizes = np.repeat(np.rint(1 / inverse).astype(int), scaling.FPD_REPEATS)
    distances = [
        frechet_distance(
            reference[rng.choice(len(reference), size, replace=False)],
            generated[rng.choice(len(generated), size, replace=False)],
        )
        for size in sizes
    ]
    slope_intercept = np.polyfit(1 / sizes, distances, 1)
    return float(slope_intercept[1])


def kernel_mmd(reference: AnyArray, generated: AnyArray) -> float:
    """Unbiased squared maximum mean discrepancy of (N, F) tables, kernel (x.y / F + 1)^4."""
    first, second = (np.asarray(table, dtype=np.float64) for table in (reference, generated))
    within = [
        (_kernel_sum(table, table) - _kernel((table * table).sum(axis=1), table).sum())
        / (len(table) * (len(table) - 1))
        for table in (first, second)
    ]
    across = _kernel_sum(first, second) / (len(first) * len(second))
    return float(within[0] + within[1] - 2 * across)


def _kernel(products: Float64Array, table: Float64Array) -> Float64Array:
    value: Float64Array = (products / table.shape[1] + 1.0) ** 4
    return value


def _kernel_sum(first: Float64Array, second: Float64Array, rows: int = 1024) -> float:
    """Sum of the kernel over all pairs, some rows of pairs in memory at a time."""
    parts = (first[start : start + rows] for start in range(0, len(first), rows))
    return sum(float(_kernel(part @ second.T, second).sum()) for part in parts)


def kernel_physics_distance(
    reference: AnyArray, generated: AnyArray, rng: np.random.Generator
) -> float:
    """KPD: median over scaling.KPD_BATCHES random batches of `kernel_mmd` of scaled features."""
    size = max(min(len(reference), len(generated), scaling.KPD_BATCH_SIZE) // 2, 2)
    batches = [
        kernel_mmd(
            reference[rng.choice(len(reference), size, replace=False)],
            generated[rng.choice(len(generated), size, replace=False)],
        )
        for _ in range(scaling.KPD_BATCHES)
    ]
    return float(np.median(batches))
