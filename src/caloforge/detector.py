"""A sampling calorimeter as data: materials, layers, pads and the windows that are cut from it."""

from importlib import resources
from pathlib import Path
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from caloforge.config import FrozenModel, load_toml
from caloforge.errors import DetectorError
from caloforge.provenance import json_digest
from caloforge.typing import Float64Array

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]
MOST_LAYERS = 1000
"""Of one kind in a detector; the finest calorimeters that are planned have some hundred."""


class Material(FrozenModel):
    """A material: a NIST name that Geant4 knows, or a density with mass fractions.

    ``elements`` maps element symbols to mass fractions, which are normalised to unit sum.
    """

    nist: str | None = None
    density_g_cm3: Positive | None = None
    elements: dict[str, Positive] = {}

    @model_validator(mode="after")
    def _nist_or_composition(self) -> Self:
        composed = self.density_g_cm3 is not None and bool(self.elements)
        named = self.nist is not None and self.density_g_cm3 is None and not self.elements
        if not composed ^ named or (composed and self.nist is not None):
            msg = "a material has either 'nist', or both 'density_g_cm3' and 'elements'"
            raise ValueError(msg)
        return self

    @property
    def mass_fractions(self) -> dict[str, float]:
        """Mass fraction of each element, of unit sum (empty for a NIST material)."""
        total = sum(self.elements.values())
        return {symbol: share / total for symbol, share in self.elements.items()}


class Slab(FrozenModel):
    """One sheet of a layer: a material's name, a thickness in mm, and whether it is read out."""

    material: str
    thickness_mm: Positive
    sensitive: bool = False


