"""The command line of make: what it refuses in a line, before it leaves anything."""

from pathlib import Path

import numpy as np
import pytest
from tests.conftest import make_showers, make_toy_detector

from caloforge import io
from caloforge.cli.app import main

pytest.importorskip("torch")

TOY = """
name = "toy"
title = "a toy"
pad_mm = [5.0, 5.0]
materials.W.nist = "G4_W"
materials.Si.nist = "G4_Si"

[[layers]]
count = 4
stack = [
    { material = "W", thickness_mm = 3.0 },
    { material = "Si", thickness_mm = 0.5, sensitive = true },
]

[windows]
fixed = { shape = [5, 5] }
angle = { shape = [7, 7], theta_deg = [60.0, 120.0] }
"""


@pytest.fixture
def toml(tmp_path: Path) -> Path:
    path = tmp_path / "toy.toml"
    path.write_text(TOY)
    return path


def refused(capsys: pytest.CaptureFixture[str], words: list[str]) -> str:
    with pytest.raises(SystemExit) as ended:
        main(["make", *words])
    assert ended.value.code == 2
    return capsys.readouterr().err.strip()


BEAM = ["--particle", "gamma", "--energy", "1:50"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "give the particle and its energies"),
        ([*BEAM, "--showers", "20"], "200 showers at least, got 20"),
        ([*BEAM, "--until", "speed=3"], "give SCORE=NUMBER"),
        ([*BEAM, "--budget", "2h"], "--budget ends what --until goes on with"),
        ([*BEAM, "--until", "auc=0.6", "--budget", "soon"], "90min, 2h or 600s"),
        (["--particle", "pi+", "--energy", "1:50"], "particle 'pi+' is outside the physics"),
        (["--particle", "gamma", "--energy", "50:1"], "the lower end comes first"),
        ([*BEAM, "--theta", "20"], "misses window 'angle'"),
        ([*BEAM, "--window", "wide"], "no window 'wide'"),
    ],
)
def test_what_cannot_be_made_is_refused_in_a_line(
    tmp_path: Path, toml: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    line = refused(capsys, [str(toml), *words, "-o", str(tmp_path / "m")])
    assert said in line
    assert line.count("\n") == 0
    assert not (tmp_path / "m").exists()


def sample(path: Path, particle: str = "gamma", n: int = 220, empty: float = 0.0) -> Path:
    showers = make_showers(make_toy_detector(), n)
    cells = showers.cells.copy()
    cells[: int(empty * n)] = 0
    io.write(path, type(showers)(
        cells, showers.energy, showers.theta, showers.detector, particle
    ))  # fmt: skip
    return path


def test_a_sample_gives_all_that_is_not_asked_for(
    tmp_path: Path, toml: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [str(toml), "--data", str(sample(tmp_path / "s.h5")), "-o", str(tmp_path / "m")]
    assert "leave those out" in refused(capsys, [*words, "--energy", "1:50"])


def test_a_sample_of_another_particle_is_refused_naming_both(
    tmp_path: Path, toml: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [str(toml), "--data", str(sample(tmp_path / "s.h5", "e-")), "-o", str(tmp_path / "m")]
    assert "holds showers of e-, asked for is gamma" in refused(
        capsys, [*words, "--particle", "gamma"]
    )


def test_a_sample_of_another_detector_is_refused(
    tmp_path: Path, toml: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    toml.write_text(TOY.replace("thickness_mm = 3.0", "thickness_mm = 4.0"))
    words = [str(toml), "--data", str(sample(tmp_path / "s.h5")), "-o", str(tmp_path / "m")]
    assert "belongs to toy" in refused(capsys, words)


def test_showers_that_are_mostly_empty_are_refused(
    tmp_path: Path, toml: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = sample(tmp_path / "s.h5", empty=0.9)
    line = refused(capsys, [str(toml), "--data", str(path), "-o", str(tmp_path / "m")])
    assert "are under what toy sees; ask for higher energies" in line


@pytest.mark.slow
def test_a_model_of_a_sample_from_beginning_to_end(
    tmp_path: Path, toml: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The real verbs, on toys: a model file that its held-out showers have judged."""
    from caloforge.engine import read_card
    from caloforge.make import recipe

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(recipe, "FEWEST_EPOCHS", 3)
    monkeypatch.setattr(recipe, "PASSES", 3)
    monkeypatch.setattr(recipe, "FEWEST_STEPS", 6)
    words = ["make", str(toml), "--data", str(sample(tmp_path / "s.h5")), "-o", str(tmp_path / "m")]
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert not ended.value.code, capsys.readouterr().err
    card = read_card(tmp_path / "m" / "model.onnx")
    assert (card.particle, card.window) == ("gamma", "fixed")
    assert np.isfinite(card.scores["auc_high"].value)
    trained = {found.file: found.showers for found in card.training.data}
    assert trained == {"training.h5": 160}
    capsys.readouterr()
    with pytest.raises(SystemExit):
        main(words)
    said = capsys.readouterr().err
    assert said.count("done already") == 8
