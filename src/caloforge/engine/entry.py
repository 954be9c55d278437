"""Latent numbers of showers whose particles enter at a given place of the pad.

Where the axis of a shower crosses the image's middle pad is two of the latent numbers, uniform over
the pad. It crosses at the depth of the barycentre: of inclined flights that is known when the
layers' energies are, so their showers are made twice.
"""

import numpy as np

from caloforge.beam import Conditions
from caloforge.card import ModelCard
from caloforge.typing import Float64Array, FloatArray

BELOW_ONE = np.nextafter(np.float32(1), np.float32(0))


class EntryPoint:
    """Puts impact points into the latent numbers of a model that has them."""

    def __init__(self, card: ModelCard) -> None:
        first = card.impact_latent
        assert first is not None  # card.validity refuses what has none
        self._where = slice(first, first + 2)
        self._pad, self._depth = np.array(card.detector.pad_mm), card.detector.layer_centres_mm

    def mean_depth(self, cells: FloatArray) -> Float64Array:
        """Depths (N,) of the barycentres in mm, of cells (N, X, Y, Z)."""
        by_layer = cells.sum(axis=(1, 2), dtype=np.float64)
        total = np.maximum(by_layer.sum(axis=1), np.finfo(float).tiny)
        return np.asarray((by_layer @ self._depth) / total)

    def into(self, latent: FloatArray, conditions: Conditions, depth: Float64Array) -> None:
        """Overwrite what says the impact in latent numbers (N, L), for barycentres at ``depth``."""
        assert conditions.impact is not None
        crossed = conditions.impact + depth[:, None] * conditions.lean
        place = (crossed / self._pad + 0.5) % 1.0
        latent[:, self._where] = np.minimum(place.astype(np.float32), BELOW_ONE)
