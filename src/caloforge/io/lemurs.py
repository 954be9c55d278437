"""LEMURS, and what Geant4's example Par04 writes: ``showers`` (N, R, phi, z) in MeV.

``incident_energy`` (N,) in MeV, ``incident_theta`` and ``incident_phi`` (N,) in rad; Par04's own
converter leaves the angles out. Five detectors of LEMURS share the shape (9, 16, 45): a file with
angles that names none is of an unknown one.
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

CELLS, ENERGY, THETA, PHI = "showers", "incident_energy", "incident_theta", "incident_phi"


def recognise(file: Hdf5File) -> str | None:
    """Why a file is of this layout, None if it is not."""
    if file.shape(ENERGY) is None or file.shape(CELLS) is None:
        return None
    return f"it has datasets {ENERGY} and {CELLS} {file.shape(CELLS)}"


class LemursFile(LayoutFile):
    """A sample in the layout of LEMURS; errors as of ShowerFile."""

    LAYOUT = "lemurs"
    UNIT = "cells and energies in MeV"
    ORDER = "r, phi, z"
    SHAPE_TELLS = "and several detectors share this shape (Par04's silicon is par04_siw)"

    def _find_cells(self) -> Column:
        cells = self.file.column(CELLS)
        self._image_shape = image_shape(cells, "r, phi, z")
        return cells

    def _find_conditions(self) -> None:
        self._energy = self._check_length(self.file.column(ENERGY))
        self._angle, self._azimuth = self._column_if_any(THETA), self._column_if_any(PHI)
        said = "no incident_theta, so perpendicular" if self._angle is None else THETA
        self.why.append(f"angle: {said}")

    def _find_cell_shape(self) -> tuple[int, int, int]:
        return self._image_shape

    def _detector_of_shape(self) -> Detector | None:
        """Par04's own files have no angles; five detectors of LEMURS share their shape."""
        found = bundled_with(self._image_shape)
        if self._angle is not None or found is None:
            self.why.append("detector: not said by the file, and several have this shape")
            return None
        self.why.append(f"detector: {found.name} by the shape {self._image_shape}")
        return found

    def _images(self, stored: AnyArray) -> AnyArray:
        return stored.reshape(-1, *self._image_shape) * MeV

    def _energies(self, start: int, stop: int) -> AnyArray:
        return scalar_per_shower(self._energy.read(start, stop)) * MeV


class LemursWriter(RowsWriter):
    """Writes the layout: cylinders, with phi where the sample has it."""

    def _create(self, head: SampleHead, compression: str | None) -> None:
        if head.detector is not None and head.detector.readout != "cylinder":
            msg = f"{head.detector.name} is read out in pads: LEMURS' layout holds cylinders"
            raise InputError(msg)
        for name in (ENERGY, THETA, *((PHI,) if head.has_phi else ())):
            self.dataset(name, (head.showers,))
        self.dataset(CELLS, (head.showers, *head.cell_shape), compression)

    def _write(self, rows: slice, block: Block) -> None:
        self.put(CELLS, rows, block.cells / MeV)
        self.put(ENERGY, rows, block.energy / MeV)
        self.put(THETA, rows, block.theta)
        if block.phi is not None:
            self.put(PHI, rows, block.phi)
