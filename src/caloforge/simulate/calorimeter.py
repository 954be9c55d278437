"""A calorimeter in Geant4: its volumes, and the energy in its cells after each event."""

from typing import Any, Protocol

import numpy as np

from caloforge.detector import Detector
from caloforge.gdml import Face
from caloforge.simulate import geometry
from caloforge.simulate.gdml_calorimeter import GdmlCalorimeter
from caloforge.simulate.geometry import Grid
from caloforge.typing import Float64Array, IntArray

DETECTOR_NAME, SCORER_NAME = "calorimeter", "energy"


class Calorimeter(Protocol):
    """What a session needs of a calorimeter.

    Attributes
    ----------
    grid : the cells of one layer.
    face : where particles enter, in Geant4's frame.
    """

    @property
    def grid(self) -> Grid: ...

    @property
    def face(self) -> Face: ...

    def construction(self) -> Any:
        """Geant4's detector construction."""
        ...

    def cells(self, geant4_event: Any) -> tuple[IntArray, Float64Array]:
        """Numbers of the cells that hold energy after an event, and their energies in GeV.

        Cells are numbered (layer, row, column) row-major.
        """
        ...


def open_calorimeter(
    g4: Any, detector: Detector, window: str, *, sideways: bool = False
) -> Calorimeter:
    """The calorimeter of a description, its materials built; wider where showers lean sideways.

    Raises
    ------
    DetectorError
        if Geant4 lacks a material, or the mesh over a GDML file misses what is sensitive.
    SimulationError
        if Geant4 was built without GDML.
    """
    if detector.gdml is not None:
        return GdmlCalorimeter(g4, detector, window, sideways=sideways)
    return SlabCalorimeter(g4, detector, window, sideways=sideways)


class SlabCalorimeter:
    """Slabs along z, the sensitive ones cut into cells that Geant4's own scorer sums."""

    face = Face()

    def __init__(self, g4: Any, detector: Detector, window: str, *, sideways: bool = False) -> None:
        self._g4, self._n_layers = g4, detector.n_layers
        self._volumes = geometry.VolumeBuilder(g4, detector, window, sideways=sideways)
        self._collection: int | None = None

    @property
    def grid(self) -> Grid:
        """The cells that a sensitive slab is cut into."""
        return self._volumes.grid

    def construction(self) -> Any:
        """Geant4's detector construction, with the scorer."""
        return construction_of(self._g4, self._volumes, self._n_layers)

    def cells(self, geant4_event: Any) -> tuple[IntArray, Float64Array]:
        """As of :class:`Calorimeter`, read from the scorer."""
        if self._collection is None:
            manager = self._g4.G4SDManager.GetSDMpointer()
            self._collection = manager.GetCollectionID(f"{DETECTOR_NAME}/{SCORER_NAME}")
        scored = geant4_event.GetHCofThisEvent().GetHC(self._collection)
        pairs = np.array(list(scored), dtype=np.float64).reshape(-1, 2)
        return pairs[:, 0].astype(np.int64), pairs[:, 1] * (self._g4.MeV / self._g4.GeV)


# geant4_pybind is imported when a session opens, so its classes are derived from inside functions.


def construction_of(g4: Any, volumes: geometry.VolumeBuilder, n_layers: int) -> Any:
    """Slabs along z, and the scorer that sums the energy in their cells."""

    class Construction(g4.G4VUserDetectorConstruction):  # type: ignore[misc]
        def Construct(self) -> Any:
            return volumes.world()

        def ConstructSDandField(self) -> None:
            self.sensitive = g4.G4MultiFunctionalDetector(DETECTOR_NAME)
            g4.G4SDManager.GetSDMpointer().AddNewDetector(self.sensitive)
            grid = volumes.grid
            self.scorer = g4.G4PSEnergyDeposit3D(
                SCORER_NAME, n_layers, grid.rows, grid.columns,
                geometry.LAYER_DEPTH, geometry.ROW_DEPTH, geometry.CELL_DEPTH,
            )  # fmt: skip
            self.sensitive.RegisterPrimitive(self.scorer)
            for cell in volumes.cells:
                cell.SetSensitiveDetector(self.sensitive)

    return Construction()
