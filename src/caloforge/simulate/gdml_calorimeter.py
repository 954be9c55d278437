"""A GDML file in Geant4: steps in its sensitive volumes, summed in the cells of a mesh.

Geant4's own scorers of a parallel world cannot serve here: they sum the energy in all material, and
asking from Python at each step whether it is sensitive takes five times as long as the shower. A
sensitive detector of the named volumes notes where a step that leaves energy begins and ends,
and the mesh is filled once an event.
"""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from caloforge.detector import Detector
from caloforge.errors import DetectorError, SimulationError
from caloforge.gdml import GdmlGeometry
from caloforge.gdml_file import plain_name
from caloforge.simulate.geometry import Grid
from caloforge.simulate.mesh import ScoringMesh
from caloforge.simulate.rays import Ray, Tracer
from caloforge.typing import Float64Array, IntArray

DETECTOR_NAME = "calorimeter"
RAYS = 9
"""Lines along x and along y on which the mesh is searched for something sensitive."""
SEARCHED = 0.31
"""How far off the axis they reach, in parts of half the mesh's width."""

Step = tuple[float, float, float, float, float, float, float]
"""Beginning and end (mm) of a step and the energy (MeV) that it left."""


class GdmlCalorimeter:
    """The geometry of a GDML file under a mesh; errors as of open_calorimeter."""

    def __init__(self, g4: Any, detector: Detector, window: str, *, sideways: bool = False) -> None:
        assert detector.gdml is not None
        self._g4, self.face = g4, detector.gdml.face
        self._mesh = ScoringMesh.over(detector, window, sideways=sideways)
        self._steps: list[Step] = []
        self.world = GdmlWorld(g4, detector.gdml)
        check_mesh(detector, self._mesh, self.world)

    @property
    def grid(self) -> Grid:
        """The cells of one layer of the mesh."""
        return self._mesh.grid

    def construction(self) -> Any:
        """Geant4's detector construction, with the sensitive detector."""
        return recording_construction(self._g4, self.world, self._steps)

    def cells(self, geant4_event: Any) -> tuple[IntArray, Float64Array]:
        """As of Calorimeter, from the steps of the event that ends."""
        steps = np.array(self._steps, dtype=np.float64).reshape(-1, 7)
        start, stop = (self.face.from_world(steps[:, ends]) for ends in (slice(3), slice(3, 6)))
        return self._mesh.deposits(start, stop, steps[:, 6] * (self._g4.MeV / self._g4.GeV))


class GdmlWorld:
    """A GDML file's volumes in Geant4, kept alive.

    Attributes
    ----------
    placed : the world.
    sensitive : logical volumes that are read out.

    Raises
    ------
    SimulationError
        if Geant4 was built without GDML.
    DetectorError
        if what is to be sensitive matches nothing in the file.
    """

    def __init__(self, g4: Any, geometry: GdmlGeometry) -> None:
        if not hasattr(g4, "G4GDMLParser"):
            msg = f"this Geant4 was built without GDML and cannot read {geometry.file}"
            raise SimulationError(msg)
        self.geometry, self._parser = geometry, g4.G4GDMLParser()
        with TemporaryDirectory(prefix="caloforge-") as folder:
            file = geometry.content.write(Path(folder))
            self._parser.Read(str(file), False)  # the schema would come from the network
        self.placed = self._parser.GetWorldVolume(geometry.content.setup)
        volumes = volumes_in(self.placed.GetLogicalVolume())
        geometry.check_names({_names(volume)[0]: _names(volume)[1] for volume in volumes})
        self.sensitive = [v for v in volumes if geometry.is_sensitive(*_names(v))]
        self.tracer = Tracer(g4, self.placed, lambda v: geometry.is_sensitive(*_names(v)))


def volumes_in(logical: Any) -> list[Any]:
    """A logical volume and all below it, each once."""
    found, waiting = {id(logical): logical}, [logical]
    while waiting:
        mother = waiting.pop()
        for number in range(mother.GetNoDaughters()):
            daughter = mother.GetDaughter(number).GetLogicalVolume()
            if id(daughter) not in found:
                found[id(daughter)] = daughter
                waiting.append(daughter)
    return list(found.values())


def _names(volume: Any) -> tuple[str, str]:
    """Names of a logical volume and its material."""
    return plain_name(volume.GetName()), plain_name(volume.GetMaterial().GetName())


def check_mesh(detector: Detector, mesh: ScoringMesh, world: GdmlWorld) -> None:
    """Refuse a face outside the world, and a mesh in which nothing is sensitive.

    Raises
    ------
    DetectorError
        saying which of the two.
    """
    face, depth = world.geometry.face, detector.depth_mm
    half = mesh.half_width_mm
    across = np.linspace(-SEARCHED, SEARCHED, RAYS)

    def rays(way: float) -> list[Ray]:
        starts = [(x * half[0], y * half[1], 0.0) for x in across for y in across]
        into = face.to_world((0.0, 0.0, way))
        return [world.tracer.ray(face.place(start), into, depth) for start in starts]

    point = f"the face at {list(face.point_mm)} mm"
    if not world.tracer.ray(face.place((0.0, 0.0, 0.0)), face.to_world((0.0, 0.0, 1.0)), depth):
        msg = f"{detector.name}: {point} is outside the world of {world.geometry.file}"
        raise DetectorError(msg)
    if any(crossing.sensitive for ray in rays(1.0) for crossing in ray):
        return
    behind = any(crossing.sensitive for ray in rays(-1.0) for crossing in ray)
    hint = "; there is on its other side: turn 'normal' round" if behind else ""
    msg = (
        f"{detector.name}: nothing sensitive within the mesh, {depth:g} mm deep from {point} "
        f"along {list(face.normal)}{hint}"
    )
    raise DetectorError(msg)


# geant4_pybind is imported when a session opens, so its classes are derived from inside functions.


def recording_construction(g4: Any, world: GdmlWorld, steps: list[Step]) -> Any:
    """The world, with a sensitive detector that notes the steps of the event in hand in a list."""

    class StepRecorder(g4.G4VSensitiveDetector):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(DETECTOR_NAME)

        def Initialize(self, collections: Any) -> None:
            steps.clear()

        def ProcessHits(self, step: Any, history: Any) -> bool:
            energy = step.GetTotalEnergyDeposit()
            if energy > 0:
                end = step.GetPostStepPoint()
                stop = end.GetPosition()
                # what is neutral leaves its energy where it ends
                start = step.GetPreStepPoint().GetPosition() if end.GetCharge() else stop
                steps.append((start.x, start.y, start.z, stop.x, stop.y, stop.z, energy))
            return True

    class GdmlConstruction(g4.G4VUserDetectorConstruction):  # type: ignore[misc]
        def Construct(self) -> Any:
            return world.placed

        def ConstructSDandField(self) -> None:
            self.recorder = StepRecorder()
            g4.G4SDManager.GetSDMpointer().AddNewDetector(self.recorder)
            for volume in world.sensitive:
                volume.SetSensitiveDetector(self.recorder)

    return GdmlConstruction()
