"""Particle, detector and calibration go from file to file, and what differs is refused by name."""

from dataclasses import replace

import pytest
from tests.command import call
from tests.conftest import make_showers, write_toy_model

from caloforge import io
from caloforge.calibration import Calibration
from caloforge.engine import read_card
from caloforge.errors import InputError

SCALED = Calibration.parse("scaled:50")


@pytest.fixture
def run(capsys):
    """Run the command line: (exit code, stderr)."""
    return lambda *arguments: (call(*arguments), capsys.readouterr().err)


def test_what_is_written_says_whose_it_is(tmp_path, toy_showers):
    path = tmp_path / "a.h5"
    io.write(path, replace(toy_showers, particle="pi-", calibration=SCALED))
    read = io.read(path)
    assert (read.particle, read.calibration) == ("pi-", SCALED)
    assert read.detector == toy_showers.detector


def test_a_sample_of_another_particle_is_not_generated_like(tmp_path, toy_detector, run):
    model, like = write_toy_model(tmp_path / "toy.onnx", toy_detector), tmp_path / "like.h5"
    out = tmp_path / "out.h5"
    io.write(like, replace(make_showers(toy_detector, 20), particle="gamma"))
    code, said = run("generate", model, "--like", like, "-o", out)
    assert code == 2 and "showers of gamma, the model toy makes e-" in said and not out.exists()
    io.write(like, make_showers(toy_detector, 20))
    assert call("generate", model, "--like", like, "-o", out) == 0
    assert io.read(out).particle == "e-"


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"particle": "gamma"}, "showers of gamma"), ({"calibration": SCALED}, "times 50")],
)
def test_a_model_is_judged_by_such_showers_as_it_makes(tmp_path, toy_detector, changes, words):
    card = read_card(write_toy_model(tmp_path / "toy.onnx", toy_detector))
    data = tmp_path / "data.h5"
    io.write(data, replace(make_showers(toy_detector, 20), **changes))
    with io.open_showers(data) as sample, pytest.raises(InputError, match=words):
        sample.check_model(card)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"particle": "gamma"}, "showers of e-, b of gamma"),
        ({"calibration": Calibration(meaning="calibrated")}, "calibrated to Ep"),
    ],
)
def test_like_is_validated_with_like(tmp_path, toy_detector, run, changes, words):
    reference, generated = tmp_path / "a.h5", tmp_path / "b.h5"
    electrons = replace(make_showers(toy_detector, 60), particle="e-")
    io.write(reference, electrons)
    io.write(generated, replace(electrons, **changes))
    code, said = run("validate", reference, generated, "-o", tmp_path / "report")
    assert code == 2 and words in said and not (tmp_path / "report").exists()


def test_photons_are_not_simulated_as_electrons(tmp_path, toy_showers, run):
    like = tmp_path / "like.h5"
    io.write(like, replace(toy_showers, particle="gamma"))
    code, said = run("simulate", "clic_ecal", "--like", like, "-o", tmp_path / "out.h5")
    assert code == 2 and "give --particle gamma" in said


@pytest.mark.parametrize("verb", ["info", "convert", "validate", "generate", "quantize", "train"])
def test_the_option_that_messages_advise_is_there(verb, capsys):
    assert call(verb, "--help") == 0
    assert "--detector" in capsys.readouterr().out
