"""The shower library of DDML: a root dataset ``layers`` (N, x, y, z) in MeV.

DDML itself (github.com/key4hep/DDML, LoadHdf5) reads nothing else of the file. A sample needs each
shower's primary energy: ``energy`` (N,) or (N, 1) in GeV, which our files have; ``theta`` in rad.
"""

from caloforge.detector import Detector
from caloforge.errors import InputError
from caloforge.io.block import Block
from caloforge.io.hdf5 import Column, Hdf5File
from caloforge.io.layout_file import LayoutFile
from caloforge.io.rows import RowsWriter, SampleHead
from caloforge.io.shapes import bundled_with, image_shape, scalar_per_shower
from caloforge.typing import AnyArray
from caloforge.units import MeV

CELLS, ENERGY, THETA, PHI = "layers", "energy", "theta", "phi"


def recognise(file: Hdf5File) -> str | None:
    """Why a file is of this layout, None if it is not."""
    shape = file.shape(CELLS)
    return f"it has a root dataset {CELLS} {shape}" if shape and len(shape) == 4 else None


class DdmlFile(LayoutFile):
    """A library for DDML with primary energies; errors as of ShowerFile."""

    LAYOUT = "ddml"
    UNIT = "cells in MeV, energies in GeV"
    ORDER = "x, y, layer"

    def _find_cells(self) -> Column:
        cells = self.file.column(CELLS)
        self._image_shape = image_shape(cells, "x, y, z")
        return cells

    def _find_conditions(self) -> None:
        if ENERGY not in self.file:
            msg = (
                f"{self.path} has no dataset '{ENERGY}' of primary energies, which DDML does not "
                f"need: --map 'cells={CELLS},energy=50,unit=MeV' states the one of all, in GeV"
            )
            raise InputError(msg)
        self._energy = self._check_length(self.file.column(ENERGY))
        self._angle, self._azimuth = self._column_if_any(THETA), self._column_if_any(PHI)
        self.why.append(f"angle: {THETA if self._angle else 'no theta, so perpendicular'}")

    def _find_cell_shape(self) -> tuple[int, int, int]:
        return self._image_shape

    def _detector_of_shape(self) -> Detector | None:
        return bundled_with(self._image_shape)

    def _images(self, stored: AnyArray) -> AnyArray:
        return stored.reshape(-1, *self._image_shape) * MeV

    def _energies(self, start: int, stop: int) -> AnyArray:
        return scalar_per_shower(self._energy.read(start, stop))


class DdmlWriter(RowsWriter):
    """Writes a library that DDML loads, with energies and angles beside it."""

    def _create(self, head: SampleHead, compression: str | None) -> None:
        self.dataset(ENERGY, (head.showers, 1))
        for name in (THETA, *((PHI,) if head.has_phi else ())):
            self.dataset(name, (head.showers,))
        self.dataset(CELLS, (head.showers, *head.cell_shape), compression)

    def _write(self, rows: slice, block: Block) -> None:
        self.put(CELLS, rows, block.cells / MeV)
        self.put(ENERGY, rows, block.energy[:, None])
        self.put(THETA, rows, block.theta)
        if block.phi is not None:
            self.put(PHI, rows, block.phi)
