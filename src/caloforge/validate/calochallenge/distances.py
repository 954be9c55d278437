"""FPD and KPD with the Challenge's settings (Kansal et al., arXiv 2211.10295, JetNet's defaults).

Both are taken on high-level features (N, F) that were divided by the largest of the whole
reference. With less than 100 000 showers their draws are smaller in proportion; then only their
floor compares with them.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import curve_fit

from caloforge.physics.gaussian import frechet_distance, kernel_mmd
from caloforge.typing import Float64Array
from caloforge.validate.calochallenge.dataset import SHOWERS

FPD_LEAST, FPD_MOST, FPD_SIZES, FPD_REPEATS = 10_000, 50_000, 10, 20
KPD_BATCHES, KPD_SIZE = 10, 10_000


def frechet(
    reference: Float64Array, generated: Float64Array, rng: np.random.Generator
) -> tuple[float, float]:
    """FPD of scaled features (N, F) and the error of its fit.

    The mean of 20 Frechet distances of random draws (with replacement) at each of ten sizes,
    evenly spaced in 1/N; a line in 1/N with neither intercept nor slope below 0; its intercept.
    """
    least, most = (_size(whole, reference, generated) for whole in (FPD_LEAST, FPD_MOST))
    sizes = np.rint(1 / np.linspace(1 / least, 1 / most, FPD_SIZES)).astype(int)
    means = [
        np.mean(
            [frechet_distance(*_draw(reference, generated, size, rng)) for _ in range(FPD_REPEATS)]
        )
        for size in sizes
    ]
    line, covariance = curve_fit(
        lambda x, intercept, slope: intercept + slope * x, 1 / sizes, means,
        bounds=([0, 0], [np.inf, np.inf]),
    )  # fmt: skip
    return float(line[0]), float(np.sqrt(covariance[0, 0]))


def kernel(
    reference: Float64Array, generated: Float64Array, rng: np.random.Generator
) -> tuple[float, float]:
    """KPD of scaled features (N, F): median of ten batches, and half of their central 67.45 %."""
    size = _size(KPD_SIZE, reference, generated)
    found = [kernel_mmd(*_draw(reference, generated, size, rng)) for _ in range(KPD_BATCHES)]
    low, high = np.percentile(found, (16.275, 83.725))
    return float(np.median(found)), float(high - low) / 2


def _size(whole: int, reference: Float64Array, generated: Float64Array) -> int:
    """The share of the showers that `whole` is of the Challenge's."""
    return max(whole * min(len(reference), len(generated), SHOWERS) // SHOWERS, 2)


def _draw(
    reference: Float64Array, generated: Float64Array, size: int, rng: np.random.Generator
) -> tuple[Float64Array, Float64Array]:
    one, two = (table[rng.integers(0, len(table), size)] for table in (reference, generated))
    return one, two
