"""Straight lines through a geometry in Geant4: which materials they cross, and for how long."""

from collections.abc import Callable
from typing import Any

from caloforge.gdml_file import plain_name
from caloforge.material_scan import Crossing

Ray = list[Crossing]
TOUCHING_MM = 1e-6
"""Less of a line than this is left by rounding alone."""
MOST_CROSSINGS = 100_000
"""Of one line; beyond it the navigator is stuck."""


class Tracer:
    """Follows lines through a world that is placed nowhere else, and whose volumes are complete.

    ``is_sensitive`` tells of a logical volume whether it is read out.
    """

    def __init__(self, g4: Any, world: Any, is_sensitive: Callable[[Any], bool]) -> None:
        self._g4, self._is_sensitive = g4, is_sensitive
        # closed, so that there are voxels, without which Geant4 finds no way in replicas
        g4.G4GeometryManager.GetInstance().CloseGeometry(True, False, world)
        self._navigator = g4.G4Navigator()
        self._navigator.SetWorldVolume(world)

    def ray(
        self,
        start: tuple[float, float, float],
        direction: tuple[float, float, float],
        length: float,
    ) -> Ray:
        """What a line of some length (mm) crosses; nothing if it starts outside the world."""
        place, way = self._g4.G4ThreeVector(*start), self._g4.G4ThreeVector(*direction)
        volume = self._navigator.LocateGlobalPointAndSetup(place, way, False, False)
        crossed: Ray = []
        depth = 0.0
        while volume is not None and depth < length - TOUCHING_MM and len(crossed) < MOST_CROSSINGS:
            step = min(self._navigator.ComputeStep(place, way, length - depth, 0.0), length - depth)
            crossed.append(self._crossing(volume.GetLogicalVolume(), depth, depth + step))
            depth += step
            place = place + way * step
            self._navigator.SetGeometricallyLimitedStep()
            volume = self._navigator.LocateGlobalPointAndSetup(place, way, True, False)
        return crossed

    def _crossing(self, logical: Any, start: float, stop: float) -> Crossing:
        material = logical.GetMaterial()
        return Crossing(
            start, stop, plain_name(material.GetName()), self._is_sensitive(logical),
            material.GetRadlen(), material.GetNuclearInterLength(),
        )  # fmt: skip
