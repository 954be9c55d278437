"""Hits of showers on the pads of a calorimeter that stands still: where a model's images go.

A model makes images around the barycentre of each shower. Here they are put where the particles
entered: the image's own barycentre comes to lie on the particle's axis, at the shower's own mean
depth, to the nearest pad.
"""

import math
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from caloforge.detector import Detector
from caloforge.errors import DetectorError
from caloforge.hit_arrays import HitArrays
from caloforge.typing import AnyArray, Float64Array, FloatArray

TINY = float(np.finfo(np.float32).tiny)
"""GeV; what an empty shower is divided by."""


class PadHits(NamedTuple):
    """Hits of one event, H of them.

    ``x`` and ``y`` (H,) count pads from the one in the middle of the calorimeter, whose centre is
    the origin; ``layer`` (H,) counts from the front; ``energy`` (H,) is in GeV.
    """

    x: AnyArray
    y: AnyArray
    layer: AnyArray
    energy: FloatArray

    def positions(self, detector: Detector) -> Float64Array:
        """Middles of the cells, (H, 3) in mm; z from the calorimeter's front."""
        pad_x, pad_y = detector.pad_mm
        depth = detector.layer_centres_mm[self.layer]
        return np.stack([self.x * pad_x, self.y * pad_y, depth], axis=1)


class PadPlacer:
    """Puts the images of a window of a detector with pads where the particles enter.

    Raises
    ------
    DetectorError
        if the detector has no pads or no such window.
    """

    def __init__(self, detector: Detector, window: str) -> None:
        if detector.readout != "pads":
            msg = f"{detector.name} is read out in rings around the beam: its image has one place"
            raise DetectorError(msg)
        self._pad, self._depth = np.array(detector.pad_mm), detector.layer_centres_mm
        shape = detector.cell_shape(window)
        places = np.indices(shape).reshape(3, -1)
        places[:2] -= np.array(shape[:2])[:, None] // 2
        self._place = np.ascontiguousarray(places.T.astype(np.int32))

    def place(
        self, hits: HitArrays, impact: AnyArray, theta: AnyArray, phi: AnyArray | None = None
    ) -> PadHits:
        """The hits of N showers, of which particle i entered the front at ``impact[i]``.

        ``impact`` is (N, 2), x and y in mm from the middle of the central pad; ``theta`` and
        ``phi`` (N,) in rad, as of Conditions.
        """
        toward = None if phi is None else np.stack([np.cos(phi), np.sin(phi)], axis=1)
        where, energy = np.take(self._place, hits.cell, axis=0), hits.cell_energy
        for shower, (first, stop) in enumerate(pairwise(hits.offsets.tolist())):
            mine, weights = where[first:stop], energy[first:stop]
            total = max(weights.sum(), TINY)
            centre = weights @ mine[:, :2] / total
            depth = weights @ self._depth[mine[:, 2]] / total
            way = depth / math.tan(theta[shower])
            axis = impact[shower] + ((0.0, way) if toward is None else way * toward[shower])
            mine[:, :2] += np.rint(axis / self._pad - centre).astype(np.int32)
        return PadHits(where[:, 0], where[:, 1], where[:, 2], energy)
