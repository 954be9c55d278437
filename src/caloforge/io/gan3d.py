"""The 3DGAN HDF5 layout: ``ECAL`` (N, X, Y, Z) GeV, ``energy`` (N,) GeV, ``theta`` (N,) rad.

Older files carry ``target`` (N, 2) or (N, 1, 5) = (pdg, Ep, ...) instead of ``energy``, or
``energy`` (N, 1, 2) with Ep second, an axis of one channel first or last on ``ECAL``, or no angle
(perpendicular). The public files of inclined showers call the angle ``theta``, ``mtheta``
(measured) or ``Angle``, and their cells are 50 x GeV (Khattak et al., arXiv 2001.06591).
"""

import re

import numpy as np

from caloforge.calibration import Calibration
from caloforge.detector import Detector
from caloforge.errors import InputError
from caloforge.io.gan3d_writer import IMPACT, PHI
from caloforge.io.hdf5 import Column, Hdf5File
from caloforge.io.identity import UNCERTAIN, one_particle, only_particle, particles_of
from caloforge.io.layout_file import LayoutFile
from caloforge.io.shapes import bundled_with, image_shape, scalar_per_shower
from caloforge.particle import UNKNOWN
from caloforge.scaling import CALIBRATED_FRACTION
from caloforge.typing import AnyArray

CELLS, ENERGY, TARGET = "ECAL", "energy", "target"
ANGLES = ("theta", "angle", "mtheta")
"""What files call the polar angle in rad, in small letters; the first one found is taken."""

LIKE_AN_ANGLE = re.compile(r"theta|angle|tilt|inclin|polar|^eta$|_eta$|^eta_")
"""Names of datasets that may hold the angle in some other form, in small letters."""

PUBLISHED_SCALE = 50.0
"""What the cells of the published inclined sample were multiplied by."""


def recognise(file: Hdf5File) -> str | None:
    """Why a file is of this layout, None if it is not."""
    shape = file.shape(CELLS)
    return None if shape is None else f"it has a dataset {CELLS} {shape}"


class Gan3dFile(LayoutFile):
    """A sample in the 3DGAN layout; errors as of ShowerFile."""

    LAYOUT = "gan3d"

    def _find_cells(self) -> Column:
        cells = self.file.column(CELLS)
        self._image_shape = image_shape(cells, "X, Y, Z")
        return cells

    def _find_cell_shape(self) -> tuple[int, int, int]:
        return self._image_shape

    def _find_conditions(self) -> None:
        use_target = ENERGY not in self.file and TARGET in self.file
        name = TARGET if use_target else ENERGY
        self._energy = self._check_length(self.file.column(name))
        self._place = _place_of_energy(self._energy)
        if self._place is not None:
            self.why.append(f"energy: {name} {self._energy.shape}, second column")
        self._angle = self._find_angle()
        self._azimuth, self._impact = self._column_if_any(PHI), self._column_if_any(IMPACT)

    def _find_angle(self) -> Column | None:
        by_letters = {name.lower(): name for name in self.file.names}
        for known in ANGLES:
            if known in by_letters:
                name = by_letters[known]
                self.why.append(f"angle: dataset {name}")
                return self._check_length(self.file.column(name))
        other = [name for letters, name in by_letters.items() if LIKE_AN_ANGLE.search(letters)]
        if other:
            msg = (
                f"{self.path}: {', '.join(other)} may tell the angle, but not as theta in rad: "
                f"it is called {', '.join(ANGLES)}; --map 'cells={CELLS},energy=...,theta=...' "
                "takes another"
            )
            raise InputError(msg)
        self.why.append("angle: no dataset of it, so perpendicular")
        return None

    def _images(self, stored: AnyArray) -> AnyArray:
        return stored.reshape(-1, *self.cell_shape)

    def _energies(self, start: int, stop: int) -> AnyArray:
        return _column(self._energy.read(start, stop), self._place)

    def _detector_of_shape(self) -> Detector | None:
        found = bundled_with(self._image_shape)
        if found is not None:
            self.why.append(f"detector: by the shape {self._image_shape}")
        return found

    def _find_particle(self) -> str:
        of_file: list[str] = []
        of_rows: list[str] = []
        said = only_particle(self.file, len(self), of_file)
        found = self._particle_of_rows(of_rows)
        if UNKNOWN not in (said, found):
            sources = [line.removeprefix("particle: ") for line in (*of_file, *of_rows)]
            one_particle(self.file, {said, found}, sources, [])
        self.why += of_rows if said == UNKNOWN and of_rows else of_file
        return found if said == UNKNOWN else said

    def _particle_of_rows(self, why: list[str]) -> str:
        """The particle by the first numbers of (pdg, Ep, ...), where they can be PDG numbers."""
        if self._place is None and TARGET not in self.file:
            return UNKNOWN
        name = TARGET if TARGET in self.file else self._energy.name
        column = self._check_length(self.file.column(name))
        if _place_of_energy(column) is None:
            return UNKNOWN
        found: set[str] = set()
        for block in column.blocks():
            numbers = np.unique(_column(block, 0))
            if not np.all(numbers == np.round(numbers)):
                why.append(f"particle: {UNCERTAIN}")
                return UNKNOWN
            found |= particles_of(numbers)
        return one_particle(self.file, found, [f"first column of {column.name}"], why)

    def _usual_calibration(self, fraction: float | None) -> Calibration:
        published = bundled_with(self._image_shape)
        tilted = self._angle is not None and self.known_detector == published is not None
        if fraction is not None and fraction > CALIBRATED_FRACTION and tilted:
            self.why.append(
                f"calibration: the cells sum to {fraction:.3g} Ep, and the published inclined "
                f"sample holds {PUBLISHED_SCALE:g} x GeV"
            )
            return Calibration(meaning="scaled", factor=(PUBLISHED_SCALE,))
        return super()._usual_calibration(fraction)


def _place_of_energy(column: Column) -> int | None:
    """1 where rows are (pdg, Ep, ...), None where they are Ep alone."""
    size = int(np.prod(column.shape[1:]))
    if size == 1 and column.name != TARGET:
        return None
    if size >= 2 and size == column.shape[-1]:
        return 1
    allowed = "(N,), (N, 1) or (N, 1, 2)" if column.name == ENERGY else "(N, 2) = (pdg, Ep)"
    msg = f"{column.path}: {column.name} must be {allowed}, got {column.shape}"
    raise InputError(msg)


def _column(rows: AnyArray, place: int | None) -> AnyArray:
    return scalar_per_shower(rows) if place is None else rows.reshape(len(rows), -1)[:, place]
