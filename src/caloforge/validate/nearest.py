"""How close generated showers come to known ones, and to each other.

A generator that memorised repeats showers of its library; one that collapsed repeats itself. Both
show as distances to the nearest neighbour that are shorter than those of fresh reference showers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from caloforge import scaling
from caloforge.physics.summary import Summary
from caloforge.typing import Float64Array, FloatArray, IntArray
from caloforge.validate.comparison import Comparison

BOOTSTRAPS = 200


@dataclass(frozen=True)
class NearestDistances:
    """Distance of each shower (N,) to its nearest neighbour, in units of the mean shower's norm."""

    reference_to_library: Float64Array
    generated_to_library: Float64Array
    reference_to_itself: Float64Array
    generated_to_itself: Float64Array

    @property
    def showers(self) -> int:
        """Showers a side whose neighbours were looked for."""
        return len(self.generated_to_library)

    def to_library(self, rng: np.random.Generator) -> tuple[float, float, float]:
        """Median distance generated over reference, its error, and the error of 1 (the floor).

        NaN where half of the fresh reference showers have a twin, as where most are empty.
        """
        if np.median(self.reference_to_library) == 0:
            return (float("nan"),) * 3
        return _median_ratio(self.generated_to_library, self.reference_to_library, rng)


def nearest_distances(
    comparison: Comparison, parts: tuple[IntArray, IntArray, IntArray], library: Summary | None
) -> NearestDistances:
    """Distances of generated and of fresh reference showers to a library of known ones.

    `parts` are the rows of two halves of the reference and as many of the generated sample. The
    library is the first half, or the showers that the model was trained on where they are given.
    """
    reference, generated = comparison.reference.summary, comparison.generated.summary
    limit = scaling.NEAREST_MAX_SHOWERS
    first, second, made = (rows[:limit] for rows in parts)
    known = image(reference[first] if library is None else library)
    fresh, candidate = image(reference[second]), image(generated[made])
    unit = float(np.linalg.norm(known, axis=1).mean()) or 1.0
    return NearestDistances(
        reference_to_library=nearest(fresh, known) / unit,
        generated_to_library=nearest(candidate, known) / unit,
        reference_to_itself=nearest(fresh, fresh, skip_self=True) / unit,
        generated_to_itself=nearest(candidate, candidate, skip_self=True) / unit,
    )


def image(summary: Summary) -> FloatArray:
    """Roots of the pooled cells over Ep (N, P): the image in which distances are taken."""
    roots: FloatArray = np.sqrt(summary.pooled / summary.energy[:, None]).astype(np.float32)
    return roots


def nearest(probe: FloatArray, library: FloatArray, *, skip_self: bool = False) -> Float64Array:
    """Euclidean distance of each row of `probe` (N, P) to the nearest row of `library` (M, P).

    With `skip_self` row i of the library is not a neighbour of row i of the probe.
    """
    norms = (library.astype(np.float64) ** 2).sum(axis=1)
    found = []
    for start in range(0, len(probe), 512):
        rows = probe[start : start + 512]
        lengths = (rows.astype(np.float64) ** 2).sum(axis=1)[:, None]
        squares = lengths + norms - 2.0 * rows @ library.T
        if skip_self:
            index = np.arange(len(rows))
            squares[index, start + index] = np.inf
        found.append(np.sqrt(np.clip(squares.min(axis=1), 0, None)))
    return np.concatenate(found)


def _median_ratio(
    ours: Float64Array, theirs: Float64Array, rng: np.random.Generator
) -> tuple[float, float, float]:
    def medians(values: Float64Array) -> Float64Array:
        picks = rng.integers(0, len(values), (BOOTSTRAPS, len(values)))
        found: Float64Array = np.median(values[picks], axis=1)
        return found

    middle = np.median(theirs)
    again = medians(theirs)
    ratios = medians(ours)[again > 0] / again[again > 0]
    return (
        float(np.median(ours) / middle),
        float(np.std(ratios)),
        float(np.std(again / middle) * np.sqrt(2)),
    )
