"""A detector's description as Geant4 volumes: slabs along z, sensitive ones cut into cells.

Every layer is one placement with its number as copy number; a sensitive slab is cut by two
nested replicas, rows and cells (``pads``: x and y; ``cylinder``: rings and sectors around the
beam axis), so that the depth in the volume tree names the cell. Rings of a layer's own are placed
one by one. Lengths in mm, the front of the first layer at z = 0.
"""

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from caloforge.detector import Detector
from caloforge.errors import DetectorError
from caloforge.layer import Layer, Slab
from caloforge.material import Material

CELL_DEPTH, ROW_DEPTH, LAYER_DEPTH = 0, 1, 3
"""Levels of the volume tree above a cell at which cell, row and layer are numbered."""

MARGIN_MM = 10.0


@dataclass(frozen=True)
class Grid:
    """How many rows and cells a sensitive slab is cut into: x and y, or rings and sectors."""

    rows: int
    columns: int


def grid_of(detector: Detector, window: str, *, sideways: bool = False) -> Grid:
    """The cells that are simulated.

    Of pads so many that every window fits around every barycentre, whichever is cut out: twice
    the largest window, and in y (``sideways``: in x, too) also the pads that the most slanted beam
    crosses. A cylinder is cut as its window says.
    """
    if detector.readout == "cylinder":
        return Grid(*detector.windows[window].shape)
    shapes = [other.shape for other in detector.windows.values()]
    rows, columns = (max(shape[axis] for shape in shapes) for axis in (0, 1))
    steepest = min(
        min(low, 180 - high) for low, high in (w.theta_deg for w in detector.windows.values())
    )
    way = detector.depth_mm / math.tan(math.radians(steepest))
    in_x, in_y = (math.ceil(way / pad) for pad in detector.pad_mm)
    return Grid(2 * (rows - 1 + in_x * sideways) + 1, 2 * (columns - 1 + in_y) + 1)


