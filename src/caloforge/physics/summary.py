"""A shower sample reduced to what the observables and distances need.

Everything that caloforge measures follows from three projections, the hits per layer, the cell
spectrum and a pooled image of every shower: a tenth of the cells or less. A sample of any size is
reduced chunk by chunk, so the cells never have to be in memory together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from caloforge import scaling
from caloforge.physics import observables
from caloforge.physics.angle import measured_angle
from caloforge.typing import AnyArray, Float64Array, FloatArray, IntArray


@dataclass(frozen=True)
class Summary:
    """Per-shower reductions of N showers; indexing with a slice, mask or indices selects rows."""

    energy: Float64Array
    """Primary energy (N,) in GeV."""
    theta: Float64Array
    """True angle (N,) in rad."""
    measured_theta: Float64Array
    """Angle measured from the image (N,) in rad."""
    xy: FloatArray
    """Energy summed over z (N, X, Y) in GeV."""
    xz: FloatArray
    """Energy summed over y (N, X, Z) in GeV."""
    yz: FloatArray
    """Energy summed over x (N, Y, Z) in GeV."""
    hits: IntArray
    """Cells above each of scaling.HIT_THRESHOLDS_GEV per layer (N, Z, T)."""
    spectrum: IntArray
    """Cells per bin of scaling.CELL_SPECTRUM_EDGES_GEV (N, B)."""
    pooled: FloatArray
    """Image with the outer rows and columns merged (N, P) in GeV: see `pool`."""

    def __len__(self) -> int:
        return len(self.energy)

    def __getitem__(self, rows: slice | IntArray | AnyArray) -> Summary:
        return Summary(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})

    @staticmethod
    def concatenate(parts: Sequence[Summary]) -> Summary:
        """One summary of all the showers of `parts`, in order."""
        return Summary(
            **{
                field.name: np.concatenate([getattr(part, field.name) for part in parts])
                for field in fields(Summary)
            }
        )

    def profile(self, axis: str) -> Float64Array:
        """Energy along "x", "y" or "z", (N, n) in GeV."""
        plane, summed = {"x": (self.xz, 2), "y": (self.yz, 2), "z": (self.xz, 1)}[axis]
        energies: Float64Array = plane.sum(axis=summed, dtype=np.float64)
        return energies

    def plane(self, name: str) -> FloatArray:
        """The projection "xy", "xz" or "yz"."""
        return {"xy": self.xy, "xz": self.xz, "yz": self.yz}[name]

    @property
    def deposited(self) -> Float64Array:
        """Energy in all cells (N,) in GeV."""
        total: Float64Array = self.profile("z").sum(axis=1)
        return total

    @property
    def response(self) -> Float64Array:
        """Deposited over primary energy (N,)."""
        return self.deposited / self.energy


def pool_edges(size: int) -> IntArray:
    """First cells of the pooled rows: single cells around the middle, 2, 4, 8, ... wide outside.

    >>> pool_edges(25).tolist()
    [0, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 21]
    """
    middle = size // 2
    core = range(max(middle - scaling.POOL_CORE, 0), min(middle + scaling.POOL_CORE + 1, size))
    outer = [middle + scaling.POOL_CORE + 2**step - 1 for step in range(1, size.bit_length() + 1)]
    right = {start for start in outer if start < size}
    left = {2 * middle - start + 1 for start in outer if 2 * middle - start + 1 > 0}
    return np.array(sorted({0} | left | set(core) | right))


def pool(cells: FloatArray) -> FloatArray:
    """Transverse rows and columns merged towards the edge of the image, layers kept: (N, P) GeV."""
    x, y = (pool_edges(size) for size in cells.shape[1:3])
    merged = np.add.reduceat(np.add.reduceat(cells, x, axis=1), y, axis=2)
    return merged.reshape(len(cells), -1)


def summarise(
    cells: FloatArray,
    energy: AnyArray,
    theta: AnyArray,
    *,
    layer_centres_mm: AnyArray,
    pad_mm: float,
    rows: int = 256,
) -> Summary:
    """Reduce showers, `rows` at a time.

    `cells` (N, X, Y, Z) in GeV, `energy` (N,) in GeV and `theta` (N,) in rad are the showers,
    `layer_centres_mm` (Z,) and `pad_mm` (along y) the detector's geometry for the measured angle.
    """
    chunks = [
        _summarise(
            cells[start : start + rows],
            np.asarray(energy[start : start + rows], dtype=np.float64),
            np.asarray(theta[start : start + rows], dtype=np.float64),
            layer_centres_mm,
            pad_mm,
        )
        for start in range(0, max(len(cells), 1), rows)
    ]
    return chunks[0] if len(chunks) == 1 else Summary.concatenate(chunks)


def _summarise(
    cells: FloatArray,
    energy: Float64Array,
    theta: Float64Array,
    layer_centres_mm: AnyArray,
    pad_mm: float,
) -> Summary:
    xy, xz, yz = (observables.projection(cells, plane) for plane in observables.PLANES)
    return Summary(
        energy=energy,
        theta=theta,
        measured_theta=measured_angle(yz, layer_centres_mm, pad_mm),
        xy=xy,
        xz=xz,
        yz=yz,
        hits=observables.layer_hits(cells, scaling.HIT_THRESHOLDS_GEV),
        spectrum=observables.cell_spectrum(cells, np.array(scaling.CELL_SPECTRUM_EDGES_GEV)),
        pooled=pool(cells),
    )
