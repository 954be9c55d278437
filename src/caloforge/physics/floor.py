"""What a score is between two halves of one sample: nothing can be told from Geant4 below it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from caloforge.typing import AnyArray, FloatArray

SPLITS = 20


def floor_between_halves(
    score: Callable[[FloatArray, FloatArray, AnyArray], float], cells: FloatArray, energy: AnyArray
) -> tuple[float, float]:
    """Mean and standard deviation of ``score(cells, other cells, energy)`` over random halvings.

    ``cells`` (N, X, Y, Z) in GeV of showers of ``energy`` (N,) in GeV; in each halving, showers of
    neighbouring energies part.
    """
    rng, n = np.random.default_rng(0), len(energy)
    found = []
    for _ in range(SPLITS):
        order = np.argsort(energy + rng.random(n) * 1e-3)
        flip = rng.random(n // 2) < 0.5
        pairs = order[: n // 2 * 2].reshape(-1, 2)
        first = np.where(flip, pairs[:, 0], pairs[:, 1])
        second = np.where(flip, pairs[:, 1], pairs[:, 0])
        found.append(score(cells[first], cells[second], energy[first]))
    return float(np.mean(found)), float(np.std(found))
