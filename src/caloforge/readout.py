"""Where the cells of an image lie: a rectangle (X, Y, Z) of pads, or of rings and sectors.

Read-outs that differ from layer to layer fill a rectangle that holds the largest of them. Cells
that a layer does not have are *absent*: they never hold energy, and a flat list of voxels, as
the CaloChallenge stores it, leaves them out.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from caloforge.errors import InputError
from caloforge.typing import AnyArray, BoolArray, Float64Array, IntArray


@dataclass(frozen=True, eq=False)
class CellGeometry:
    """The cells of an image, every array of shape (X, Y, Z).

    Attributes
    ----------
    present : whether the detector has the cell; where it has not, everything below is 0.
    radius_mm, phi : the cell's middle around the axis on which images are centred; phi in rad
        within 0 - 2 pi.
    x_mm, y_mm : the same in Cartesian coordinates; a ring of one sector has its middle at 0.
    area_mm2 : the cell's area across the beam.
    """

    present: BoolArray
    radius_mm: Float64Array
    phi: Float64Array
    x_mm: Float64Array
    y_mm: Float64Array
    area_mm2: Float64Array

    @property
    def layer(self) -> IntArray:
        """Layer of each cell, shape (X, Y, Z)."""
        return np.broadcast_to(np.arange(self.present.shape[2]), self.present.shape)

    @property
    def voxels(self) -> IntArray:
        """Place of each voxel in the raveled image, shape (voxels,).

        Voxels are the cells that are present: x (rings) running fastest, then y (sectors), then
        layers.
        """
        places = np.arange(self.present.size).reshape(self.present.shape)
        return places.transpose(2, 1, 0)[self.present.transpose(2, 1, 0)]

    def flattened(self, cells: AnyArray) -> AnyArray:
        """Voxels (N, voxels) of images (N, X, Y, Z)."""
        return cells.reshape(len(cells), -1)[:, self.voxels]

    def images(self, voxels: AnyArray) -> AnyArray:
        """Images (N, X, Y, Z) of voxels (N, voxels); absent cells are 0.

        Raises
        ------
        InputError
            if there are not as many voxels as cells.
        """
        places = self.voxels
        if voxels.ndim != 2 or voxels.shape[1] != len(places):
            msg = f"voxels must have the shape (N, {len(places)}), got {voxels.shape}"
            raise InputError(msg)
        cells = np.zeros((len(voxels), self.present.size), voxels.dtype)
        cells[:, places] = voxels
        return cells.reshape(-1, *self.present.shape)


def pads(shape: tuple[int, int, int], pad_mm: tuple[float, float]) -> CellGeometry:
    """Equal pads in every layer; the middle of pad (X // 2, Y // 2) is on the axis."""
    x, y = ((np.arange(n) - n // 2) * pad for n, pad in zip(shape[:2], pad_mm, strict=True))
    x_mm, y_mm = (np.repeat(a[..., None], shape[2], 2) for a in np.meshgrid(x, y, indexing="ij"))
    return CellGeometry(
        present=np.ones(shape, bool),
        radius_mm=np.hypot(x_mm, y_mm),
        phi=np.arctan2(y_mm, x_mm) % (2 * np.pi),
        x_mm=x_mm,
        y_mm=y_mm,
        area_mm2=np.full(shape, pad_mm[0] * pad_mm[1]),
    )


def rings(edges_mm: Sequence[Float64Array], sectors: Sequence[int]) -> CellGeometry:
    """Rings and equal sectors of each layer, given by the rings' edges and their number.

    The image has as many rings and sectors as the finest layers; sector k of n spans phi from
    2 pi k / n on.
    """
    shape = max(len(edges) for edges in edges_mm) - 1, max(sectors), len(sectors)
    present = np.zeros(shape, bool)
    radius, phi, area, reach = (np.zeros(shape) for _ in range(4))
    for z, (edges, n) in enumerate(zip(edges_mm, sectors, strict=True)):
        here = slice(len(edges) - 1), slice(n), z
        present[here] = True
        radius[here] = ((edges[1:] + edges[:-1]) / 2)[:, None]
        phi[here] = (np.arange(n) + 0.5) * 2 * np.pi / n
        area[here] = (np.diff(edges**2) * np.pi / n)[:, None]
        reach[here] = radius[here] if n > 1 else 0.0
    return CellGeometry(
        present=present,
        radius_mm=radius,
        phi=phi,
        x_mm=reach * np.cos(phi),
        y_mm=reach * np.sin(phi),
        area_mm2=area,
    )
