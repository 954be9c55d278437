"""Where showers are beside the flights of their particles."""

import numpy as np

from caloforge.showers import Showers
from caloforge.typing import Float64Array


def barycentres(showers: Showers) -> Float64Array:
    """Of pads, (N, 3) in mm from the image's middle and the front."""
    geometry = showers.detector.geometry(showers.window)
    places = geometry.x_mm, geometry.y_mm, showers.detector.layer_centres_mm
    cells = showers.cells.astype(np.float64)
    total = cells.sum(axis=(1, 2, 3))
    return np.stack([np.sum(cells * each, axis=(1, 2, 3)) / total for each in places], axis=1)


def off_the_flight(showers: Showers) -> Float64Array:
    """How far the barycentres are from the flights, (N, 2) mm."""
    assert showers.impact is not None
    place = barycentres(showers)
    flight = showers.impact + place[:, 2:] * showers.conditions.lean
    return np.asarray(place[:, :2] - flight)
