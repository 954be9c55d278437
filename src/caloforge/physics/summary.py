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
from caloforge.physics.angle import leaning_angle, line_angle, measured_angle
from caloforge.readout import CellGeometry
from caloforge.typing import AnyArray, Float64Array, FloatArray, IntArray

ACROSS = ("x", "y", "r")
"""Places of a cylinder's cells around its axis, in mm."""


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
    across: Float64Array
    """Of a cylinder: energy times x, y, r and their squares, summed in each layer (N, Z, 6), in GeV
    mm and GeV mm2 around the axis; of pads (N, 0, 6): their projections say it."""

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
    def in_rings(self) -> bool:
        """Whether X counts rings and Y sectors, not pads."""
        return bool(self.across.shape[1])

    @property
    def pooled_shape(self) -> tuple[int, int, int]:
        """X, Y and Z of the pooled image."""
        x, y = _edges(*self.xy.shape[1:], in_rings=self.in_rings)
        return len(x), len(y), self.xz.shape[2]

    def layer_moments_mm(self, axis: str) -> tuple[Float64Array, Float64Array]:
        """Centre and width in mm of each layer (N, Z) of a cylinder along "x", "y" or "r"."""
        return _moments(self.profile("z"), self.across, axis)

    def moments_mm(self, axis: str) -> tuple[Float64Array, Float64Array]:
        """Centre and width in mm of showers (N,) in a cylinder along "x", "y" or "r"."""
        return _moments(self.deposited, self.across.sum(axis=1), axis)

    @property
    def deposited(self) -> Float64Array:
        """Energy in all cells (N,) in GeV."""
        total: Float64Array = self.profile("z").sum(axis=1)
        return total

    @property
    def response(self) -> Float64Array:
        """Deposited over primary energy (N,)."""
        return self.deposited / self.energy


def _moments(
    energy: Float64Array, across: Float64Array, axis: str
) -> tuple[Float64Array, Float64Array]:
    """Centre and width of sums as `Summary.across` holds them; both 0 without energy."""
    safe = np.where(energy > 0, energy, 1.0)
    column = ACROSS.index(axis)
    mean, square = across[..., column] / safe, across[..., column + len(ACROSS)] / safe
    return mean, np.sqrt(np.clip(square - mean**2, 0, None))


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


def ring_edges(rings: int) -> IntArray:
    """First rings of the pooled ones: single near the axis, 2, 4, 8, ... wide outside.

    >>> ring_edges(18).tolist()
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 15]
    """
    core = 2 * scaling.POOL_CORE + 1
    outer = [core + 2**step - 2 for step in range(1, rings.bit_length() + 1)]
    return np.array([*range(min(core, rings)), *(start for start in outer if start < rings)])


def sector_edges(sectors: int) -> IntArray:
    """First sectors of the pooled ones, all equally wide and at most POOL_SECTORS.

    >>> sector_edges(50).tolist()[:4], len(sector_edges(16))
    ([0, 4, 8, 12], 16)
    """
    return np.arange(0, sectors, -(-sectors // scaling.POOL_SECTORS))


def _edges(x: int, y: int, *, in_rings: bool) -> tuple[IntArray, IntArray]:
    if in_rings:
        return ring_edges(x), sector_edges(y)
    return pool_edges(x), pool_edges(y)


def pool(cells: FloatArray, *, in_rings: bool = False) -> FloatArray:
    """Cells merged away from the shower's axis, layers kept: (N, P) GeV.

    Pads (X, Y) become wider towards the edge of the image; of a cylinder `in_rings`, X is rings and
    Y sectors.
    """
    x, y = _edges(*cells.shape[1:3], in_rings=in_rings)
    merged = np.add.reduceat(np.add.reduceat(cells, x, axis=1), y, axis=2)
    return merged.reshape(len(cells), -1)


def summarise(
    cells: FloatArray,
    energy: AnyArray,
    theta: AnyArray,
    *,
    layer_centres_mm: AnyArray,
    pad_mm: float,
    rings: CellGeometry | None = None,
    phi: AnyArray | None = None,
    pad_x_mm: float | None = None,
    rows: int = 256,
) -> Summary:
    """Reduce showers, `rows` at a time.

    `cells` (N, X, Y, Z) in GeV, `energy` (N,) in GeV and `theta` (N,) in rad are the showers,
    `layer_centres_mm` (Z,) and `pad_mm` (along y) the detector's geometry for the measured angle;
    `rings` is where the cells of a cylinder lie, whose X and Y are no places but rings and sectors.
    `phi` (N,) in rad says which way showers in pads lean, None along y; `pad_x_mm` is as `pad_mm`
    where it is not given.
    """
    chunks = [
        _summarise(
            cells[start : start + rows],
            np.asarray(energy[start : start + rows], dtype=np.float64),
            np.asarray(theta[start : start + rows], dtype=np.float64),
            layer_centres_mm,
            pad_mm,
            rings,
            None if phi is None else phi[start : start + rows],
            pad_mm if pad_x_mm is None else pad_x_mm,
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
    rings: CellGeometry | None,
    phi: AnyArray | None,
    pad_x_mm: float,
) -> Summary:
    xy, xz, yz = (observables.projection(cells, plane) for plane in observables.PLANES)
    across = np.zeros((len(cells), 0, 2 * len(ACROSS)))
    if rings is None:
        angle = (
            measured_angle(yz, layer_centres_mm, pad_mm)
            if phi is None
            else leaning_angle(xz, yz, phi, layer_centres_mm, (pad_x_mm, pad_mm))
        )
    else:
        across = _across(cells, rings)
        layers = xz.sum(axis=1, dtype=np.float64)
        angle = line_angle(layers, _moments(layers, across, "y")[0], layer_centres_mm)
    return Summary(
        energy=energy,
        theta=theta,
        measured_theta=angle,
        xy=xy,
        xz=xz,
        yz=yz,
        hits=observables.layer_hits(cells, scaling.HIT_THRESHOLDS_GEV),
        spectrum=observables.cell_spectrum(cells, np.array(scaling.CELL_SPECTRUM_EDGES_GEV)),
        pooled=pool(cells, in_rings=rings is not None),
        across=across,
    )


def _across(cells: FloatArray, rings: CellGeometry) -> Float64Array:
    """Energy times x, y, r and their squares, summed in each layer (N, Z, 6)."""
    places = np.stack([rings.x_mm, rings.y_mm, rings.radius_mm], axis=-1)
    weights = np.concatenate([places, places**2], axis=-1)
    sums: Float64Array = np.einsum("nxyz,xyzk->nzk", cells, weights, optimize=True)
    return sums
