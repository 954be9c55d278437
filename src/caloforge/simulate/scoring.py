"""From scored cells to the image: centring on the barycentre cell, window, threshold."""

from dataclasses import dataclass

import numpy as np

from caloforge.scaling import THRESHOLD_GEV
from caloforge.simulate.geometry import Grid
from caloforge.simulate.request import Production
from caloforge.typing import Float64Array, FloatArray, IntArray


@dataclass(frozen=True)
class ScoredHits:
    """Cells of a shower that hold energy: index in the flattened image, energy in GeV; the GeV
    that the scorer saw beside the image; and how many pads in x and y the image's middle is from
    the calorimeter's."""

    index: IntArray
    energy: FloatArray
    beside: float = 0.0
    middle: tuple[int, int] = (0, 0)

    def image(self, shape: tuple[int, int, int]) -> FloatArray:
        """The image (X, Y, Z)."""
        cells = np.zeros(int(np.prod(shape)), np.float32)
        cells[self.index] = self.energy
        return cells.reshape(shape)


def window_hits(
    scored: IntArray, energy: Float64Array, grid: Grid, production: Production
) -> ScoredHits:
    """Cut the window out of scored cells.

    ``scored`` numbers the cells as Geant4's scorer does, (layer, row, column) row-major. With
    pads the middle of the window is the cell of the energy-weighted mean position over all
    layers; a cylinder has no centring. Cells under the threshold are dropped.
    """
    layer, rest = np.divmod(scored, grid.rows * grid.columns)
    row, column = np.divmod(rest, grid.columns)
    n_x, n_y, n_z = production.cell_shape
    middle = 0, 0
    if production.detector.readout == "pads" and energy.sum() > 0:
        centre = _barycentre_cell(row, energy), _barycentre_cell(column, energy)
        middle = centre[0] - grid.rows // 2, centre[1] - grid.columns // 2
        row = row - centre[0] + n_x // 2
        column = column - centre[1] + n_y // 2
    inside = (row >= 0) & (row < n_x) & (column >= 0) & (column < n_y)
    beside = float(energy[~inside].sum())
    inside &= energy >= THRESHOLD_GEV
    index = ((row * n_y + column) * n_z + layer)[inside]
    order = np.argsort(index)
    return ScoredHits(index[order], energy[inside][order].astype(np.float32), beside, middle)


def _barycentre_cell(cell: IntArray, energy: Float64Array) -> int:
    return int(np.floor((cell * energy).sum() / energy.sum() + 0.5))
