"""getting_high, the ILD's photons: group ``30x30`` with ``energy`` (N, 1) and ``layers``.

``layers`` (N, 30, 30, 30) counts layer, x, z of the detector (across the beam: x, y here) and holds
MeV, ``energy`` GeV; the pads are 5.088 mm wide (Buhmann et al., arXiv 2005.05334).
"""

from caloforge.errors import InputError
from caloforge.io.block import Block
from caloforge.io.hdf5 import Column, Hdf5File
from caloforge.io.layout_file import LayoutFile
from caloforge.io.rows import RowsWriter, SampleHead, check_perpendicular
from caloforge.io.shapes import image_shape, scalar_per_shower
from caloforge.particle import UNKNOWN
from caloforge.typing import AnyArray
from caloforge.units import MeV

GROUP = "30x30"
CELLS, ENERGY = f"{GROUP}/layers", f"{GROUP}/energy"


def recognise(file: Hdf5File) -> str | None:
    """Why a file is of this layout, None if it is not."""
    shape = file.shape(CELLS)
    return None if shape is None else f"it has a group {GROUP} with layers {shape}"


class GettingHighFile(LayoutFile):
    """A sample in the layout of getting_high; errors as of ShowerFile."""

    LAYOUT = "getting_high"
    UNIT = "cells in MeV, energies in GeV"
    ORDER = "layer, x, y (the detector's x and z)"

    def _find_cells(self) -> Column:
        cells = self.file.column(CELLS)
        self._stored_shape = image_shape(cells, "layer, x, z")
        return cells

    def _find_conditions(self) -> None:
        self._energy = self._check_length(self.file.column(ENERGY))
        self.why.append("angle: the layout has none, so perpendicular")

    def _find_cell_shape(self) -> tuple[int, int, int]:
        layers, x, y = self._stored_shape
        return x, y, layers

    def _find_particle(self) -> str:
        found = super()._find_particle()
        if found != UNKNOWN or "particle" in self.attributes:
            return found
        self.why[-1] = "particle: the layout is that of photons"
        return "gamma"

    def _images(self, stored: AnyArray) -> AnyArray:
        return stored.reshape(-1, *self._stored_shape).transpose(0, 2, 3, 1) * MeV

    def _energies(self, start: int, stop: int) -> AnyArray:
        return scalar_per_shower(self._energy.read(start, stop))


class GettingHighWriter(RowsWriter):
    """Writes the layout: images of 30 x 30 pads, perpendicular showers."""

    def _create(self, head: SampleHead, compression: str | None) -> None:
        x, y, layers = head.cell_shape
        if (x, y) != (30, 30):
            msg = f"the layout of getting_high holds 30 x 30 pads, got {x} x {y}"
            raise InputError(msg)
        self.dataset(ENERGY, (head.showers, 1))
        self.dataset(CELLS, (head.showers, layers, x, y), compression)

    def _write(self, rows: slice, block: Block) -> None:
        check_perpendicular(block, "getting_high")
        self.put(CELLS, rows, block.cells.transpose(0, 3, 1, 2) / MeV)
        self.put(ENERGY, rows, block.energy[:, None])
