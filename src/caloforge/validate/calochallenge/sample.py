"""A sample as the Challenge sees it: voxels in MeV, calibrated, and their observables by layer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields

import numpy as np

from caloforge.physics import voxels as by_layer
from caloforge.physics.voxels import VoxelGeometry
from caloforge.showers import Showers
from caloforge.typing import Float64Array, FloatArray, IntArray
from caloforge.units import MeV

NOTHING_MEV = 1e-8
"""Added to energies before their logarithm."""


@dataclass(frozen=True)
class ChallengeSample:
    """N showers in V voxels and L layers; indexing selects showers. Energies in MeV, lengths in mm.

    x and y are measured in the S layers that are divided in angle.
    """

    incident: Float64Array
    """Primary energy (N,)."""
    voxels: FloatArray
    """(N, V), those below the read-out threshold set to 0."""
    layer_energy: Float64Array
    """(N, L)."""
    x: Float64Array
    """Centre of energy in each layer (N, S), as are y, and their widths."""
    y: Float64Array
    x_width: Float64Array
    y_width: Float64Array
    r: Float64Array
    """Mean radius in each layer (N, L), and its width."""
    r_width: Float64Array
    sparsity: Float64Array
    """Share of the voxels of each layer without energy (N, L)."""

    def __len__(self) -> int:
        return len(self.incident)

    def __getitem__(self, rows: slice | IntArray) -> ChallengeSample:
        return ChallengeSample(*(getattr(self, field.name)[rows] for field in fields(self)))

    @property
    def total(self) -> Float64Array:
        """Energy in all voxels (N,)."""
        energy: Float64Array = self.layer_energy.sum(axis=1)
        return energy

    def high_level(self) -> Float64Array:
        """What the classifier on features, FPD and KPD see (N, F).

        Logarithms of energies in MeV; lengths in units of 100 mm.
        """
        lengths = (self.x, self.y, self.x_width, self.y_width)
        return np.column_stack(
            [
                np.log10(self.incident), np.log10(self.layer_energy + NOTHING_MEV),
                *(each / 100 for each in lengths), np.log10(self.total + NOTHING_MEV),
                self.sparsity, self.r / 100, self.r_width / 100,
            ]
        )  # fmt: skip

    def low_level(self) -> FloatArray:
        """What the classifiers on voxels see (N, 1 + V): log10 of Ep in MeV, and voxels over Ep."""
        table = np.empty((len(self), 1 + self.voxels.shape[1]), np.float32)
        table[:, 0] = np.log10(self.incident)
        np.divide(self.voxels, self.incident[:, None], out=table[:, 1:], casting="same_kind")
        return table


def challenge_sample(
    chunks: Iterable[Showers], geometry: VoxelGeometry, *, threshold_mev: float, factor: float
) -> ChallengeSample:
    """Measure showers that come in chunks; `factor` calibrates their cells."""
    parts = [_measure(chunk, geometry, threshold_mev, factor) for chunk in chunks]
    return ChallengeSample(
        *(
            np.concatenate([getattr(part, field.name) for part in parts])
            for field in fields(ChallengeSample)
        )
    )


def _measure(
    showers: Showers, geometry: VoxelGeometry, threshold_mev: float, factor: float
) -> ChallengeSample:
    voxels = geometry.cells.flattened(showers.cells).astype(np.float64) * (factor / MeV)
    voxels = np.where(voxels < threshold_mev, 0.0, voxels)
    divided = geometry.has_sectors
    (x, x_width), (y, y_width), (r, r_width) = (
        by_layer.layer_moments(voxels, geometry, position)
        for position in (geometry.x_mm, geometry.y_mm, geometry.radius_mm)
    )
    return ChallengeSample(
        incident=showers.energy.astype(np.float64) / MeV,
        voxels=voxels.astype(np.float32),
        layer_energy=by_layer.layer_energies(voxels, geometry),
        x=x[:, divided],
        y=y[:, divided],
        x_width=x_width[:, divided],
        y_width=y_width[:, divided],
        r=r,
        r_width=r_width,
        sparsity=by_layer.layer_sparsity(voxels, geometry),
    )
