"""GDML files in Geant4: tilted, curved, and described wrongly."""

from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from benchmarks.gdml import gdml_text, toml_text
from tests.command import call

from caloforge import io
from caloforge.beam import Conditions
from caloforge.detector import Detector, load_detector
from caloforge.errors import DetectorError, SimulationError
from caloforge.gdml import Face, Vector
from caloforge.material_scan import Crossing
from caloforge.simulate import Geant4Source, Production
from caloforge.simulate.calorimeter import open_calorimeter
from caloforge.simulate.data import DataSets
from caloforge.simulate.gdml_calorimeter import check_mesh
from caloforge.simulate.in_situ.events import Events
from caloforge.simulate.mesh import ScoringMesh
from caloforge.typing import FloatArray

needs_geant4 = pytest.mark.skipif(
    find_spec("geant4_pybind") is None, reason="needs the extra 'simulate'"
)  # which must not be imported here: it would look for its data
TILT_DEG = 25.0

BARREL = """<?xml version="1.0"?>
<gdml><define/><materials/>
<solids>
<box name="space" x="3000" y="3000" z="3000" lunit="mm"/>
<tube name="shell" rmin="600" rmax="830" z="2000" deltaphi="360" aunit="deg" lunit="mm"/>
<tube name="sector" rmin="600" rmax="830" z="2000" deltaphi="36" aunit="deg" lunit="mm"/>
</solids>
<structure>
<volume name="Crystal0x7f01"><materialref ref="G4_PbWO4"/><solidref ref="sector"/></volume>
<volume name="Shell"><materialref ref="G4_PbWO4"/><solidref ref="shell"/>
<replicavol number="10"><volumeref ref="Crystal0x7f01"/><replicate_along_axis><direction phi="1"/>
<width value="36" unit="deg"/><offset value="0" unit="deg"/></replicate_along_axis></replicavol>
</volume>
<volume name="World"><materialref ref="G4_Galactic"/><solidref ref="space"/>
<physvol><volumeref ref="Shell"/></physvol></volume>
</structure>
<setup name="default" version="1.0"><world ref="World"/></setup></gdml>
"""

BARREL_TOML = """
name = "barrel"
title = "A barrel of lead tungstate"
readout = "cylinder"
pad_mm = [10.0, 10.0]

[gdml]
file = "barrel.gdml"
sensitive_volumes = ["Crystal"]
face = { point_mm = [360.0, 480.0, 100.0], normal = [0.6, 0.8, 0.0], y_axis = [0, 0, 1] }

[[layers]]
count = 23
pitch_mm = 10.0

[windows.all]
shape = [12, 8]
"""


def tilted(folder: Path, detector: Detector) -> Path:
    """A detector as GDML, turned by TILT_DEG about x, elsewhere than at the origin."""
    angle, middle = np.radians(TILT_DEG), np.array([50.0, -20.0, 300.0])
    normal = np.array([0.0, np.sin(angle), np.cos(angle)])
    point = middle - normal * detector.depth_mm / 2
    x, y, z = middle.tolist()
    text = gdml_text(detector, 150.0, (x, y, z), TILT_DEG)
    (folder / "tilted.gdml").write_text(text)
    face = (
        f"[gdml]\nface.point_mm = {point.tolist()}\nface.normal = {normal.tolist()}\n"
        f"face.y_axis = [0.0, {normal[2]}, {-normal[1]}]"
    )
    path = folder / "tilted.toml"
    path.write_text(toml_text(detector, "tilted").replace("[gdml]", face))
    return path


@pytest.fixture
def deep(toy_detector: Detector) -> Detector:
    """The toy's layers, 24 X0 deep."""
    return toy_detector.model_copy(
        update={"layers": (toy_detector.layers[0].model_copy(update={"count": 28}),)}
    )


def mean_cell(cells: FloatArray, axis: int) -> float:
    """Mean cell of the energy of all showers along an axis."""
    profile = np.moveaxis(cells, axis, 0).sum(axis=(1, 2, 3))
    return float(profile @ np.arange(len(profile)) / profile.sum())


@needs_geant4
def test_a_tilted_stack_is_as_a_straight_one(
    tmp_path: Path, deep: Detector, capsys: pytest.CaptureFixture[str]
) -> None:
    path, beam = tilted(tmp_path, deep), Conditions.of(np.full(5, 2.0))
    detector = load_detector(path)
    straight = Geant4Source(deep, "fixed").sample(beam, seed=1).cells
    showers = Geant4Source(detector, "fixed").sample(beam, seed=1)
    assert showers.cells.sum() == pytest.approx(straight.sum(), rel=0.2)
    assert mean_cell(showers.cells, 3) == pytest.approx(mean_cell(straight, 3), abs=1.0)
    for axis in (1, 2):
        assert mean_cell(showers.cells, axis) == pytest.approx(2.0, abs=0.2)
    assert call("info", path) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "24.12 X0, 0.845 lambda, 14 mm of it sensitive" in told and "note" not in told, told


