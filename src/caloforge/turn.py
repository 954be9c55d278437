"""Showers that lean along x, or backwards, as showers of models that lean along y.

Square pads look the same with x and y exchanged, so a shower of phi 0 is one of phi 90 with its
cells transposed, and one of phi 270 is one of 180 - theta. Both are exact.
"""

from dataclasses import replace

import numpy as np

from caloforge.beam import Conditions
from caloforge.typing import BoolArray


def leans_along_x(conditions: Conditions) -> BoolArray:
    """Which showers (N,) are those of a model transposed; none where no phi is told."""
    if conditions.phi is None or not conditions.inclined:
        return np.zeros(len(conditions), bool)
    lean = np.abs(conditions.lean)
    found: BoolArray = lean[:, 0] > lean[:, 1]
    return found


def along_y(conditions: Conditions) -> Conditions:
    """Conditions of showers that lean along y and, some transposed, are those asked for.

    >>> along_y(Conditions.of(50.0, np.pi / 3, phi=np.pi)).theta.round(4).tolist()
    [2.0944]
    """
    if conditions.phi is None or not conditions.inclined:
        return replace(conditions, phi=None)
    transposed = leans_along_x(conditions)
    lean = np.where(transposed, conditions.lean[:, 0], conditions.lean[:, 1])
    backwards = lean * np.cos(conditions.theta) < 0
    theta = np.where(backwards, np.float32(np.pi) - conditions.theta, conditions.theta)
    impact = conditions.impact
    if impact is not None:
        impact = np.where(transposed[:, None], impact[:, ::-1], impact)
    return replace(conditions, theta=theta, phi=None, impact=impact)
