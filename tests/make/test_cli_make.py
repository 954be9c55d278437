"""The command line of make: what it refuses in a line, before it leaves anything."""

from pathlib import Path

import numpy as np
import pytest
from tests.command import call, refused
from tests.conftest import make_showers, make_toy_detector

from caloforge import io

pytest.importorskip("torch")

from caloforge.card import Score
from caloforge.make.data import request_of_sample, some_showers
from caloforge.make.probe import empty_share
from caloforge.make.run import Made, Maker
from caloforge.make.steps import Places, showers_steps

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
    line = refused(capsys, "make", str(toml), *words, "-o", str(tmp_path / "m"))
    assert said in line
    assert line.count("\n") == 0
    assert not (tmp_path / "m").exists()


def sample(path: Path, particle: str = "gamma", n: int = 220, empty: slice = slice(0)) -> Path:
    showers = make_showers(make_toy_detector(), n)
    cells = showers.cells.copy()
    cells[empty] = 0
    io.write(path, type(showers)(
        cells, showers.energy, showers.theta, showers.detector, particle
    ))  # fmt: skip
    return path


def test_a_sample_gives_all_that_is_not_asked_for(
    tmp_path: Path, toml: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [str(toml), "--data", str(sample(tmp_path / "s.h5")), "-o", str(tmp_path / "m")]
    assert "leave those out" in refused(capsys, "make", *words, "--energy", "1:50")


def test_a_sample_of_another_particle_is_refused_naming_both(
    tmp_path: Path, toml: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [str(toml), "--data", str(sample(tmp_path / "s.h5", "e-")), "-o", str(tmp_path / "m")]
    assert "holds showers of e-, asked for is gamma" in refused(
        capsys, "make", *words, "--particle", "gamma"
    )


def test_a_sample_of_another_detector_is_refused(
    tmp_path: Path, toml: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    toml.write_text(TOY.replace("thickness_mm = 3.0", "thickness_mm = 4.0"))
    words = [str(toml), "--data", str(sample(tmp_path / "s.h5")), "-o", str(tmp_path / "m")]
    assert "belongs to toy" in refused(capsys, "make", *words)


@pytest.mark.parametrize("empty", [slice(0, 200), slice(20, None)])
def test_showers_that_are_mostly_empty_are_refused_wherever_they_are(
    tmp_path: Path, toml: Path, capsys: pytest.CaptureFixture[str], empty: slice
) -> None:
    path = sample(tmp_path / "s.h5", empty=empty)
    line = refused(capsys, "make", str(toml), "--data", str(path), "-o", str(tmp_path / "m"))
    assert "are under what toy sees; ask for higher energies" in line


def test_a_sample_that_begins_with_empty_showers_is_not_taken_for_empty(tmp_path: Path) -> None:
    path = sample(tmp_path / "s.h5", empty=slice(0, 70))
    showers = some_showers(path, make_toy_detector(), 64)
    assert empty_share(showers) == pytest.approx(70 / 220, abs=0.05)


def test_a_sample_that_does_not_say_its_particle_takes_the_one_that_is_given(
    tmp_path: Path, toml: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = sample(tmp_path / "s.h5", "unknown")
    line = refused(capsys, "make", str(toml), "--data", str(path), "-o", str(tmp_path / "m"))
    assert "does not say of which particle its showers are: give --particle" in line
    asked = request_of_sample(path, make_toy_detector(), str(toml), "photon", seed=1)
    steps = showers_steps(asked, "fixed", Places(tmp_path), jobs=1, more=0)
    assert [step.words[step.words.index("--particle") + 1] for step in steps] == ["gamma", "gamma"]


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
    assert call(*words) == 0, capsys.readouterr().err
    card = read_card(tmp_path / "m" / "model.onnx")
    assert (card.particle, card.window) == ("gamma", "fixed")
    assert np.isfinite(card.scores["auc_high"].value)
    trained = {found.file: found.showers for found in card.training.data}
    assert trained == {"training.h5": 160}
    capsys.readouterr()
    assert call(*words) == 0
    said = capsys.readouterr().err
    assert said.count("done already") == 8


@pytest.mark.parametrize(("goal", "code"), [("auc=0.6", 1), ("auc=0.8", 0), (None, 0)])
def test_the_exit_code_says_whether_the_goal_holds(toml, tmp_path, monkeypatch, goal, code):
    made = Made(Places(tmp_path), {"auc_high": Score(value=0.7)})
    monkeypatch.setattr(Maker, "make", lambda self: made)
    monkeypatch.setattr("caloforge._extras.check_installed", lambda *needed: None)
    until = [] if goal is None else ["--until", goal]
    assert call("make", toml, *BEAM, *until, "-o", tmp_path / "m") == code