def simulate(path: Path) -> object:
    """The exit code of four photons of 2 GeV."""
    options = ("--energy", 2, "-n", 4, "--particle", "gamma")
    return call("simulate", path, *options, "-o", path.with_suffix(".h5"))


@pytest.fixture
def barrel(tmp_path: Path) -> Path:
    (tmp_path / "barrel.gdml").write_text(BARREL)
    path = tmp_path / "barrel.toml"
    path.write_text(BARREL_TOML)
    return path


@needs_geant4
def test_a_barrel_of_crystals_sees_all_the_energy_about_the_axis(barrel: Path) -> None:
    assert simulate(barrel) == 0
    showers = io.read(barrel.with_suffix(".h5"))
    seen = showers.cells.sum(axis=(1, 2, 3))
    assert np.all((seen > 1.7) & (seen <= 2.0)) and showers.particle == "gamma"
    geometry = showers.detector.geometry("all")
    middle = [(showers.cells * at).sum() / seen.sum() for at in (geometry.x_mm, geometry.y_mm)]
    assert np.hypot(*middle) < 2.0
    again = showers.detector
    with pytest.raises(DetectorError, match=r"barrel.gdml is not at hand"):
        Geant4Source(again, "all").sample(Conditions.of(np.full(1, 3.0)), seed=1)


@needs_geant4
def test_a_mesh_that_misses_is_one_line(barrel: Path, capsys: pytest.CaptureFixture[str]) -> None:
    barrel.write_text(BARREL_TOML.replace("[360.0, 480.0", "[36.0, 48.0"))
    assert simulate(barrel) == 2
    told = capsys.readouterr().err.strip()
    assert "barrel: nothing sensitive within the mesh, 230 mm deep from the face at [36" in told
    assert sorted(path.name for path in barrel.parent.iterdir()) == ["barrel.gdml", "barrel.toml"]


class BarrelTracer:
    """Rays through the barrel, in steps of 5 mm."""

    def ray(self, start: Vector, direction: Vector, length: float) -> list[Crossing]:
        depth = np.arange(0.0, length, 5.0)
        places = np.array(start) + depth[:, None] * np.array(direction)
        radius = np.hypot(*places[:, :2].T)
        if np.abs(start).max() > 1500:
            return []
        return [
            Crossing(at, at + 5.0, "PbWO4", bool(600 < r < 830), 8.9, 203.0)
            for at, r in zip(depth.tolist(), radius, strict=True)
        ]


@pytest.mark.parametrize(
    ("point", "normal", "words"),
    [
        ((36.0, 48.0, 0.0), (0.6, 0.8, 0.0), r"nothing sensitive .* along \[0.6, 0.8, 0.0\]$"),
        ((354.0, 472.0, 0.0), (-0.6, -0.8, 0.0), "on its other side: turn 'normal' round"),
        (
            (3600.0, 480.0, 0.0),
            (0.6, 0.8, 0.0),
            r"face at \[3600.*outside the world of barrel.gdml",
        ),
    ],
)
def test_why_a_mesh_misses_is_told(barrel: Path, point: Vector, normal: Vector, words: str) -> None:
    detector = load_detector(barrel)
    mesh = ScoringMesh.over(detector, "all")
    assert detector.gdml is not None
    check_mesh(detector, mesh, SimpleNamespace(geometry=detector.gdml, tracer=BarrelTracer()))
    gdml = detector.gdml.model_copy(update={"face": Face(point_mm=point, normal=normal)})
    world = SimpleNamespace(geometry=gdml, tracer=BarrelTracer())
    with pytest.raises(DetectorError, match=words):
        check_mesh(detector, mesh, world)


def test_a_geant4_without_gdml_is_one_line(barrel: Path) -> None:
    with pytest.raises(SimulationError, match=r"built without GDML and cannot read barrel.gdml"):
        open_calorimeter(SimpleNamespace(), load_detector(barrel), "all")


def test_an_event_loop_knows_flat_layers_only(
    tmp_path: Path, deep: Detector, built_in: DataSets
) -> None:
    detector = load_detector(tilted(tmp_path, deep))
    production = Production(detector, "fixed", "e-", Conditions.of(np.full(1, 3.0)), 1, built_in)
    with pytest.raises(DetectorError, match="tilted is a GDML file: the event loop knows flat"):
        Events.drawn(production)
