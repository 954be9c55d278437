"""Observables of calorimeter showers, as pure functions on arrays.

Cells are `(N, X, Y, Z)` in GeV: `x` and `y` transverse, `z` the layer. Positions are in cells,
counted from 0, so the middle of a 25-cell axis is 12. A shower without energy has its centre in
the middle of the axis and no width.

The functions that take a *profile* `(N, n)` or a *projection* `(N, n, m)` are what everything else
is built from: a profile of a projection is the profile of the shower, so a shower can be reduced
to its three projections once and forgotten.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from caloforge.typing import AnyArray, Float64Array, FloatArray, IntArray

AXES = ("x", "y", "z")
PLANES = ("xy", "xz", "yz")


def deposited_energy(cells: FloatArray) -> Float64Array:
    """Energy in all cells, `(N,)` GeV: what the published code calls ECAL.

    >>> deposited_energy(np.full((1, 2, 2, 2), 0.5, dtype=np.float32))
    array([4.])
    """
    total: Float64Array = cells.reshape(len(cells), -1).sum(axis=1, dtype=np.float64)
    return total


def response(cells: FloatArray, energy: AnyArray) -> Float64Array:
    """Sampling fraction `(N,)`: deposited energy over primary energy `energy` `(N,)` in GeV."""
    return deposited_energy(cells) / np.asarray(energy, dtype=np.float64)


def projection(cells: FloatArray, plane: str) -> FloatArray:
    """Energy summed over the axis that `plane` ("xy", "xz" or "yz") does not name, GeV.

    >>> projection(np.ones((1, 2, 3, 4), dtype=np.float32), "xz").shape
    (1, 2, 4)
    """
    (summed,) = (index for index, axis in enumerate(AXES) if axis not in plane)
    image: FloatArray = cells.sum(axis=summed + 1)
    return image


def profile(cells: FloatArray, axis: str) -> Float64Array:
    """Energy along one axis, `(N, n)` GeV; along "z" these are the layer energies."""
    others = tuple(index + 1 for index, name in enumerate(AXES) if name != axis)
    energies: Float64Array = cells.sum(axis=others, dtype=np.float64)
    return energies


def fractions(profiles: AnyArray) -> Float64Array:
    """Profiles `(N, n)` divided by their sum; zero where a shower has no energy."""
    total = profiles.sum(axis=-1, keepdims=True, dtype=np.float64)
    return profiles / np.where(total > 0, total, 1.0)


def centre(profiles: AnyArray) -> Float64Array:
    """First moment of profiles `(..., n)` in cells.

    >>> centre(np.array([[0.0, 1.0, 1.0, 0.0]]))
    array([1.5])
    """
    size = profiles.shape[-1]
    middle = (size - 1) / 2
    moment: Float64Array = fractions(profiles) @ (np.arange(size) - middle) + middle
    return moment


def central_moment(profiles: AnyArray, order: int) -> Float64Array:
    """Central moment of `order` of profiles `(..., n)`, in cells to that power."""
    offset = np.arange(profiles.shape[-1]) - centre(profiles)[..., None]
    moment: Float64Array = np.sum(fractions(profiles) * offset**order, axis=-1)
    return moment


def width(profiles: AnyArray) -> Float64Array:
    """Square root of the second central moment of profiles `(..., n)`, in cells.

    >>> width(np.array([[1.0, 0.0, 1.0]]))
    array([1.])
    """
    return np.sqrt(central_moment(profiles, 2))


def layer_widths(side: AnyArray) -> Float64Array:
    """Transverse width in every layer `(N, Z)` of an "xz" or "yz" projection `(N, n, Z)`."""
    return width(np.swapaxes(side, 1, 2))


def core_fraction(xy: AnyArray, side: int) -> Float64Array:
    """Share of the energy in the middle `side` x `side` towers of an "xy" projection.

    Raises ValueError where `side` is not odd or wider than the image.
    """
    shape = xy.shape[1:]
    if side % 2 == 0 or side > min(shape):
        msg = f"side is {side}: expected an odd number up to {min(shape)}"
        raise ValueError(msg)
    x, y = ((size - side) // 2 for size in shape)
    core = xy[:, x : x + side, y : y + side].sum(axis=(1, 2), dtype=np.float64)
    total = xy.sum(axis=(1, 2), dtype=np.float64)
    share: Float64Array = core / np.where(total > 0, total, 1.0)
    return share


def layer_hits(cells: FloatArray, thresholds: Sequence[float]) -> IntArray:
    """Cells above each threshold (GeV) in each layer, `(N, Z, T)`."""
    showers, layers = len(cells), cells.shape[-1]
    counts = np.zeros((showers, layers, len(thresholds)), dtype=np.int64)
    hit = np.flatnonzero(cells > min(thresholds))
    value = cells.reshape(-1)[hit]
    row = hit // cells[0].size * layers + hit % layers if showers else hit
    for index, threshold in enumerate(thresholds):
        above = np.bincount(row[value > threshold], minlength=showers * layers)
        counts[:, :, index] = above.reshape(showers, layers)
    return counts


def hits_above(cells: FloatArray, threshold: float) -> IntArray:
    """Number of cells above `threshold` (GeV), `(N,)`."""
    counts: IntArray = layer_hits(cells, (threshold,)).sum(axis=(1, 2))
    return counts


def cell_spectrum(cells: FloatArray, edges: AnyArray) -> IntArray:
    """Number of cells per bin of cell energy for every shower, `(N, B)`.

    `edges` `(B + 1,)` are evenly spaced in log10 of the cell energy (GeV); cells outside them
    are not counted.
    """
    showers, bins = len(cells), len(edges) - 1
    hit = np.flatnonzero((cells >= edges[0]) & (cells < edges[-1]))
    value = cells.reshape(-1)[hit].astype(np.float64)
    column = np.clip(np.searchsorted(edges, value, side="right") - 1, 0, bins - 1)
    row = hit // max(cells[0].size if showers else 1, 1)
    counts = np.bincount(row * bins + column, minlength=showers * bins)
    return counts.reshape(showers, bins)


def correlations(features: AnyArray) -> Float64Array:
    """Pearson correlation matrix `(F, F)` of features `(N, F)`; 0 where a feature is constant."""
    values = np.asarray(features, dtype=np.float64)
    centred = values - values.mean(axis=0)
    spread = np.sqrt((centred**2).mean(axis=0))
    scaled = centred / np.where(spread > 0, spread, 1.0)
    matrix: Float64Array = scaled.T @ scaled / len(values)
    return matrix