class Layer(FrozenModel):
    """``count`` identical layers, each a stack of slabs in the order the beam meets them.

    The stack fills the layer; ``pitch_mm`` may state the layer's thickness as a check.
    """

    count: Annotated[Count, Field(le=MOST_LAYERS)] = 1
    pitch_mm: Positive | None = None
    stack: Annotated[tuple[Slab, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _is_read_out(self) -> Self:
        if not any(slab.sensitive for slab in self.stack):
            msg = "a layer needs at least one slab with sensitive = true"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _fills_its_pitch(self) -> Self:
        pitch = self.pitch_mm
        if pitch is not None and abs(self.thickness_mm - pitch) > 1e-6 * pitch:
            fault = "overlap" if self.thickness_mm > pitch else "leave a gap (fill it with air)"
            msg = f"the slabs {fault}: {self.thickness_mm:g} mm of them, pitch_mm is {pitch:g}"
            raise ValueError(msg)
        return self

    @property
    def thickness_mm(self) -> float:
        """Thickness of one layer in mm."""
        return sum(slab.thickness_mm for slab in self.stack)

    @property
    def centre_mm(self) -> float:
        """Depth of the middle of the sensitive material in mm, from the layer's front."""
        fronts = np.cumsum([0.0] + [slab.thickness_mm for slab in self.stack])
        thickness = np.array([slab.thickness_mm * slab.sensitive for slab in self.stack])
        middles = (fronts[:-1] + fronts[1:]) / 2
        return float((middles * thickness).sum() / thickness.sum())


class Window(FrozenModel):
    """The image cut out of the calorimeter around the barycentre cell of a shower.

    ``shape`` counts the cells in x and y; ``theta_deg`` is the range of polar angles (degrees,
    90 = perpendicular) that the window is meant for.
    """

    shape: tuple[Count, Count]
    theta_deg: tuple[float, float] = (90.0, 90.0)

    @model_validator(mode="after")
    def _angles_in_order(self) -> Self:
        low, high = self.theta_deg
        if not 0 < low <= high < 180:
            msg = f"theta_deg must rise within 0-180 degrees, got {low}-{high}"
            raise ValueError(msg)
        return self


class Detector(FrozenModel):
    """A sampling calorimeter, with the beam along z.

    It is read out in ``pads`` of ``pad_mm`` in x and y, or in a ``cylinder`` around the beam:
    X counts rings, of width ``pad_mm[0]``, and Y equal sectors in phi. With ``depth_limit_mm``
    the layers must fit into a given depth.
    """

    name: Annotated[str, Field(min_length=1)]
    title: str
    pad_mm: tuple[Positive, Positive]
    readout: Literal["pads", "cylinder"] = "pads"
    depth_limit_mm: Positive | None = None
    materials: dict[str, Material]
    layers: Annotated[tuple[Layer, ...], Field(min_length=1)]
    windows: Annotated[dict[str, Window], Field(min_length=1)]

    @model_validator(mode="after")
    def _materials_known(self) -> Self:
        for layer in self.layers:
            for slab in layer.stack:
                if slab.material not in self.materials:
                    known = ", ".join(self.materials)
                    msg = f"unknown material '{slab.material}' in a layer; defined: {known}"
                    raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _fits_its_depth(self) -> Self:
        limit = self.depth_limit_mm
        if limit is not None and self.depth_mm > limit * (1 + 1e-9):
            first = self.layers[0].thickness_mm
            too_thin = f", less than one layer of {first:g} mm" if limit < first else ""
            msg = f"the layers are {self.depth_mm:g} mm deep, depth_limit_mm is {limit:g}{too_thin}"
            raise ValueError(msg)
        return self

    @property
    def n_layers(self) -> int:
        """Number of layers that are read out, the cells along z."""
        return sum(layer.count for layer in self.layers)

    @property
    def depth_mm(self) -> float:
        """Depth of the whole stack in mm."""
        return sum(layer.count * layer.thickness_mm for layer in self.layers)

    @property
    def layer_centres_mm(self) -> Float64Array:
        """Depth of each layer's sensitive middle in mm, shape (n_layers,)."""
        front, centres = 0.0, []
        for layer in self.layers:
            for _ in range(layer.count):
                centres.append(front + layer.centre_mm)
                front += layer.thickness_mm
        return np.array(centres)

    @property
    def digest(self) -> str:
        """Digest of everything that shapes a shower: neither the title nor the windows."""
        physical = self.model_dump(mode="json", exclude={"title", "windows"}, exclude_defaults=True)
        return json_digest(physical)

    def cell_shape(self, window: str) -> tuple[int, int, int]:
        """Cells (X, Y, Z) of a window's image.

        Raises
        ------
        DetectorError
            if the detector has no such window.
        """
        if window not in self.windows:
            msg = f"{self.name} has no window '{window}'; it has: {', '.join(self.windows)}"
            raise DetectorError(msg)
        return (*self.windows[window].shape, self.n_layers)

    def window_of(self, cell_shape: tuple[int, ...]) -> str:
        """Name of the window whose image has this shape (X, Y, Z).

        Raises
        ------
        DetectorError
            if no window has it.
        """
        for name in self.windows:
            if self.cell_shape(name) == tuple(cell_shape):
                return name
        known = ", ".join(f"{name} {self.cell_shape(name)}" for name in self.windows)
        msg = f"cells of shape {tuple(cell_shape)} fit no window of {self.name}; it has: {known}"
        raise DetectorError(msg)


def bundled_detectors() -> list[str]:
    """Names of the detectors that come with caloforge."""
    folder = resources.files("caloforge") / "detectors"
    names = (entry.name for entry in folder.iterdir())
    return sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml"))


def load_detector(name_or_path: str | Path) -> Detector:
    """Load a bundled detector by name, or one's own from a TOML file.

    Raises
    ------
    DetectorError
        if the name is unknown, or the file is missing or describes no possible calorimeter.

    >>> load_detector("clic_ecal").n_layers
    25
    """
    if str(name_or_path) in bundled_detectors():
        with resources.as_file(resources.files("caloforge") / "detectors") as folder:
            return load_toml(folder / f"{name_or_path}.toml", Detector, error=DetectorError)
    path = Path(name_or_path)
    if path.suffix != ".toml":
        known = ", ".join(bundled_detectors())
        msg = f"unknown detector '{name_or_path}': bundled are {known}; else give a .toml file"
        raise DetectorError(msg)
    return load_toml(path, Detector, error=DetectorError)
