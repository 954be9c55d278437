"""A calorimeter as data: materials, layers, read-out and the windows that are cut from it."""

from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from caloforge.config import FrozenModel, load_toml
from caloforge.errors import DetectorError
from caloforge.gdml import GdmlGeometry
from caloforge.layer import Count, Layer, Slab
from caloforge.material import Material, Positive
from caloforge.provenance import json_digest
from caloforge.readout import CellGeometry, pads, rings
from caloforge.typing import Float64Array

__all__ = [
    "Detector",
    "Layer",
    "Material",
    "Slab",
    "Window",
    "bundled_detectors",
    "load_detector",
]


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
    """A calorimeter, with the beam along z.

    It is read out in ``pads`` of ``pad_mm`` in x and y, or in a ``cylinder`` around the beam:
    X counts rings, of width ``pad_mm[0]``, and Y equal sectors in phi. Where the layers of a
    cylinder state their own rings and sectors, ``pad_mm`` is the narrowest ring's width, and the
    window holds the largest of them. With ``depth_limit_mm`` the layers must fit into a given
    depth. Layers without a stack make a read-out without material: nothing can be simulated, but
    its showers can be read, trained on, generated and validated. With ``gdml`` a GDML file has
    the material, and the layers, as deep as their ``pitch_mm``, are a mesh laid over it.
    """

    name: Annotated[str, Field(min_length=1)]
    title: str
    pad_mm: tuple[Positive, Positive]
    readout: Literal["pads", "cylinder"] = "pads"
    depth_limit_mm: Positive | None = None
    gdml: GdmlGeometry | None = None
    materials: dict[str, Material] = {}
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
    def _all_material_or_none(self) -> Self:
        if len({bool(layer.stack) for layer in self.layers}) > 1:
            msg = "either every layer has a stack, or none (a read-out without material)"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _mesh_over_gdml(self) -> Self:
        if self.gdml is None:
            return self
        if self.has_material or self.materials:
            msg = "the material is in the GDML file: leave out 'materials' and the layers' 'stack'"
            raise ValueError(msg)
        if any(layer.pitch_mm is None for layer in self.layers):
            msg = "a layer of the mesh over a GDML file needs its depth, 'pitch_mm'"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _own_rings_fill_the_window(self) -> Self:
        own = [layer for layer in self.layers if layer.ring_edges_mm is not None]
        if not own:
            return self
        if self.readout != "cylinder" or len(own) < len(self.layers):
            msg = "'ring_edges_mm' are for every layer of a detector with readout = \"cylinder\""
            raise ValueError(msg)
        edges = [np.array(layer.ring_edges_mm) for layer in own]
        largest = max(len(each) - 1 for each in edges), max(layer.sectors or 0 for layer in own)
        for name, window in self.windows.items():
            if window.shape != largest:
                msg = f"window '{name}' must hold the layers' {largest}, got {window.shape}"
                raise ValueError(msg)
        narrowest = min(np.diff(each).min() for each in edges)
        if abs(self.pad_mm[0] - narrowest) > 1e-6 * narrowest:
            msg = f"pad_mm must start with the narrowest ring's {narrowest:g}, got {self.pad_mm[0]}"
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
    def has_material(self) -> bool:
        """Whether the layers' stacks are known."""
        return bool(self.layers[0].stack)

    @property
    def can_be_simulated(self) -> bool:
        """Whether there is material: that of the layers' stacks, or of a GDML file."""
        return self.has_material or self.gdml is not None

    @property
    def layers_differ(self) -> bool:
        """Whether layers have rings and sectors of their own, so that cells may be absent."""
        return self.layers[0].ring_edges_mm is not None

    @property
    def layer_numbers(self) -> list[int]:
        """What the experiment calls each layer (n_layers); 0, 1, 2, ... where it is not said."""
        each = [layer.number for layer in self.layers for _ in range(layer.count)]
        return [place if number is None else number for place, number in enumerate(each)]

    @property
    def layer_edges_mm(self) -> Float64Array:
        """Depths at which layers begin and end in mm, shape (n_layers + 1,)."""
        each = [layer.thickness_mm for layer in self.layers for _ in range(layer.count)]
        return np.cumsum([0.0, *each])

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
        """Digest of everything that shapes a shower: no title, windows, layers' numbers or file's
        name, but a GDML file's content."""
        labels: dict[str, Any] = {
            "title": True,
            "windows": True,
            "layers": {"__all__": {"number"}},
            "gdml": {"file"},
        }
        physical = self.model_dump(mode="json", exclude=labels, exclude_defaults=True)
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

    def geometry(self, window: str) -> CellGeometry:
        """Where the cells of a window's image lie, and which are there; errors as cell_shape."""
        shape = self.cell_shape(window)
        if self.readout == "pads":
            return pads(shape, self.pad_mm)
        return rings(self.ring_edges_mm(window), self.sectors(window))

    def radius_mm(self, window: str) -> float:
        """Radius of a cylinder's outermost ring in mm; errors as cell_shape."""
        return float(max(edges[-1] for edges in self.ring_edges_mm(window)))

    def sectors(self, window: str) -> list[int]:
        """Sectors of each layer of a cylinder (n_layers); errors as cell_shape."""
        largest = self.cell_shape(window)[1]
        return [layer.sectors or largest for layer in self.layers for _ in range(layer.count)]

    def ring_edges_mm(self, window: str) -> list[Float64Array]:
        """Edges in mm of each layer's rings in a cylinder; errors as cell_shape."""
        regular = np.arange(self.cell_shape(window)[0] + 1) * self.pad_mm[0]
        return [layer.edges_mm(regular) for layer in self.layers for _ in range(layer.count)]

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
        if the name is unknown, or the file, or the GDML file that it names, is missing or describes
        no possible calorimeter.

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
    described = load_toml(path, Detector, error=DetectorError)
    if described.gdml is None:
        return described
    return described.model_copy(update={"gdml": described.gdml.read(path.parent)})