class VolumeBuilder:
    """Builds the volumes, and keeps them alive as long as Geant4 uses them."""

    def __init__(self, g4: Any, detector: Detector, window: str, *, sideways: bool = False) -> None:
        self.g4, self.detector, self.window = g4, detector, window
        self.grid = grid_of(detector, window, sideways=sideways)
        self.materials = build_materials(g4, detector)
        self.vacuum = g4.G4NistManager.Instance().FindOrBuildMaterial("G4_Galactic")
        self.cells: list[Any] = []
        self._kept: list[Any] = []

    @property
    def half_width(self) -> float:
        """Half the width of the calorimeter in mm (of a cylinder: its radius)."""
        if self.detector.readout == "cylinder":
            return self.detector.radius_mm(self.window)
        pad_x, pad_y = self.detector.pad_mm
        return max(self.grid.rows * pad_x, self.grid.columns * pad_y) / 2

    def world(self) -> Any:
        """The world volume with all layers in it."""
        half = self.half_width + MARGIN_MM
        half_depth = self.detector.depth_mm + MARGIN_MM
        shape = self._keep(self.g4.G4Box("world", half, half, half_depth))
        world = self._keep(self.g4.G4LogicalVolume(shape, self.vacuum, "world"))
        front, number = 0.0, 0
        for layer in self.detector.layers:
            volume = self._layer(layer)
            for _ in range(layer.count):
                self._place(volume, front + layer.thickness_mm / 2, world, number)
                front += layer.thickness_mm
                number += 1
        origin = self.g4.G4ThreeVector()
        return self._keep(
            self.g4.G4PVPlacement(None, origin, world, "world", None, False, 0)  # no mother
        )

    def _layer(self, layer: Layer) -> Any:
        """A layer volume of the commonest insensitive material, with the other slabs in it."""
        insensitive = [slab.material for slab in layer.stack if not slab.sensitive]
        filler = max(insensitive, key=insensitive.count, default=layer.stack[0].material)
        volume = self._slab_volume("layer", layer.thickness_mm, self.materials[filler])
        front = -layer.thickness_mm / 2
        for slab in layer.stack:
            if slab.sensitive or slab.material != filler:
                material = self.materials[slab.material]
                inner = self._slab_volume(slab.material, slab.thickness_mm, material)
                self._place(inner, front + slab.thickness_mm / 2, volume, 0)
                if slab.sensitive and layer.ring_edges_mm is not None:
                    self._cut_into_own_rings(inner, slab, layer)
                elif slab.sensitive:
                    self.cells.append(self._cut_into_cells(inner, slab))
            front += slab.thickness_mm
        return volume

    def _slab_volume(self, name: str, thickness: float, material: Any) -> Any:
        if self.detector.readout == "cylinder":
            shape = self._tube(name, self.half_width, thickness, 2 * math.pi)
        else:
            pad_x, pad_y = self.detector.pad_mm
            shape = self.g4.G4Box(
                name, self.grid.rows * pad_x / 2, self.grid.columns * pad_y / 2, thickness / 2
            )
        return self._keep(self.g4.G4LogicalVolume(self._keep(shape), material, name))

    def _cut_into_cells(self, volume: Any, slab: Slab) -> Any:
        g4, grid, material = self.g4, self.grid, self.materials[slab.material]
        pad_x, pad_y = self.detector.pad_mm
        if self.detector.readout == "cylinder":
            step = 2 * math.pi / grid.columns
            axes = (g4.EAxis.kRho, pad_x), (g4.EAxis.kPhi, step)
            row = self._tube("row", pad_x, slab.thickness_mm, 2 * math.pi)
            cell = self._tube("cell", pad_x, slab.thickness_mm, step)
        else:
            axes = (g4.EAxis.kXAxis, pad_x), (g4.EAxis.kYAxis, pad_y)
            half = slab.thickness_mm / 2
            row = g4.G4Box("row", pad_x / 2, grid.columns * pad_y / 2, half)
            cell = g4.G4Box("cell", pad_x / 2, pad_y / 2, half)
        rows = self._replicate("row", row, material, volume, grid.rows, axes[0])
        return self._replicate("cell", cell, material, rows, grid.columns, axes[1])

    def _cut_into_own_rings(self, volume: Any, slab: Slab, layer: Layer) -> None:
        material, sectors = self.materials[slab.material], layer.sectors or 1
        step = 2 * math.pi / sectors
        for number, edges in enumerate(pairwise(layer.ring_edges_mm or ())):
            shape = self._tube("ring", edges[1], slab.thickness_mm, 2 * math.pi, edges[0])
            ring = self._keep(self.g4.G4LogicalVolume(self._keep(shape), material, "ring"))
            self._place(ring, 0.0, volume, number)
            cell = self._tube("cell", edges[1], slab.thickness_mm, step, edges[0])
            axis = self.g4.EAxis.kPhi, step
            self.cells.append(self._replicate("cell", cell, material, ring, sectors, axis))

    def _replicate(
        self, name: str, shape: Any, material: Any, mother: Any, n: int, axis: tuple[Any, float]
    ) -> Any:
        volume = self._keep(self.g4.G4LogicalVolume(self._keep(shape), material, name))
        if n == 1:  # Geant4 gets stuck in a replica of one sector
            self._place(volume, 0.0, mother, 0)
        else:
            self._keep(self.g4.G4PVReplica(name, volume, mother, axis[0], n, axis[1]))
        return volume

    def _tube(
        self, name: str, radius: float, thickness: float, angle: float, inner: float = 0.0
    ) -> Any:
        return self.g4.G4Tubs(name, inner, radius, thickness / 2, 0.0, angle)

    def _place(self, volume: Any, z: float, mother: Any, number: int) -> None:
        where = self.g4.G4ThreeVector(0, 0, z)
        self._keep(self.g4.G4PVPlacement(None, where, volume, "placed", mother, False, number))

    def _keep(self, thing: Any) -> Any:
        self._kept.append(thing)
        return thing


def build_materials(g4: Any, detector: Detector) -> dict[str, Any]:
    """Geant4's materials of a detector, by their names in its file.

    Raises
    ------
    DetectorError
        if Geant4 knows no such NIST material or element.
    """
    used = {slab.material for layer in detector.layers for slab in layer.stack}
    return {name: _material(g4, name, detector.materials[name], detector) for name in sorted(used)}


def _material(g4: Any, name: str, material: Material, detector: Detector) -> Any:
    nist = g4.G4NistManager.Instance()
    if material.nist is not None:
        found = nist.FindOrBuildMaterial(material.nist)
        if found is None:
            msg = (
                f"{detector.name}: material '{name}': Geant4 knows no NIST material "
                f"'{material.nist}' (names are like G4_Si, G4_Pb, G4_PLASTIC_SC_VINYLTOLUENE)"
            )
            raise DetectorError(msg)
        return found
    assert material.density_g_cm3 is not None
    density = material.density_g_cm3 * g4.g / g4.cm3
    mixture = g4.G4Material(name, density, len(material.elements))
    for symbol, fraction in material.mass_fractions.items():
        element = nist.FindOrBuildElement(symbol)
        if element is None:
            msg = f"{detector.name}: material '{name}': there is no element '{symbol}'"
            raise DetectorError(msg)
        mixture.AddElement(element, fraction)
    return mixture


def element_charges(g4: Any) -> set[int]:
    """Atomic numbers of all elements that Geant4 holds, whose data it will read."""
    return {round(element.GetZ()) for element in g4.G4Element.GetElementTable()}
