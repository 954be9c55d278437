"""The command line: bad input is one line and exit code 2, before Geant4 is started."""

import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest
from tests.command import refused

FLAWED = """
name = "flawed"
title = "a flawed calorimeter"
pad_mm = [5.0, 5.0]
{extra}
materials.W.nist = "G4_W"
materials.Si.nist = "G4_Si"
windows.fixed.shape = [5, 5]

[[layers]]
{pitch}
stack = [
    {{ material = "{absorber}", thickness_mm = {thickness} }},
    {{ material = "Si", thickness_mm = 0.5, sensitive = true }},
]
"""

SOUND = {"extra": "", "pitch": "", "absorber": "W", "thickness": "3.0"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--energy", "20000"], "above 10000 GeV"),
        (["--energy", "10", "--theta", "20"], "theta 20 degrees misses window 'fixed'"),
        (["--energy", "10", "--theta", "20:160"], "theta 20 degrees misses window 'fixed'"),
        (["--energy", "10", "--particle", "pi+"], "particle 'pi+' is outside the physics"),
        (["--energy", "10", "--window", "wide"], "has no window 'wide'"),
        (
            ["--energy", "10", "--data", "offical"],
            "'offical' is not one of 'auto', 'official', 'built-in'",
        ),
        (["--energy", "10", "--event", "2"], "there is no event 2"),
        (["--energy", "10", "--like", __file__], "--like already gives energies"),
        (["--energy", "10", "--impact", "0,3"], "impact 0,3 mm is outside the pad"),
        (["--energy", "10", "--impact", "0"], "impact '0' is not understood"),
        (["--energy", "10", "--theta", "30", "--phi", "30"], "theta 30 with phi 30 degrees misses"),
        (["--energy", "10", "--wait", "5"], "--wait is for the workers of a Dask scheduler"),
        ([], "give the energies and the number of showers"),
    ],
)
def test_options(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, options: list[str], message: str
) -> None:
    output = str(tmp_path / "a.h5")
    assert message in refused(capsys, "simulate", "clic_ecal", "-n", "2", "-o", output, *options)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"extra": "depth_limit_mm = 2.0"}, "less than one layer of 3.5 mm"),
        ({"pitch": "pitch_mm = 3.0"}, "the slabs overlap: 3.5 mm of them, pitch_mm is 3"),
        ({"absorber": "Pb"}, "unknown material 'Pb'"),
        (
            {"thickness": "1e-9"},
            "a slab of W in flawed is 1e-09 mm thick: Geant4 tracks in no less",
        ),
    ],
)
def test_impossible_detectors(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, changes: dict[str, str], message: str
) -> None:
    text = FLAWED.format(**(SOUND | changes))
    (tmp_path / "flawed.toml").write_text(text)
    line = refused(
        capsys, "simulate", str(tmp_path / "flawed.toml"), "--energy", "1", "-n", "1", "-o", "a.h5"
    )
    assert message in line


@pytest.mark.skipif(find_spec("geant4_pybind") is None, reason="needs geant4_pybind")
def test_what_only_geant4_knows_is_told_in_one_line_too(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    text = FLAWED.format(**SOUND).replace("G4_W", "G4_Wolfram")
    (tmp_path / "flawed.toml").write_text(text)
    output = str(tmp_path / "a.h5")
    line = refused(
        capsys, "simulate", str(tmp_path / "flawed.toml"), "--energy", "1", "-n", "1", "-o", output
    )
    assert "Geant4 knows no NIST material 'G4_Wolfram'" in line
    assert [path.name for path in tmp_path.iterdir()] == ["flawed.toml"]


def test_a_full_disk(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = shutil.disk_usage(tmp_path)._replace(free=1_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: full)
    output = str(tmp_path / "a.h5")
    line = refused(capsys, "simulate", "clic_ecal", "--energy", "10", "-n", "1000", "-o", output)
    assert "1000 showers need 0.06 GB, the disk has 0.00 GB" in line
