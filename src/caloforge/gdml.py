"""A calorimeter whose geometry is a GDML file: what is read out in it, and how it is looked at.

The *face* is the plane at which particles enter. It has axes of its own: z leads into the
calorimeter, x and y lie in the face, and the mesh of cells is laid along them.
"""

from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import Annotated, Self

import numpy as np
from pydantic import Field, PrivateAttr, model_validator

from caloforge.config import FrozenModel
from caloforge.errors import DetectorError
from caloforge.gdml_file import GdmlFile, read_gdml
from caloforge.typing import Float64Array

Number = Annotated[float, Field(allow_inf_nan=False)]
Vector = tuple[Number, Number, Number]
PARALLEL = 0.999
"""Cosine of the angle (2.6 degrees) at which y_axis says too little about y in the face."""
MOST_NAMES = 12
"""Of volumes or materials that a message lists."""


class Face(FrozenModel):
    """Where particles enter: a point in mm and the direction of the axis z, in the GDML's frame.

    ``normal`` points into the calorimeter. ``y_axis`` is y's direction, of which the part within
    the face counts; by default it is the GDML's y, or its z where the normal is along y.
    """

    point_mm: Vector = (0.0, 0.0, 0.0)
    normal: Vector = (0.0, 0.0, 1.0)
    y_axis: Vector | None = None

    @model_validator(mode="after")
    def _axes_differ(self) -> Self:
        if not any(self.normal):
            msg = "normal must not be zero: it leads into the calorimeter, like [0, 0, 1]"
            raise ValueError(msg)
        if self.y_axis is not None and not abs(self._along_normal(self.y_axis)) < PARALLEL:
            msg = f"y_axis must lie in the face, across normal, got {list(self.y_axis)}"
            raise ValueError(msg)
        return self

    def _along_normal(self, direction: Vector) -> float:
        """Cosine of the angle between a direction and the normal; 1 for a zero one."""
        length = np.linalg.norm(direction) * np.linalg.norm(self.normal)
        return float(np.dot(direction, self.normal) / length) if length else 1.0

    @cached_property
    def axes(self) -> Float64Array:
        """Unit vectors x, y and z of the face in the GDML's frame, shape (3, 3), one a row."""
        z = np.array(self.normal) / np.linalg.norm(self.normal)
        y = np.array(self.y_axis or (0.0, 1.0, 0.0))
        if self.y_axis is None and abs(self._along_normal((0.0, 1.0, 0.0))) >= PARALLEL:
            y = np.array([0.0, 0.0, 1.0])
        y = y - (y @ z) * z
        y /= np.linalg.norm(y)
        return np.stack([np.cross(y, z), y, z])

    def to_world(self, direction: tuple[float, float, float]) -> tuple[float, float, float]:
        """A direction (x, y, z) of the face in the GDML's frame."""
        x, y, z = (np.array(direction) @ self.axes).tolist()
        return x, y, z

    def place(self, position_mm: tuple[float, float, float]) -> tuple[float, float, float]:
        """A position (mm) of the face's axes in the GDML's frame."""
        x, y, z = (np.array(self.to_world(position_mm)) + self.point_mm).tolist()
        return x, y, z

    def from_world(self, places_mm: Float64Array) -> Float64Array:
        """Positions (N, 3) of the GDML's frame, in mm, along the face's axes."""
        return (places_mm - self.point_mm) @ self.axes.T


class GdmlGeometry(FrozenModel):
    """A GDML file, the volumes in it that are read out, and the face.

    Sensitive are the logical volumes whose names match one of ``sensitive_volumes`` (a name, or a
    pattern with ``*`` and ``?``), and those of the ``sensitive_materials``. ``file`` is relative
    to the detector's TOML; ``digest`` is that of its content, which is read with the detector.
    """

    file: Annotated[str, Field(min_length=1)]
    digest: str | None = None
    sensitive_volumes: tuple[str, ...] = ()
    sensitive_materials: tuple[str, ...] = ()
    face: Face = Face()

    _content: GdmlFile | None = PrivateAttr(default=None)

    @model_validator(mode="after")
    def _something_is_sensitive(self) -> Self:
        if not self.sensitive_volumes and not self.sensitive_materials:
            msg = "give 'sensitive_volumes' or 'sensitive_materials', names in the GDML file"
            raise ValueError(msg)
        return self

    @property
    def content(self) -> GdmlFile:
        """The file as it was read with the detector's TOML.

        Raises
        ------
        DetectorError
            if the detector comes from elsewhere: samples and model files name the file only.
        """
        if self._content is None:
            msg = f"{self.file} is not at hand: give the detector's TOML file beside it"
            raise DetectorError(msg)
        return self._content

    def read(self, folder: Path) -> Self:
        """The geometry with its file's content, found from the TOML's folder.

        Raises
        ------
        DetectorError
            if the file cannot be read, is not GDML, is not the one with the ``digest``, or a name
            of what is sensitive matches nothing in it.
        """
        content = read_gdml(folder / self.file)
        if self.digest not in (None, content.digest):
            msg = f"{folder / self.file} has the digest {content.digest}, not {self.digest}"
            raise DetectorError(msg)
        if not content.has_loops:
            self.check_names(content.volumes)
        found = self.model_copy(update={"digest": content.digest})
        found._content = content
        return found

    def is_sensitive(self, volume: str, material: str) -> bool:
        """Whether a logical volume of this name and material is read out."""
        named = any(fnmatchcase(volume, pattern) for pattern in self.sensitive_volumes)
        return named or any(fnmatchcase(material, each) for each in self.sensitive_materials)

    def check_names(self, volumes: dict[str, str]) -> None:
        """Refuse names that match none of these logical volumes (name: material).

        Raises
        ------
        DetectorError
            saying what there is.
        """
        for what, wanted, names in (
            ("sensitive_volumes", self.sensitive_volumes, list(volumes)),
            ("sensitive_materials", self.sensitive_materials, sorted(set(volumes.values()))),
        ):
            for pattern in wanted:
                if not any(fnmatchcase(name, pattern) for name in names):
                    kind = what.removeprefix("sensitive_")
                    msg = f"{what} '{pattern}' matches none of the {kind} of {self.file}: "
                    raise DetectorError(msg + listed(names))


def listed(names: list[str]) -> str:
    """Some names as a message lists them."""
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return ", ".join(names[:MOST_NAMES]) + more
