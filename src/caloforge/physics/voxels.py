"""Observables of showers in rings and sectors, by layer, from where each voxel lies.

Voxels are (N, V), layer after layer. What is measured across the beam is in mm around the axis,
so that layers with other rings and sectors, or none, are measured alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from caloforge.detector import Detector
from caloforge.errors import DetectorError
from caloforge.readout import CellGeometry
from caloforge.typing import AnyArray, BoolArray, Float64Array, IntArray


@dataclass(frozen=True, eq=False)
class VoxelGeometry:
    """Where the voxels (V,) of a cylinder lie, sorted by layer.

    Attributes
    ----------
    layer : index of each voxel's layer (V,), 0 to L - 1, none left out.
    radius_mm, x_mm, y_mm : middle of each voxel (V,) around the axis.
    cells : the image (X, Y, Z) that the voxels fill, or a part of it.
    """

    layer: IntArray
    radius_mm: Float64Array
    x_mm: Float64Array
    y_mm: Float64Array
    cells: CellGeometry

    @property
    def starts(self) -> IntArray:
        """The first voxel of each layer (L,)."""
        return np.searchsorted(self.layer, np.arange(len(self.sizes)))

    @property
    def sizes(self) -> IntArray:
        """Voxels of each layer (L,)."""
        return np.bincount(self.layer)

    @property
    def has_sectors(self) -> BoolArray:
        """Whether each layer (L,) is divided in angle, so that x and y can be measured."""
        return np.bincount(self.layer, weights=np.hypot(self.x_mm, self.y_mm)) > 0

    @property
    def reach_mm(self) -> Float64Array:
        """Middle of the outermost ring of each layer (L,)."""
        return np.maximum.reduceat(self.radius_mm, self.starts)

    @property
    def is_regular(self) -> bool:
        """Whether all layers have the same rings and sectors, so that voxels are an image."""
        return bool(self.cells.present.all())


def voxel_geometry(detector: Detector, window: str) -> VoxelGeometry:
    """The voxels of a window: rings running fastest, then sectors, then layers.

    Raises
    ------
    DetectorError
        if the detector is read out in pads.
    """
    if detector.readout != "cylinder":
        msg = f"{detector.name} is read out in pads: rings and sectors are needed"
        raise DetectorError(msg)
    cells = detector.geometry(window)
    places = cells.voxels
    return VoxelGeometry(
        layer=cells.layer.ravel()[places],
        radius_mm=cells.radius_mm.ravel()[places],
        x_mm=cells.x_mm.ravel()[places],
        y_mm=cells.y_mm.ravel()[places],
        cells=cells,
    )


def layer_energies(voxels: AnyArray, geometry: VoxelGeometry) -> Float64Array:
    """Energy of each layer (N, L) of voxels (N, V), in their unit."""
    energies: Float64Array = np.add.reduceat(voxels, geometry.starts, axis=1, dtype=np.float64)
    return energies


def layer_moments(
    voxels: AnyArray, geometry: VoxelGeometry, position_mm: Float64Array
) -> tuple[Float64Array, Float64Array]:
    """Centre and width in mm of each layer (N, L) along a coordinate of the voxels (V,).

    Both are 0 in a layer without energy.
    """
    energy = layer_energies(voxels, geometry)
    safe = np.where(energy > 0, energy, 1.0)
    first, second = (
        layer_energies(voxels * position_mm**order, geometry) / safe for order in (1, 2)
    )
    return first, np.sqrt(np.clip(second - first**2, 0, None))


def layer_sparsity(voxels: AnyArray, geometry: VoxelGeometry) -> Float64Array:
    """Share of the voxels without energy in each layer (N, L)."""
    hits = np.add.reduceat(voxels > 0, geometry.starts, axis=1, dtype=np.int64)
    return 1.0 - hits / geometry.sizes
