"""The CaloChallenge layout: ``incident_energies`` (N, 1) and ``showers`` (N, voxels), in MeV.

The voxels of a cylinder are flattened with the rings running fastest, then the sectors, then the
layers (https://calochallenge.github.io/homepage, arXiv 2410.21611); the binning is that of the
detector's window. Particles enter along the cylinder's axis.
"""

import numpy as np

from caloforge.detector import Detector, bundled_detectors, load_detector
from caloforge.errors import DetectorError, InputError
from caloforge.io.block import Block
from caloforge.io.hdf5 import Column, Hdf5File
from caloforge.io.layout_file import LayoutFile
from caloforge.io.rows import RowsWriter, SampleHead, check_perpendicular
from caloforge.io.shapes import scalar_per_shower
from caloforge.particle import UNKNOWN
from caloforge.typing import AnyArray
from caloforge.units import MeV

ENERGIES, VOXELS = "incident_energies", "showers"
PARTICLES = {
    "calochallenge_photons": "gamma",
    "calochallenge_pions": "pi+",
    "par04_siw": "e-",
    "par04_siw_fine": "e-",
}
"""Detectors of the Challenge's datasets -> the particle of each, as their binning files say."""


def recognise(file: Hdf5File) -> str | None:
    """Why a file is of this layout, None if it is not."""
    if file.shape(ENERGIES) is None or file.shape(VOXELS) is None:
        return None
    return f"it has datasets {ENERGIES} and {VOXELS}"


class CaloChallengeFile(LayoutFile):
    """A sample in the CaloChallenge layout.

    Raises
    ------
    InputError
        as ShowerFile.
    DetectorError
        if no cylinder of the detector, given or named in the file, has as many voxels, or, where
        none is, no bundled one.
    """

    LAYOUT = "calochallenge"
    UNIT = "cells and energies in MeV"
    ORDER = "voxels: rings fastest, then sectors, then layers"

    def _find_cells(self) -> Column:
        cells = self.file.column(VOXELS)
        if len(cells.shape) != 2:
            msg = f"{self.path}: {VOXELS} must be (N, voxels), got {cells.shape}"
            raise InputError(msg)
        return cells

    def _find_conditions(self) -> None:
        self._incident = self._check_length(self.file.column(ENERGIES))
        self._challenge: str | None = None
        self.why.append("angle: the layout has none, along the cylinder's axis")

    def _find_cell_shape(self) -> tuple[int, int, int]:
        detector = self.known_detector
        voxels = self._cells.shape[1]
        window = None if detector is None else window_with(detector, voxels)
        if detector is None or window is None:
            names = ", ".join(bundled_detectors()) if detector is None else detector.name
            msg = f"{self.path} has {voxels} voxels a shower, which fit no cylinder of {names}"
            raise DetectorError(msg)
        self._geometry = detector.geometry(window)
        return detector.cell_shape(window)

    def _detector_of_shape(self) -> Detector | None:
        voxels = self._cells.shape[1]
        for name in bundled_detectors():
            detector = load_detector(name)
            if window_with(detector, voxels) is not None:
                self.why.append(f"detector: {name} by the number of voxels, {voxels}")
                self._challenge = name
                return detector
        return None

    def _find_particle(self) -> str:
        found = super()._find_particle()
        if found != UNKNOWN or self._challenge is None:
            return found
        self.why[-1] = f"particle: that of the Challenge's {self._challenge}"
        return PARTICLES.get(self._challenge, UNKNOWN)

    def _images(self, stored: AnyArray) -> AnyArray:
        return self._geometry.images(stored * MeV)

    def _energies(self, start: int, stop: int) -> AnyArray:
        return scalar_per_shower(self._incident.read(start, stop)) * MeV


def window_with(detector: Detector, voxels: int) -> str | None:
    """The window of a cylinder that has so many voxels, None where there is none."""
    if detector.readout != "cylinder":
        return None
    for window in detector.windows:
        if np.count_nonzero(detector.geometry(window).present) == voxels:
            return window
    return None


class CaloChallengeWriter(RowsWriter):
    """Writes the layout: cylinders only, showers along their axis only."""

    def _create(self, head: SampleHead, compression: str | None) -> None:
        detector = head.detector
        if detector is None or detector.readout != "cylinder":
            msg = (
                f"{head.whose} is not read out in rings and sectors: "
                "the CaloChallenge layout holds cylinders only"
            )
            raise InputError(msg)
        self._geometry = detector.geometry(detector.window_of(head.cell_shape))
        self.dataset(ENERGIES, (head.showers, 1))
        self.dataset(VOXELS, (head.showers, len(self._geometry.voxels)), compression)

    def _write(self, rows: slice, block: Block) -> None:
        check_perpendicular(block, "CaloChallenge")
        self.put(VOXELS, rows, self._geometry.flattened(block.cells) / MeV)
        self.put(ENERGIES, rows, (block.energy / MeV)[:, None])
