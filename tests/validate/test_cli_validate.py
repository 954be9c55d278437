import json

import numpy as np
import pytest
from tests.command import call, refused
from tests.conftest import make_showers, make_toy_detector

from caloforge.io import write
from caloforge.validate import files
from caloforge.validate.catalogue import catalogue


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    folder = tmp_path_factory.mktemp("samples")
    for seed, name in enumerate(("reference", "generated")):
        write(folder / f"{name}.h5", make_showers(make_toy_detector(), 60, seed))
    return folder


@pytest.fixture(autouse=True)
def few_figures(monkeypatch):
    monkeypatch.setattr(
        "caloforge.validate.report.catalogue", lambda *args: list(catalogue(*args))[:1]
    )


def test_a_report_is_written_and_named(samples, tmp_path, capsys):
    folder = tmp_path / "report"
    arguments = (samples / "reference.h5", samples / "generated.h5", "-o", folder)
    assert call("validate", *arguments) == 0
    printed = capsys.readouterr().out
    assert "Wasserstein" in printed
    assert str(folder / "report.html") in printed.replace("\n", "")
    metrics = json.loads((folder / "metrics.json").read_text())
    for name, found in metrics["scores"].items():
        assert found["floor"] is not None and found["floor_error"] is not None, name
    for name in ("high", "low"):
        floor = metrics["classifiers"][name]["floor"]["auc"]
        assert np.mean(floor) == pytest.approx(metrics["scores"][f"auc_{name}"]["floor"])
    assert metrics["samples"]["generated"]["label"] == "generated"
    record = json.loads((folder / "record.json").read_text())
    assert record["verb"] == "validate"
    assert len(record["inputs"]) == 2
    assert {p.name for p in tmp_path.iterdir()} == {"report"}
    assert call("validate", *arguments, "--figures", "pdf") == 0, "a former report may be replaced"
    (figure,) = (folder / "figures").iterdir()
    assert figure.suffix == ".pdf" and figure.read_bytes().startswith(b"%PDF")
    assert call("validate", *arguments) == 0, "figures belong to a report"
    assert "is not one of 'png', 'pdf', 'svg'" in refused(
        capsys, "validate", *arguments, "--figures", "gif"
    )


def test_a_sample_can_be_cut_and_says_so(samples, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(files.scaling, "VALIDATION_MAX_SHOWERS", 55)
    arguments = (samples / "reference.h5", samples / "generated.h5", "-o", tmp_path / "r")
    assert call("validate", *arguments) == 0
    assert "the first 55" in capsys.readouterr().out


def test_the_training_sample_is_looked_at(samples, tmp_path):
    generated = samples / "generated.h5"
    arguments = (samples / "reference.h5", generated, "-o", tmp_path / "r")
    assert call("validate", *arguments, "--training", generated) == 0
    metrics = json.loads((tmp_path / "r" / "metrics.json").read_text())
    assert metrics["scores"]["nearest"]["value"] < 0.02
    assert metrics["scores"]["nearest"]["verdict"] == "fail"


def test_bad_input_is_one_line_and_leaves_nothing(samples, tmp_path, capsys, toy_detector):
    reference = samples / "reference.h5"
    other = toy_detector.model_copy(update={"name": "other", "pad_mm": (4.0, 4.0)})
    write(tmp_path / "other.h5", make_showers(other, 60))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").touch()
    for generated, output, message in (
        (tmp_path / "missing.h5", tmp_path / "r", "missing.h5"),
        (tmp_path / "other.h5", tmp_path / "r", "cannot be compared"),
        (reference, tmp_path / "full", "thesis.tex"),
        (reference, tmp_path / "other.h5", "it is a file"),
        (reference, tmp_path / "no" / "where", "cannot write"),
        (reference, "", "give the report's folder a name"),
    ):
        assert message in refused(capsys, "validate", reference, generated, "-o", output)
    arguments = (reference, reference, "-o", tmp_path / "r")
    line = refused(capsys, "validate", *arguments, "--training", tmp_path / "other.h5")
    assert "cells of other" in line
    assert "less than or equal to" in refused(capsys, "validate", *arguments, "--seed", 2**32)
    assert {p.name for p in tmp_path.iterdir()} == {"other.h5", "full"}
