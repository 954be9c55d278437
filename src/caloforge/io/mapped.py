"""Samples of nobody's layout: a map says where their cells, energies and angles lie.

On the command line ``--map 'cells=/data/e,energy=/mc/p,theta=/mc/th,unit=MeV,order=zyx'``, or the
same as a TOML file. ``energy`` may be a number of GeV, for showers of one energy.
"""

import json
from itertools import permutations
from pathlib import Path
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import AfterValidator, Field, field_validator

from caloforge import units
from caloforge.calibration import Calibration
from caloforge.config import FrozenModel, build, load_toml
from caloforge.detector import Detector
from caloforge.errors import InputError
from caloforge.io.hdf5 import Column
from caloforge.io.identity import one_particle, particles_in
from caloforge.io.layout_file import LayoutFile
from caloforge.io.shapes import bundled_with, image_shape, scalar_per_shower
from caloforge.particle import particle_name
from caloforge.typing import AnyArray

Unit = Literal["keV", "MeV", "GeV", "TeV"]
ORDERS = tuple("".join(letters) for letters in permutations("xyz"))
CYLINDER = str.maketrans("rp", "xy")
"""Rings r are x, sectors p (phi) y."""


def _order(text: str) -> str:
    axes = text.lower().translate(CYLINDER)
    if axes not in ORDERS:
        msg = "the order names each axis of the cells once: xyz, zyx, ... (or r, p, z)"
        raise ValueError(msg)
    return axes


class SampleMap(FrozenModel):
    """Where the parts of a sample lie in an HDF5 file, and in which units.

    Attributes
    ----------
    cells, energy, theta, phi, pdg : names of datasets; ``energy`` may be a number of GeV.
    unit, energy_unit : of cells, and of energies where it is another one.
    angle_unit : of theta and phi.
    order : axes of the cells behind the first, x and y transverse, z the layer.
    shape : the axes' lengths, where the cells are stored flat.
    particle : its name or PDG number; else what the file says.
    calibration : ``sensitive``, ``calibrated``, ``calibrated:33.5`` or ``scaled:50``; else what
        the sums tell.
    """

    cells: str
    energy: str | Annotated[float, Field(gt=0)]
    theta: str | None = None
    phi: str | None = None
    pdg: str | None = None
    unit: Unit = "GeV"
    energy_unit: Unit | None = None
    angle_unit: Literal["rad", "degree"] = "rad"
    order: Annotated[str, AfterValidator(_order)] = "xyz"
    shape: tuple[Annotated[int, Field(ge=1)], ...] | None = None
    particle: str | None = None
    calibration: str | None = None

    @field_validator("energy", mode="before")
    @classmethod
    def _number_or_name(cls, value: object) -> object:
        try:
            return float(value) if isinstance(value, str) else value
        except ValueError:
            return value

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``cells=/data/e,energy=/mc/p,...``, or the TOML file of that name.

        Raises
        ------
        InputError
            naming the key that is wrong.

        >>> SampleMap.parse("cells=e,energy=p,unit=MeV,order=zyx").order
        'zyx'
        """
        if text.endswith(".toml"):
            return load_toml(Path(text), cls, error=InputError)
        pairs = [part.partition("=") for part in text.split(",")]
        if any(not (key.strip() and equals) for key, equals, _ in pairs):
            msg = f"--map '{text}' is not understood: it is KEY=VALUE,KEY=VALUE,... or a .toml file"
            raise InputError(msg)
        said: dict[str, object] = {key.strip(): value.strip() for key, _, value in pairs}
        if isinstance(shape := said.get("shape"), str):
            said["shape"] = shape.split("x")
        return build(cls, said, where="--map", error=InputError)

    def toml(self) -> str:
        """The map as a TOML file that ``--map FILE.toml`` takes."""
        said = self.model_dump(mode="json", exclude_none=True)
        return "".join(f"{key} = {json.dumps(value)}\n" for key, value in said.items())


class MappedFile(LayoutFile):
    """A sample read by a map; errors as of ShowerFile."""

    LAYOUT = "map"

    def __init__(self, path: Path, detector: Detector | None, where: SampleMap) -> None:
        self.map = where
        self._unit = float(getattr(units, where.unit))
        self._energy_unit = float(getattr(units, where.energy_unit or where.unit))
        self._angle_unit = float(getattr(units, where.angle_unit))
        super().__init__(path, detector)

    @property
    def unit(self) -> str:
        """In which units the file holds cells and energies."""
        return f"cells in {self.map.unit}, energies in {self.map.energy_unit or self.map.unit}"

    @property
    def order(self) -> str:
        """In which order the file holds the axes of the cells."""
        return ", ".join(self.map.order)

    def _find_cells(self) -> Column:
        cells = self.file.column(self.map.cells)
        if self.map.shape is None:
            self._stored_shape = image_shape(cells, ", ".join(self.map.order))
        else:
            size, stored = int(np.prod(self.map.shape)), int(np.prod(cells.shape[1:]))
            if len(self.map.shape) != 3 or size != stored:
                said = " x ".join(str(n) for n in self.map.shape)
                msg = f"{self.path}: rows of {cells.name} have {stored} cells, not {said}"
                raise InputError(msg)
            self._stored_shape = (self.map.shape[0], self.map.shape[1], self.map.shape[2])
        return cells

    def _find_conditions(self) -> None:
        self._energy = self._of(self.map.energy) if isinstance(self.map.energy, str) else None
        self._angle, self._azimuth = self._of(self.map.theta), self._of(self.map.phi)
        self.why.append(f"angle: {self.map.theta or 'not in the map, so perpendicular'}")

    def _of(self, name: str | None) -> Column | None:
        return None if name is None else self._check_length(self.file.column(name))

    def _axes(self) -> tuple[int, int, int]:
        x, y, z = (self.map.order.index(axis) for axis in "xyz")
        return x, y, z

    def _find_cell_shape(self) -> tuple[int, int, int]:
        x, y, z = (self._stored_shape[axis] for axis in self._axes())
        return x, y, z

    def _detector_of_shape(self) -> Detector | None:
        found = bundled_with(self._find_cell_shape())
        if found is not None:
            self.why.append(f"detector: {found.name} by the shape {self._find_cell_shape()}")
        return found

    def _find_particle(self) -> str:
        if self.map.particle is not None:
            self.why.append("particle: the map says so")
            return particle_name(self.map.particle)
        if self.map.pdg is not None:
            found = particles_in(self.file.column(self.map.pdg), len(self))
            return one_particle(self.file, found, [f"dataset {self.map.pdg}"], self.why)
        return super()._find_particle()

    def _usual_calibration(self, fraction: float | None) -> Calibration:
        if self.map.calibration is not None:
            self.why.append("calibration: the map says so")
            return Calibration.parse(self.map.calibration)
        return super()._usual_calibration(fraction)

    def _images(self, stored: AnyArray) -> AnyArray:
        images = stored.reshape(-1, *self._stored_shape)
        return images.transpose(0, *(1 + axis for axis in self._axes())) * self._unit

    def _energies(self, start: int, stop: int) -> AnyArray:
        if self._energy is None:
            return np.full(stop - start, self.map.energy)
        return scalar_per_shower(self._energy.read(start, stop)) * self._energy_unit
