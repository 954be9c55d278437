"""Options and files that are wrong in unusual ways are one line and exit code 2, too."""

import os
import subprocess
import sys

import pytest
from tests.command import call
from tests.conftest import write_toy_model

from caloforge import io


@pytest.fixture
def refused(capsys, tmp_path):
    """The line that a command is refused with; nothing is left in the folder."""

    def refuse(*arguments):
        before = sorted(tmp_path.rglob("*"))
        assert call(*arguments) == 2
        assert sorted(tmp_path.rglob("*")) == before
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("caloforge: error:")
        return line

    return refuse


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--energy", ""], "energy '' is not understood"),
        (["--theta", ""], "theta '' is not understood"),
        (["--seed", 2**63], "less than or equal to 9223372036854775807"),
        (["-n", 10**20], "less than or equal to 1000000000"),
        (["--batch", 10**9], "less than or equal to 4096"),
        (["--threads", 10**20], "less than or equal to 4096"),
    ],
)
def test_options_out_of_reach(refused, toy_model, tmp_path, options, message):
    line = refused("generate", toy_model, "-n", 5, "-o", tmp_path / "x.h5", *options)
    assert message in line


def test_simulate_takes_no_empty_option_for_a_missing_one(refused, tmp_path):
    request = ("simulate", "clic_ecal", "-n", 1, "--energy", 1, "-o", tmp_path / "x.h5")
    assert "theta '' is not understood" in refused(*request, "--theta", "")
    assert "no window ''" in refused(*request, "--window", "")


@pytest.mark.parametrize("name", ["x.root", "x.hdf5", "x"])
def test_showers_go_into_h5_files(refused, toy_model, tmp_path, name):
    output = tmp_path / name
    assert "must end in .h5" in refused("generate", toy_model, "-n", 5, "-o", output)
    request = ("simulate", "clic_ecal", "-n", 1, "--energy", 1)
    assert "must end in .h5" in refused(*request, "-o", output)


def test_models_go_into_onnx_files(refused, toy_model, tmp_path):
    pytest.importorskip("nncf")
    request = ("quantize", toy_model, "--data", toy_model)
    assert "must end in .onnx" in refused(*request, "-o", tmp_path / "model.h5")


def test_cells_are_for_root(refused, toy_showers, tmp_path):
    sample = tmp_path / "sample.h5"
    io.write(sample, toy_showers)
    line = refused("convert", sample, "--cells", "-o", tmp_path / "x.h5")
    assert "--cells is for ROOT files" in line


def test_the_systems_own_refusals_are_one_line(refused, toy_model, tmp_path, monkeypatch):
    assert "File name too long" in refused("info", "x" * 300 + ".h5")

    def no_room(*_, **__):
        msg = "Unable to allocate 15.4 TiB"
        raise MemoryError(msg)

    monkeypatch.setattr("caloforge.beam.draw", no_room)
    line = refused("generate", toy_model, "-n", 5, "-o", tmp_path / "x.h5")
    assert "not enough memory: Unable to allocate 15.4 TiB" in line


def test_an_interrupted_conversion_is_one_line_and_leaves_nothing(
    toy_showers, tmp_path, monkeypatch, capsys
):
    sample = tmp_path / "sample.h5"
    io.write(sample, toy_showers)

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("caloforge.io.ShowerWriter.write", interrupt)
    assert call("convert", sample, "-o", tmp_path / "x.h5") == 130
    assert capsys.readouterr().err.splitlines()[-1].startswith("caloforge: interrupted")
    assert list(tmp_path.iterdir()) == [sample]


def test_a_card_that_does_not_fit_its_graph(refused, toy_detector, tmp_path):
    from caloforge.card import METADATA_KEY
    from caloforge.engine import read_card

    onnx = pytest.importorskip("onnx")
    path = write_toy_model(tmp_path / "toy.onnx", toy_detector)
    model, card = onnx.load(path), read_card(path)
    wrong = card.latent.model_copy(update={"dim": 7})
    wide = toy_detector.windows["fixed"].model_copy(update={"shape": (3, 3)})
    other = toy_detector.model_copy(update={"windows": {"fixed": wide}})
    for update, message in (
        ({"latent": wrong}, "its card says (7,) for 'latent', its graph [6]"),
        ({"detector": other, "detector_digest": other.digest}, "for 'cells', its graph"),
    ):
        text = card.model_copy(update=update).model_dump_json()
        onnx.helper.set_model_props(model, {METADATA_KEY: text})
        onnx.save(model, str(path))
        assert message in refused("info", path)


def test_onnx_runtime_reports_to_nobody(toy_model, tmp_path):
    environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    environment.pop("ORT_DISABLE_TELEMETRY", None)
    command = [sys.executable, "-m", "caloforge", "info", str(toy_model)]
    subprocess.run(command, env=environment, check=True, capture_output=True)
    assert not list((tmp_path / "cache").rglob("*onnxruntime*"))
