"""The mesh over a GDML file: which cells steps leave their energy in."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from caloforge.detector import Detector, Layer, load_detector
from caloforge.simulate.mesh import ScoringMesh


def cells_of(mesh: ScoringMesh, numbers: np.ndarray) -> list[tuple[int, ...]]:
    shape = len(mesh.layer_edges_mm) - 1, mesh.grid.rows, mesh.grid.columns
    return [tuple(map(int, cell)) for cell in np.stack(np.unravel_index(numbers, shape), axis=1)]


def test_a_step_is_shared_by_the_cells_that_it_crosses(toy_detector: Detector) -> None:
    mesh = ScoringMesh.over(toy_detector, "fixed")  # pads of 5 mm, layers of 3.5 mm
    start, stop = np.array([[1.0, 0.0, 1.0]]), np.array([[6.0, 0.0, 1.0]])
    cells, energy = mesh.deposits(start, stop, np.array([10.0]))
    row, column = mesh.grid.rows // 2, mesh.grid.columns // 2
    assert cells_of(mesh, cells) == [(0, row, column), (0, row + 1, column)]
    assert_allclose(energy, [3.0, 7.0], atol=0.5)
    assert energy.sum() == pytest.approx(10)


def test_steps_of_one_cell_are_summed_and_those_outside_are_not(toy_detector: Detector) -> None:
    mesh = ScoringMesh.over(toy_detector, "fixed")
    place = np.array([[0.0, 0.0, 4.0], [1.0, -1.0, 6.9], [0.0, 0.0, -0.1], [0.0, 0.0, 14.1]])
    far = np.array([[1e4, 0.0, 1.0], [0.0, -1e4, 1.0]])
    places = np.concatenate([place, far])
    cells, energy = mesh.deposits(places, places, np.arange(1.0, 7.0))
    assert cells_of(mesh, cells) == [(1, mesh.grid.rows // 2, mesh.grid.columns // 2)]
    assert energy.tolist() == [3.0]
    nothing = np.zeros((0, 3))
    assert [len(part) for part in mesh.deposits(nothing, nothing, np.zeros(0))] == [0, 0]


@pytest.mark.parametrize("name", ["par04_siw", "calochallenge_pions"])
def test_middles_of_cells_are_in_their_cells(name: str) -> None:
    detector = load_detector(name)
    if not detector.depth_mm:
        layers = tuple(
            Layer(**layer.model_dump() | {"pitch_mm": 10.0}) for layer in detector.layers
        )
        detector = detector.model_copy(update={"layers": layers})
    window = next(iter(detector.windows))
    geometry, mesh = detector.geometry(window), ScoringMesh.over(detector, window)
    ring, sector, layer = np.nonzero(geometry.present)
    radius, phi = (part[ring, sector, layer] for part in (geometry.radius_mm, geometry.phi))
    z = (mesh.layer_edges_mm[layer] + mesh.layer_edges_mm[layer + 1]) / 2
    places = np.stack([radius * np.cos(phi), radius * np.sin(phi), z], axis=1)
    found = cells_of(mesh, mesh.cell(places))
    assert found == list(zip(layer.tolist(), ring.tolist(), sector.tolist(), strict=True))
    assert mesh.cell(np.array([[detector.radius_mm(window) + 0.1, 0.0, 1.0]])) == [-1]
