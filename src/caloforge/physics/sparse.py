"""The observables of :mod:`~caloforge.physics.observables` and the summary, from hits alone.

Energies are summed in float64 and differ from sums over cells by rounding.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from caloforge import scaling
from caloforge.hits import Hits
from caloforge.physics.angle import leaning_angle, measured_angle
from caloforge.physics.observables import AXES, PLANES
from caloforge.physics.summary import ACROSS, Summary, pool_edges
from caloforge.typing import AnyArray, Float64Array, FloatArray, IntArray


def projection(hits: Hits, plane: str) -> FloatArray:
    """Energy summed over the axis that `plane` ("xy", "xz" or "yz") does not name, GeV."""
    sizes, place = _places(hits)
    shape = tuple(sizes[axis] for axis in plane)
    number = place[plane[0]] * shape[1] + place[plane[1]]
    sums = _summed(hits, number, shape[0] * shape[1])
    return sums.reshape(-1, *shape).astype(np.float32)


def profile(hits: Hits, axis: str) -> Float64Array:
    """Energy along one axis, `(N, n)` GeV; along "z" these are the layer energies."""
    sizes, place = _places(hits)
    return _summed(hits, place[axis], sizes[axis])


def layer_hits(hits: Hits, thresholds: Sequence[float]) -> IntArray:
    """Cells above each threshold (GeV) in each layer, `(N, Z, T)`."""
    layers = hits.cell_shape[2]
    row = hits.shower * layers + hits.cell % layers
    counts = [
        np.bincount(row[hits.cell_energy > threshold], minlength=len(hits) * layers)
        for threshold in thresholds
    ]
    return np.stack(counts, axis=-1).reshape(len(hits), layers, len(thresholds))


def hits_above(hits: Hits, threshold: float) -> IntArray:
    """Number of cells above `threshold` (GeV), `(N,)`."""
    counts: IntArray = layer_hits(hits, (threshold,)).sum(axis=(1, 2))
    return counts


def cell_spectrum(hits: Hits, edges: AnyArray) -> IntArray:
    """Number of cells per bin of cell energy for every shower, `(N, B)`; as of observables."""
    bins = len(edges) - 1
    inside = (hits.cell_energy >= edges[0]) & (hits.cell_energy < edges[-1])
    value = hits.cell_energy[inside].astype(np.float64)
    column = np.clip(np.searchsorted(edges, value, side="right") - 1, 0, bins - 1)
    counts = np.bincount(hits.shower[inside] * bins + column, minlength=len(hits) * bins)
    return counts.reshape(len(hits), bins)


def pool(hits: Hits) -> FloatArray:
    """Transverse rows and columns of pads merged towards the image's edge: (N, P) GeV."""
    sizes, place = _places(hits)
    x_edges, y_edges = pool_edges(sizes["x"]), pool_edges(sizes["y"])
    x = np.searchsorted(x_edges, place["x"], side="right") - 1
    y = np.searchsorted(y_edges, place["y"], side="right") - 1
    number = (x * len(y_edges) + y) * sizes["z"] + place["z"]
    return _summed(hits, number, len(x_edges) * len(y_edges) * sizes["z"]).astype(np.float32)


def summarise_hits(hits: Hits) -> Summary:
    """The summary of showers in pads, as of `summarise`."""
    detector = hits.detector
    xy, xz, yz = (projection(hits, plane) for plane in PLANES)
    layers = detector.layer_centres_mm
    angle = (
        measured_angle(yz, layers, detector.pad_mm[1])
        if hits.phi is None
        else leaning_angle(xz, yz, hits.phi, layers, detector.pad_mm)
    )
    return Summary(
        energy=hits.energy.astype(np.float64),
        theta=hits.theta.astype(np.float64),
        measured_theta=angle,
        xy=xy,
        xz=xz,
        yz=yz,
        hits=layer_hits(hits, scaling.HIT_THRESHOLDS_GEV),
        spectrum=cell_spectrum(hits, np.array(scaling.CELL_SPECTRUM_EDGES_GEV)),
        pooled=pool(hits),
        across=np.zeros((len(hits), 0, 2 * len(ACROSS))),
    )


def _places(hits: Hits) -> tuple[dict[str, int], dict[str, IntArray]]:
    """Sizes of the axes, and where along each a hit is."""
    x, y, z = hits.cell_shape
    cell = hits.cell.astype(np.int64)
    return dict(zip(AXES, (x, y, z), strict=True)), {
        "x": cell // (y * z),
        "y": cell // z % y,
        "z": cell % z,
    }


def _summed(hits: Hits, number: IntArray, size: int) -> Float64Array:
    """Energy of each shower's hits of each number, (N, size) GeV."""
    place = hits.shower * size + number
    sums = np.bincount(place, hits.cell_energy, minlength=len(hits) * size)
    return sums.reshape(len(hits), size).astype(np.float64)
