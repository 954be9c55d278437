"""Materials: slips of the pen, densities, radiation and interaction lengths."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from tests.command import call

from caloforge.detector import load_detector
from caloforge.errors import DetectorError
from caloforge.material import Material
from caloforge.radiation import budget_of, detector_budget, nist_materials

SLIPPED = """
name = "slipped"
title = "lead and scintillator"
pad_mm = [20.0, 20.0]
materials.Lead.nist = "G4_Pb"
materials.Scintillator = {{ density_g_cm3 = {density}, elements = {elements} }}
windows.fixed.shape = [15, 15]

[[layers]]
count = 20
stack = [
    {{ material = "Lead", thickness_mm = 4.0 }},
    {{ material = "Scintillator", thickness_mm = 5.0, sensitive = true }},
]
"""


def slipped(folder: Path, density: float, elements: str) -> Path:
    path = folder / "slipped.toml"
    path.write_text(SLIPPED.format(density=density, elements=elements))
    return path


@pytest.mark.parametrize(
    ("density", "elements", "words"),
    [
        (1.032, "{ C = 9, H = 10 }", "add up to 19, not to 1: elements takes mass fractions"),
        (1.032, "{ C = 0.915, H = 0.085, O = 0.1 }", "add up to 1.1, not to 1"),
        (1.032, "{ C = 91.5, H = 8.5 }", r"add up to 100, not to 1 \(per cent by mistake\?\)"),
        (1.032, "{ C = 0.5 }", "add up to 0.5, not to 1"),
        (11350, "{ Pb = 1.0 }", r"is 11350, .*23 g/cm3 \(kg/m3 by mistake\? that would be 11.35\)"),
    ],
)
def test_slips_of_the_pen_are_refused_with_what_they_gave(tmp_path, density, elements, words):
    with pytest.raises(DetectorError, match=f"materials.Scintillator: .*{words}"):
        load_detector(slipped(tmp_path, density, elements))


def test_rounded_fractions_are_normalised():
    rounded = Material(density_g_cm3=5.05, elements={"Cu": 0.818, "O": 0.083, "Si": 0.096})
    assert sum(rounded.mass_fractions.values()) == pytest.approx(1)


@pytest.mark.parametrize(
    ("name", "g_cm2"),
    # Particle Data Group, Atomic and nuclear properties of materials
    [("G4_H", 63.04), ("G4_Be", 65.19), ("G4_Si", 21.82), ("G4_Fe", 13.84), ("G4_W", 6.76),
     ("G4_Pb", 6.37), ("G4_WATER", 36.08), ("G4_PbWO4", 7.39)],
)  # fmt: skip
def test_radiation_lengths_are_the_published_ones(name, g_cm2):
    budget = budget_of(Material(nist=name), 10.0)
    assert budget.g_cm2 / budget.radiation_lengths == pytest.approx(g_cm2, rel=2e-3)


@pytest.mark.parametrize(("name", "g_cm2"), [("G4_Si", 108.4), ("G4_Fe", 132.1), ("G4_W", 191.9)])
def test_interaction_lengths_are_near_the_published_ones(name, g_cm2):
    budget = budget_of(Material(nist=name), 10.0)
    assert budget.g_cm2 / budget.interaction_lengths == pytest.approx(g_cm2, rel=0.07)


@pytest.mark.parametrize(
    ("name", "depth"),
    [("clic_ecal", 21.1), ("par04_siw", 36.2), ("lead_scintillator", 24.2), ("silicon_lead", 25.5),
     ("argon_lead", 24.1), ("lead_tungstate", 25.8)],
)  # fmt: skip
def test_bundled_calorimeters_are_as_deep_as_the_docs_say(name, depth):
    assert round(detector_budget(load_detector(name)).radiation_lengths, 1) == depth


def test_budgets_add_up():
    whole = detector_budget(load_detector("par04_siw"))
    tungsten, silicon = (budget_of(Material(nist=name)) for name in ("G4_W", "G4_Si"))
    depth = 90 * (1.4 * tungsten.radiation_lengths + 0.3 * silicon.radiation_lengths)
    assert whole.radiation_lengths == pytest.approx(depth)
    assert whole.density_g_cm3 == pytest.approx((1.4 * 19.3 + 0.3 * 2.33) / 1.7)


def test_info_shows_density_and_lengths_of_layers_and_whole(tmp_path, capsys):
    assert call("info", slipped(tmp_path, 1.032, "{ C = 0.915, H = 0.085 }")) == 0
    said = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert "20, 180 mm deep: on average 5.618 g/cm3, 14.49 X0, 0.581 lambda" in said
    assert "each 9 mm, 5.618 g/cm3, 0.7244 X0, 0.0291 lambda" in said
    assert "material Lead 11.35 g/cm3, X0 5.613 mm, lambda 182.5 mm" in said


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"G4_Pb"', '"G4_Lead"', "material 'Lead': there is no NIST material 'G4_Lead'"),
        ("C = 0.9", "Cx = 0.9", "material 'Scintillator': there is no element 'Cx'"),
    ],
)
def test_unknown_names_are_told(tmp_path, old, new, words):
    path = slipped(tmp_path, 1.032, "{ C = 0.915, H = 0.085 }")
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(DetectorError, match=words):
        detector_budget(load_detector(path))


@pytest.mark.slow
@pytest.mark.skipif(find_spec("geant4_pybind") is None, reason="needs geant4_pybind")
def test_the_tables_are_geant4s(tmp_path):
    script = Path(__file__).parents[2] / "benchmarks" / "nist_materials.py"
    subprocess.run([sys.executable, script, tmp_path], check=True, stdout=subprocess.DEVNULL)
    for table in tmp_path.glob("*.csv"):
        shipped = Path(__file__).parents[2] / "src/caloforge/detectors" / table.name
        assert table.read_text() == shipped.read_text()
    assert len(nist_materials()) > 300
