"""Where the cells of a shower are: what a model's card says of it, and the positions of hits."""

from typing import Literal

import numpy as np

from caloforge.config import FrozenModel
from caloforge.detector import Detector
from caloforge.errors import InputError
from caloforge.hits import Hits
from caloforge.scaling import THRESHOLD_GEV
from caloforge.typing import Float64Array
from caloforge.units import speed_of_light

NOTHING = 1e-9
"""Less of a unit vector than this is rounding."""
STEEP = 0.9
"""A normal with more than this along the detector's y takes its y axis from the detector's z."""


class Placement(FrozenModel):
    """Cells (X, Y, Z) around the shower's axis, Z counting layers from the front.

    Attributes
    ----------
    holds : ``cells``, sums over a read-out's cells; no steps of a simulation.
    centred_on : what the image's middle is: the pad of the shower's ``barycentre``, or the
        particle's ``axis``.
    axes : what X, Y and Z count, slowest first in memory.
    origin : middle of the first cell, in the units of ``units``: x and y from the axis on which the
        image is centred, or the radius and phi of the first ring and sector.
    pitch : from one middle to the next; none where the layers differ (the detector tells).
    units : of origin and pitch along X and Y.
    layer_depths_mm : middle of each layer's sensitive material, from the calorimeter's front.
    hit_threshold_gev : cells hold at least this, or nothing.
    """

    holds: Literal["cells"] = "cells"
    centred_on: Literal["barycentre", "axis"]
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
            centred_on="barycentre",
            axes=("x", "y", "layer"),
            origin=(round(-(x // 2) * pad_x, 6), round(-(y // 2) * pad_y, 6)),
            pitch=(pad_x, pad_y),
            units=("mm", "mm"),
            layer_depths_mm=depths,
        )
    ring, sector = detector.pad_mm[0], 2 * np.pi / y
    regular = not detector.layers_differ
    return Placement(
        centred_on="axis",
        axes=("ring", "sector", "layer"),
        origin=(ring / 2, sector / 2) if regular else None,
        pitch=(ring, sector) if regular else None,
        units=("mm", "rad"),
        layer_depths_mm=depths,
    )


def positions_mm(hits: Hits) -> Float64Array:
    """Where hits are, (H, 3) mm, from where the particle met the calorimeter's front.

    x and y are the pads' directions, z is the depth. Where the hits do not tell the impact, the
    image of pads is taken for centred on the shower's barycentre, which an inclined flight meets at
    its depth: x and y are moved by that. A cylinder's image is around the flight itself.

    >>> from caloforge.detector import load_detector
    >>> one = np.array([0, 1]), np.array([(12 * 25 + 13) * 25 + 2]), np.array([0.1], np.float32)
    >>> beam = np.float32([50.0]), np.float32([np.pi / 2])
    >>> positions_mm(Hits(*one, *beam, load_detector("clic_ecal"), "fixed")).round(4).tolist()
    [[0.0, 5.1, 11.8]]
    """
    geometry = hits.detector.geometry(hits.window)
    cell = np.unravel_index(hits.cell, hits.cell_shape)
    depth = hits.detector.layer_centres_mm[cell[2]]
    along = np.stack([geometry.x_mm[cell], geometry.y_mm[cell]], axis=1)
    if hits.impact is not None:
        along = along - hits.impact.astype(np.float64)[hits.shower]
    elif hits.detector.readout == "pads":
        moment = np.bincount(hits.shower, hits.cell_energy * depth, minlength=len(hits))
        barycentre = moment / np.maximum(hits.deposited_energy, np.finfo(float).tiny)
        along = along + (barycentre[:, None] * hits.conditions.lean)[hits.shower]
    return np.concatenate([along, depth[:, None]], axis=1)


def times_ns(positions: Float64Array) -> Float64Array:
    """When light is there, (H,) ns: on the straight line from the impact to positions (H, 3) mm.

    >>> times_ns(np.array([[0.0, 0.0, 299.792458]])).tolist()
    [1.0]
    """
    distance: Float64Array = np.linalg.norm(positions, axis=1)
    return distance / speed_of_light


def axes_of(
    direction: Float64Array,
    normal: Float64Array | None = None,
    pad_y: Float64Array | None = None,
) -> Float64Array:
    """Unit vectors x, y, z (3, 3) of :func:`positions_mm` in the detector, for a flight (3,).

    ``positions_mm(hits) @ axes_of(...)`` are the positions from the impact in the detector's frame.
    ``normal`` (3,) points into the layers, and is the flight's direction if it is not given;
    ``pad_y`` (3,) is the pads' y axis, the flight's part along the layers if it is not given: the
    flight's angle to y is the shower's theta then, and its phi a right angle.

    Raises
    ------
    InputError
        if the flight does not lead into the layers, or y is their normal.

    >>> axes_of(np.array([0.0, 0.6, 0.8]), normal=np.array([0.0, 0.0, 1.0])).tolist()
    [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """
    flight = _unit(direction)
    z = flight if normal is None else _unit(normal)
    y = _across(flight if pad_y is None else _unit(pad_y), z)
    if pad_y is None and np.linalg.norm(y) < NOTHING:
        y = _across(np.array([0.0, 0.0, 1.0] if abs(z[1]) > STEEP else [0.0, 1.0, 0.0]), z)
    if np.linalg.norm(y) < NOTHING:
        msg = f"the pads' y axis {pad_y} must not be the layers' normal"
        raise InputError(msg)
    y = _unit(y)
    x = np.cross(y, z)
    axes = np.stack([x, y, z])
    if flight @ z < NOTHING:
        msg = f"a flight must lead into the layers: {np.round(axes @ flight, 6)} in x, y, z"
        raise InputError(msg)
    return axes


def _across(vector: Float64Array, z: Float64Array) -> Float64Array:
    return vector - (vector @ z) * z


def _unit(vector: Float64Array) -> Float64Array:
    length = np.linalg.norm(vector)
    if not (np.isfinite(length) and length > 0):
        msg = f"a direction must be finite and have a length, got {vector}"
        raise InputError(msg)
    return np.asarray(vector, np.float64) / length
