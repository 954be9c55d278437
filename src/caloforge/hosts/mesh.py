"""Square pads on a cylinder's mesh: who gets how much of a pad, and of a layer.

A pad's energy is shared among the mesh's cells in proportion to the area that they cover of it,
and a layer's among the slices of the mesh in proportion to their overlap in depth, the last slice
taking what lies behind it. Across, a pad's weights sum to the part of it that the mesh covers.
"""

from dataclasses import dataclass

import numpy as np

from caloforge.card import ModelCard
from caloforge.detector import Detector
from caloforge.errors import ModelError
from caloforge.typing import FloatArray

POINTS = (64, 62)
"""Points along the sides of a pad, by which areas are measured; as many along both would put those
on a diagonal, where sectors meet, on one side."""


@dataclass(frozen=True)
class Mesh:
    """Rings, sectors and slices around a particle, from where it enters; sizes in mm.

    Sector j of n spans phi from ``2 pi j / n - pi`` on.
    """

    rings: int
    sectors: int
    slices: int
    ring_mm: float
    slice_mm: float

    @property
    def shape(self) -> tuple[int, int, int]:
        """Cells (rings, sectors, slices)."""
        return self.rings, self.sectors, self.slices

    @property
    def depth_mm(self) -> float:
        """Depth of the whole mesh in mm."""
        return self.slices * self.slice_mm


def area_weights(shape: tuple[int, int], pad_mm: tuple[float, float], mesh: Mesh) -> FloatArray:
    """What each cell across the axis gets of each pad, (rings * sectors, X * Y).

    ``shape`` counts the pads (X, Y), pad (X // 2, Y // 2) being centred on the axis.

    >>> mesh = Mesh(rings=2, sectors=4, slices=1, ring_mm=5.0, slice_mm=1.0)
    >>> area_weights((1, 1), (4.0, 4.0), mesh).T
    array([[0.25, 0.25, 0.25, 0.25, 0.  , 0.  , 0.  , 0.  ]], dtype=float32)
    """
    across = []
    for n, pad, points in zip(shape, pad_mm, POINTS, strict=True):
        along = (np.arange(n * points) + 0.5) / points - 0.5
        across.append((along - n // 2) * pad)
    x, y = np.meshgrid(*across, indexing="ij")
    ring = (np.hypot(x, y) / mesh.ring_mm).astype(np.int64)
    inside = ring < mesh.rings
    turn = (np.arctan2(y, x) + np.pi) / (2 * np.pi)
    sector = (turn * mesh.sectors).astype(np.int64) % mesh.sectors
    columns, rows = (
        np.arange(n * points) // points for n, points in zip(shape, POINTS, strict=True)
    )
    pad_number = columns[:, None] * shape[1] + rows
    weights = np.zeros((mesh.rings * mesh.sectors, shape[0] * shape[1]))
    place = ring[inside] * mesh.sectors + sector[inside], pad_number[inside]
    np.add.at(weights, place, 1 / np.prod(POINTS))
    return weights.astype(np.float32)


def depth_weights(detector: Detector, mesh: Mesh) -> FloatArray:
    """What each slice of the mesh gets of each layer, (layers, slices)."""
    thickness = [layer.thickness_mm for layer in detector.layers for _ in range(layer.count)]
    ends = np.concatenate([[0.0], np.cumsum(thickness)])
    edges = np.arange(mesh.slices + 1) * mesh.slice_mm
    edges[-1] = max(edges[-1], ends[-1])
    low = np.maximum(ends[:-1, None], edges[:-1])
    high = np.minimum(ends[1:, None], edges[1:])
    overlap = np.maximum(high - low, 0.0)
    weights: FloatArray = (overlap / overlap.sum(axis=1, keepdims=True)).astype(np.float32)
    return weights


def own_mesh(card: ModelCard) -> Mesh:
    """The mesh that a model of rings makes showers on.

    Raises
    ------
    ModelError
        if it is not one of equal layers, rings and sectors that a host knows by their sizes.
    """
    detector = card.detector
    rings, sectors, slices = card.cell_shape
    thickness = {round(layer.thickness_mm, 6) for layer in detector.layers}
    if detector.readout != "cylinder":
        msg = f"{card.name} makes showers on pads, not on a mesh of rings"
        raise ModelError(msg)
    if detector.layers_differ or len(thickness) > 1:
        msg = f"{card.name}: the layers of {detector.name} differ, the host's mesh has equal ones"
        raise ModelError(msg)
    if not detector.depth_mm:
        msg = f"{card.name}: {detector.name} does not say how thick its layers are"
        raise ModelError(msg)
    if sectors > 1 and sectors % 2:
        msg = (
            f"{card.name} has {sectors} sectors: the host's start half a turn on, "
            "which takes an even number"
        )
        raise ModelError(msg)
    return Mesh(rings, sectors, slices, detector.pad_mm[0], detector.layers[0].thickness_mm)
