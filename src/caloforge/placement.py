"""Where a host puts the cells of a shower: the facts that it asks of a model's card."""

from typing import Literal

import numpy as np

from caloforge.config import FrozenModel
from caloforge.detector import Detector
from caloforge.scaling import THRESHOLD_GEV


class Placement(FrozenModel):
    """Cells (X, Y, Z) around the shower's axis, Z counting layers from the front.

    Attributes
    ----------
    holds : ``cells``, sums over a read-out's cells; no steps of a simulation.
    axes : what X, Y and Z count, slowest first in memory.
    origin : middle of the first cell, in the units of ``units``: x and y from the axis on which the
        image is centred, or the radius and phi of the first ring and sector.
    pitch : from one middle to the next; none where the layers differ (the detector tells).
    units : of origin and pitch along X and Y.
    layer_depths_mm : middle of each layer's sensitive material, from the calorimeter's front.
    hit_threshold_gev : cells hold at least this, or nothing.
    """

    holds: Literal["cells"] = "cells"
    axes: tuple[str, str, str]
    origin: tuple[float, float] | None
    pitch: tuple[float, float] | None
    units: tuple[Literal["mm"], Literal["mm", "rad"]]
    layer_depths_mm: tuple[float, ...]
    hit_threshold_gev: float = THRESHOLD_GEV


def placement_of(detector: Detector, window: str) -> Placement:
    """The placement of a window's image.

    Raises
    ------
    DetectorError
        if the detector has no such window.

    >>> from caloforge.detector import load_detector
    >>> found = placement_of(load_detector("clic_ecal"), "fixed")
    >>> found.origin, found.pitch, found.layer_depths_mm[:2]
    ((-61.2, -61.2), (5.1, 5.1), (3.0, 7.4))
    """
    x, y, _ = detector.cell_shape(window)
    depths = tuple(round(float(depth), 6) for depth in detector.layer_centres_mm)
    if detector.readout == "pads":
        pad_x, pad_y = detector.pad_mm
        return Placement(
            axes=("x", "y", "layer"),
            origin=(round(-(x // 2) * pad_x, 6), round(-(y // 2) * pad_y, 6)),
            pitch=(pad_x, pad_y),
            units=("mm", "mm"),
            layer_depths_mm=depths,
        )
    ring, sector = detector.pad_mm[0], 2 * np.pi / y
    regular = not detector.layers_differ
    return Placement(
        axes=("ring", "sector", "layer"),
        origin=(ring / 2, sector / 2) if regular else None,
        pitch=(ring, sector) if regular else None,
        units=("mm", "rad"),
        layer_depths_mm=depths,
    )
