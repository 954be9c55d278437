"""Where particles enter: in which place of a pad, and seen from the image of their shower.

A condition says it from the middle of the pad that the particle enters. Images are centred on the
pad of the shower's barycentre, which may be another one: showers say it from the middle of the
image, and the two differ by whole pads.
"""

import numpy as np

from caloforge.beam import Conditions
from caloforge.detector import Detector
from caloforge.errors import InputError
from caloforge.hit_arrays import HitArrays
from caloforge.typing import AnyArray, Float64Array, FloatArray

ANYWHERE = "uniform"
"""What is asked for to draw impact points all over the pad."""
SLACK = 1e-5
"""Of a pad, beyond its border: float32 has no more digits."""


def check_impact(conditions: Conditions, detector: Detector) -> None:
    """Refuse impact points that are outside the pad, or in a detector without pads.

    Raises
    ------
    InputError
        naming the first of them, and what is allowed.
    """
    if conditions.impact is None:
        return
    half = _half_pad(detector)
    outside = np.any(np.abs(conditions.impact) > half * (1 + SLACK), axis=1)
    if np.any(outside):
        x, y = conditions.impact[outside][0]
        msg = (
            f"impact {x:g},{y:g} mm is outside the pad that is entered: allowed are x within "
            f"{half[0]:g} and y within {half[1]:g} mm of its middle"
        )
        raise InputError(msg)


def asked_impact(text: str | None, detector: Detector) -> str | None:
    """Impact points as of :func:`caloforge.ranges.draw`, of which ``uniform`` are all of a pad.

    Raises
    ------
    InputError
        if the detector has no pads.

    >>> from caloforge.detector import load_detector
    >>> asked_impact("uniform", load_detector("clic_ecal"))
    '-2.55:2.55,-2.55:2.55'
    """
    if text is None:
        return None
    half = _half_pad(detector)
    return ",".join(f"{-each:g}:{each:g}" for each in half) if text == ANYWHERE else text


def in_pad(impact: AnyArray, detector: Detector) -> FloatArray:
    """Impact points (N, 2) in mm, from the middle of the pad that each of them is in.

    >>> from caloforge.detector import load_detector
    >>> in_pad(np.array([[5.0, -11.0]]), load_detector("clic_ecal")).astype(float).round(4).tolist()
    [[-0.1, -0.8]]
    """
    pad = 2 * _half_pad(detector)
    found: FloatArray = (impact - pad * np.rint(impact / pad)).astype(np.float32)
    return found


class ImageImpact:
    """Finds the impact points of a model's showers, in the images of a window.

    A model knows in which place of a pad the particle entered; the pad is the one from which the
    flight passes the shower's barycentre most closely.

    Raises
    ------
    DetectorError
        if the detector has no such window.
    """

    def __init__(self, detector: Detector, window: str) -> None:
        self._pad, shape = np.array(detector.pad_mm), detector.cell_shape(window)
        middles = [(np.arange(n) - n // 2) * pad for n, pad in zip(shape, self._pad, strict=False)]
        self._places, self._shape = (*middles, detector.layer_centres_mm), shape

    def of_cells(self, cells: FloatArray, conditions: Conditions) -> FloatArray:
        """Impact points (N, 2) in mm from the image's middle, of cells (N, X, Y, Z) in GeV made for
        conditions that have them."""
        sums = (cells.sum(axis=axes, dtype=np.float64) for axes in ((2, 3), (1, 3), (1, 2)))
        moments = [each @ place for each, place in zip(sums, self._places, strict=True)]
        total = cells.sum(axis=(1, 2, 3), dtype=np.float64)
        return self._nearest(np.stack(moments, axis=1), total, conditions)

    def of_hits(self, hits: HitArrays, conditions: Conditions) -> FloatArray:
        """As :meth:`of_cells`, of the hits."""
        showers = len(hits.offsets) - 1
        shower = np.repeat(np.arange(showers), np.diff(hits.offsets))
        where = np.unravel_index(hits.cell, self._shape)
        places = [place[at] for place, at in zip(self._places, where, strict=True)]
        total, *moments = (
            np.bincount(shower, hits.cell_energy * each, minlength=showers).astype(np.float64)
            for each in (1.0, *places)
        )
        return self._nearest(np.stack(moments, axis=1), total, conditions)

    def _nearest(
        self, moments: Float64Array, total: Float64Array, conditions: Conditions
    ) -> FloatArray:
        barycentre = moments / np.maximum(total, np.finfo(float).tiny)[:, None]
        passes = barycentre[:, :2] - barycentre[:, 2:] * conditions.lean
        impact = np.asarray(conditions.impact, np.float64)
        pads = np.rint((passes - impact) / self._pad)
        found: FloatArray = (impact + pads * self._pad).astype(np.float32)
        return found


def _half_pad(detector: Detector) -> Float64Array:
    if detector.readout != "pads":
        msg = f"{detector.name} is read out in rings around the particle: it has no impact points"
        raise InputError(msg)
    return np.array(detector.pad_mm) / 2
