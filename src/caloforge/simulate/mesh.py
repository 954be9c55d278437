"""A mesh of cells laid over a geometry: which cells the steps of an event leave energy in."""

from dataclasses import dataclass

import numpy as np

from caloforge.detector import Detector
from caloforge.simulate.geometry import Grid, grid_of
from caloforge.typing import Float64Array, IntArray

PARTS = 10
"""Into how many parts a step is cut that is as long as the narrowest side of a cell."""


@dataclass(frozen=True, eq=False)
class ScoringMesh:
    """Layers along z, each cut into the cells of a grid about the axis x = y = 0.

    Attributes
    ----------
    grid : cells of a layer: x and y, or rings and sectors.
    layer_edges_mm : depths at which layers begin and end (n_layers + 1).
    pad_mm : sizes of pads in x and y; rings, where there are some, are no narrower than the first.
    ring_edges_mm, sectors : of each layer; none of pads.
    """

    grid: Grid
    layer_edges_mm: Float64Array
    pad_mm: tuple[float, float]
    ring_edges_mm: tuple[Float64Array, ...] = ()
    sectors: tuple[int, ...] = ()

    @classmethod
    def over(cls, detector: Detector, window: str, *, sideways: bool = False) -> "ScoringMesh":
        """The cells of a detector in which energy is summed."""
        edges, pad = detector.layer_edges_mm, detector.pad_mm
        grid = grid_of(detector, window, sideways=sideways)
        if detector.readout == "pads":
            return cls(grid, edges, pad)
        rings, sectors = detector.ring_edges_mm(window), detector.sectors(window)
        return cls(grid, edges, pad, tuple(rings), tuple(sectors))

    @property
    def narrowest_mm(self) -> float:
        """The narrowest side of a cell, sectors aside."""
        across = self.pad_mm[:1] if self.ring_edges_mm else self.pad_mm
        return min(*across, float(np.diff(self.layer_edges_mm).min()))

    @property
    def half_width_mm(self) -> tuple[float, float]:
        """How far the cells reach from the axis in x and y."""
        if self.ring_edges_mm:
            radius = float(max(edges[-1] for edges in self.ring_edges_mm))
            return radius, radius
        return self.grid.rows * self.pad_mm[0] / 2, self.grid.columns * self.pad_mm[1] / 2

    def deposits(
        self, start: Float64Array, stop: Float64Array, energy: Float64Array
    ) -> tuple[IntArray, Float64Array]:
        """Cells, each once, and their energies, of steps between two points (N, 3) in mm.

        The energy (N,) of a step is spread evenly over its way. Cells are numbered
        (layer, row, column) row-major; what is outside the mesh is left out.
        """
        length = np.linalg.norm(stop - start, axis=1)
        parts = np.maximum(np.ceil(length / self.narrowest_mm * PARTS), 1).astype(np.int64)
        step = np.repeat(np.arange(len(parts)), parts)
        number = np.arange(len(step)) - np.repeat(np.cumsum(parts) - parts, parts)
        way = ((number + 0.5) / parts[step])[:, None]
        cell = self.cell(start[step] + way * (stop - start)[step])
        inside = cell >= 0
        once, place = np.unique(cell[inside], return_inverse=True)
        summed = np.bincount(place, (energy / parts)[step][inside], len(once))
        return once, summed.astype(np.float64)

    def cell(self, places: Float64Array) -> IntArray:
        """Number of the cell at each place (N, 3) in mm; -1 outside the mesh."""
        x, y, z = places.T
        layer = np.searchsorted(self.layer_edges_mm, z, side="right") - 1
        if self.ring_edges_mm:
            row, column = self._ring_and_sector(layer, np.hypot(x, y), np.arctan2(y, x))
        else:
            middle = np.array([self.grid.rows, self.grid.columns]) / 2
            row, column = (
                np.floor(at / pad + half).astype(np.int64)
                for at, pad, half in zip((x, y), self.pad_mm, middle, strict=True)
            )
        inside = (layer >= 0) & (layer < len(self.layer_edges_mm) - 1)
        inside &= (row >= 0) & (row < self.grid.rows)
        inside &= (column >= 0) & (column < self.grid.columns)
        number = (layer * self.grid.rows + row) * self.grid.columns + column
        return np.where(inside, number, -1)

    def _ring_and_sector(
        self, layer: IntArray, radius: Float64Array, phi: Float64Array
    ) -> tuple[IntArray, IntArray]:
        """Ring (-1 beyond the last) and sector of each place in its layer."""
        ring, sector = np.full(len(layer), -1), np.zeros(len(layer), np.int64)
        turn = (phi / (2 * np.pi)) % 1.0
        for number, (edges, sectors) in enumerate(
            zip(self.ring_edges_mm, self.sectors, strict=True)
        ):
            here = layer == number
            found = np.searchsorted(edges, radius[here], side="right") - 1
            ring[here] = np.where(found < len(edges) - 1, found, -1)
            sector[here] = np.minimum((turn[here] * sectors).astype(np.int64), sectors - 1)
        return ring, sector
