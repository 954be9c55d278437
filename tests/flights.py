"""Where showers are beside the flights of their particles."""

import numpy as np

from caloforge.showers import Showers
from caloforge.typing import Float64Array


def off_the_flight(showers: Showers) -> Float64Array:
    """How far the barycentres are from the flights, (N, 2) mm."""
    assert showers.impact is not None
    geometry = showers.detector.geometry(showers.window)
    places = geometry.x_mm, geometry.y_mm, showers.detector.layer_centres_mm
    cells = showers.cells.astype(np.float64)
    total = cells.sum(axis=(1, 2, 3))
    x, y, depth = (np.sum(cells * each, axis=(1, 2, 3)) / total for each in places)
    flight = showers.impact + depth[:, None] * showers.conditions.lean
    return np.asarray(np.stack([x, y], axis=1) - flight)
