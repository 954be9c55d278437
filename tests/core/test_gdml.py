"""Detectors whose geometry is a GDML file: what is read of it, without Geant4."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from benchmarks.gdml import gdml_text, toml_text
from numpy.testing import assert_allclose
from tests.command import call

from caloforge.detector import Detector, load_detector
from caloforge.errors import DetectorError
from caloforge.gdml import Face
from caloforge.gdml_file import read_gdml
from caloforge.io.identity import detector_from_json, detector_to_json
from caloforge.material_scan import Crossing, MaterialScan
from caloforge.scan_drawing import draw_scan, scan_colours


@pytest.fixture
def toml(tmp_path: Path, toy_detector: Detector) -> Path:
    """The toy as a GDML file and its TOML."""
    (tmp_path / "toy.gdml").write_text(gdml_text(toy_detector, 100.0))
    path = tmp_path / "toy.toml"
    path.write_text(toml_text(toy_detector, "toy"))
    return path


def replaced(path: Path, old: str, new: str) -> Path:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    return path


def test_its_content_is_its_identity_and_its_name_is_not(toml: Path) -> None:
    before = load_detector(toml)
    assert before.gdml is not None and before.can_be_simulated and not before.has_material
    content = (toml.parent / "toy.gdml").read_bytes()
    assert before.gdml.digest == "sha256:" + hashlib.sha256(content).hexdigest()
    (toml.parent / "toy.gdml").rename(toml.parent / "other.gdml")
    replaced(toml, "toy.gdml", "other.gdml")
    assert load_detector(toml).digest == before.digest
    replaced(toml.parent / "other.gdml", "G4_W", "G4_Pb")
    assert load_detector(toml).digest != before.digest


def test_a_sample_carries_the_digest_and_not_the_file(toml: Path) -> None:
    detector = load_detector(toml)
    told = detector_from_json(detector_to_json(detector), where="sample")
    assert told.digest == detector.digest and told.gdml is not None
    with pytest.raises(DetectorError, match=r"toy.gdml is not at hand: give the detector's TOML"):
        _ = told.gdml.content


def test_parts_are_read_and_shape_the_digest(toml: Path) -> None:
    whole = toml.parent / "toy.gdml"
    materials, structure = "<materials>\n</materials>", whole.read_text()
    (toml.parent / "parts").mkdir()
    (toml.parent / "parts/materials.xml").write_text(materials)
    doctype = '<!DOCTYPE gdml [<!ENTITY materials SYSTEM "parts/materials.xml">]>\n<gdml>'
    whole.write_text(structure.replace(materials, "&materials;").replace("<gdml>", doctype))
    before = read_gdml(whole)
    assert set(before.parts) == {"toy.gdml", "parts/materials.xml"}
    assert set(before.volumes) >= {"layer_0", "sensitive_0_1", "world"}
    copy = before.write(toml.parent / "copy")
    assert read_gdml(copy).digest == before.digest
    (toml.parent / "parts/materials.xml").write_text("<materials/>")
    assert read_gdml(whole).digest != before.digest
    replaced(whole, "parts/materials.xml", "https://example.org/materials.xml")
    with pytest.raises(DetectorError, match=r"https://example.org/materials.xml' must lie in this"):
        read_gdml(whole)


@pytest.mark.parametrize(
    ("file", "old", "new", "words"),
    [
        ("toy.toml", '"toy.gdml"', '"none.gdml"', r"cannot read .*none.gdml: No such file"),
        ("toy.gdml", "</gdml>", "", r"toy.gdml is not GDML: .* \(line \d+\)"),
        ("toy.gdml", "gdml>", "html>", "outermost element is <html>, not <gdml>"),
        ("toy.gdml", '<setup name="Default"', '<nothing name="Default"', "is not GDML|no world"),
        (
            "toy.toml",
            '"sensitive_*"',
            '"Pad*"',
            r"sensitive_volumes 'Pad\*' matches none of the volumes of toy.gdml: slab_0_0, sens",
        ),
        (
            "toy.toml",
            'sensitive_volumes = ["sensitive_*"]',
            'sensitive_materials = ["Si"]',
            "sensitive_materials 'Si' matches none of the materials of toy.gdml: G4_Galactic, G4_S",
        ),
        ("toy.toml", 'sensitive_volumes = ["sensitive_*"]', "", "give 'sensitive_volumes' or"),
        ("toy.toml", "[gdml]", '[gdml]\ndigest = "sha256:0"', "has the digest sha256:.*, not sha"),
        ("toy.toml", "[gdml]", "[gdml]\nface.normal = [0, 0, 0]", "normal must not be zero"),
        (
            "toy.toml",
            "[gdml]",
            "[gdml]\nface = { normal = [1, 0, 0], y_axis = [-2, 0, 0] }",
            "y_axis must lie in the face",
        ),
        ("toy.toml", "pitch_mm = 3.5", "", "needs its depth, 'pitch_mm'"),
        ("toy.toml", "pitch_mm", 'stack = [{ material = "W", thickness_mm = 1 }]\n#', "slab"),
    ],
)
def test_what_is_wrong_is_one_line(
    toml: Path, capsys: pytest.CaptureFixture[str], file: str, old: str, new: str, words: str
) -> None:
    replaced(toml.parent / file, old, new)
    with pytest.raises(DetectorError, match=words):
        load_detector(toml)
    assert call("info", toml) == 2
    told = capsys.readouterr().err.strip()
    assert told.startswith("caloforge: error:") and "\n" not in told


@pytest.mark.parametrize(
    ("normal", "y_axis", "y"),
    [
        ((0, 0, 2), None, (0, 1, 0)),
        ((0, -1, 0), None, (0, 0, 1)),
        ((3, 4, 0), (0, 0, -1), (0, 0, -1)),
        ((0, 1, 1), (0, 1, 0), (0, 0.5**0.5, -(0.5**0.5))),
    ],
)
def test_the_axes_of_a_face(normal, y_axis, y) -> None:
    face = Face(point_mm=(1, 2, 3), normal=normal, y_axis=y_axis)
    assert_allclose(face.axes @ face.axes.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(face.axes) == pytest.approx(1)
    assert_allclose(face.axes[1], y, atol=1e-12)
    assert_allclose(face.axes[2], np.array(normal) / np.linalg.norm(normal))
    there = np.array([face.place((4.0, -5.0, 6.0))])
    assert_allclose(face.from_world(there), [[4, -5, 6]])


def test_a_scan_is_drawn_and_tells_what_is_sensitive(toml: Path) -> None:
    tungsten = Crossing(0.0, 3.0, "W", False, 3.5, 99.0)
    silicon = Crossing(3.0, 3.5, "Si", True, 94.0, 465.0)
    scan = MaterialScan((-5.0, 0.0, 5.0), ((), (tungsten, silicon), (tungsten,)))
    detector = load_detector(toml)
    assert scan.sensitive_mm(detector.layer_edges_mm).tolist() == [0.5, 0.0, 0.0, 0.0]
    assert scan.radiation_lengths == pytest.approx(3 / 3.5 + 0.5 / 94)
    assert list(scan_colours(scan)) == ["Si, sensitive", "W"]
    side, cells = draw_scan(detector, scan).axes
    assert len(side.collections) == 3 + 1  # pieces of one material on a line, and the mesh
    assert cells.get_title() == "window 'fixed'"
