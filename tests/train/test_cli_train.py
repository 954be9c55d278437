from dataclasses import replace

import h5py
import numpy as np
import pytest
from tests.command import call, refused
from tests.conftest import make_showers

pytest.importorskip("torch")

from caloforge import io, load
from caloforge.calibration import Calibration


def test_train_export_generate(sample, recipe_file, tmp_path, toy_detector, capsys):
    pytest.importorskip("onnx")
    second = tmp_path / "second.h5"
    calibration = Calibration.parse("scaled:2")
    for path, n, seed in ((sample, 100, 0), (second, 20, 1)):
        photons = replace(make_showers(toy_detector, n, seed), particle="gamma")
        io.write(path, replace(photons, calibration=calibration))
    run, model = tmp_path / "run", tmp_path / "toy.onnx"
    assert call("train", recipe_file, "--data", sample, second, "-o", run) == 0
    assert "epoch 2: validation number" in capsys.readouterr().err
    assert call("export", run, "-o", model, "--name", "mine") == 0
    loaded = load(model)
    assert loaded.card.name == "mine"
    assert [data.showers for data in loaded.card.training.data] == [100, 20]
    showers = loaded.sample([20.0, 300.0], seed=1)
    for made in (loaded.card, showers):
        assert (made.particle, made.calibration) == ("gamma", calibration)
    assert showers.cells.shape == (2, *io.read(sample).cells.shape[1:])


SPOILT = {
    "NaN": ("ECAL", lambda cells: cells * np.nan, "NaN"),
    "negative": ("ECAL", lambda cells: cells - 1, "negative"),
    "MeV": ("energy", lambda energy: energy * 1000, "MeV"),
    "shape": ("ECAL", lambda cells: cells[:, :, 0], "shape"),
    "length": ("energy", lambda energy: energy[:-1], "lengths differ"),
}


@pytest.mark.parametrize("fault", SPOILT)
def test_spoilt_showers_are_one_line_and_leave_nothing(
    fault, sample, recipe_file, tmp_path, capsys
):
    dataset, spoil, message = SPOILT[fault]
    with h5py.File(sample, "r+") as stored:
        values = spoil(stored[dataset][:])
        del stored[dataset]
        stored[dataset] = values
    line = refused(capsys, "train", recipe_file, "--data", sample, "-o", tmp_path / "run")
    assert message in line
    assert not (tmp_path / "run").exists()


def test_wrong_paths_are_one_line(sample, recipe_file, tmp_path, capsys):
    run = tmp_path / "run"
    missing = tmp_path / "missing"
    assert "missing" in refused(capsys, "train", missing, "--data", sample, "-o", run)
    assert "missing" in refused(capsys, "train", recipe_file, "--data", missing, "-o", run)
    inside = recipe_file / "run"
    assert "cannot use" in refused(capsys, "train", recipe_file, "--data", sample, "-o", inside)
    assert "no finished epoch" in refused(capsys, "export", tmp_path, "-o", tmp_path / "x.onnx")
    assert not run.exists()


@pytest.mark.parametrize(
    ("given", "asked", "message"),
    [
        ("latent = 8", "latent = 100000000000000", "cannot be made here"),
        ("seed = 3", f"seed = {2**64}", "seed: input should be less than"),
    ],
)
def test_what_no_machine_holds_is_one_line(
    sample, recipe_file, tmp_path, capsys, given, asked, message
):
    text = recipe_file.read_text()
    assert given in text
    recipe_file.write_text(text.replace(given, asked))
    line = refused(capsys, "train", recipe_file, "--data", sample, "-o", tmp_path / "run")
    assert message in line


def test_a_checkpoint_of_something_else_is_not_exported(tmp_path, capsys):
    from caloforge.train.checkpoint import save_state

    pytest.importorskip("onnxscript")
    save_state(tmp_path / "best.safetensors", {"weights": 1})
    line = refused(capsys, "export", tmp_path, "-o", tmp_path / "x.onnx")
    assert "is not the best epoch of a training" in line


def test_ctrl_c_of_several_ranks_is_one_line(sample, recipe_file, tmp_path, capsys, monkeypatch):
    import signal

    from torch.distributed.elastic.multiprocessing.api import SignalException

    def interrupted(*_):
        msg = "Process 1 got signal: 2"
        raise SignalException(msg, signal.SIGINT)

    monkeypatch.setattr("caloforge.ranks.launch.available_cores", lambda: 2)
    monkeypatch.setattr("caloforge.ranks.launch.elastic_launch", lambda *_: interrupted)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    options = ["--data", str(sample), "-o", str(tmp_path / "run"), "--ranks", "2"]
    assert call("train", recipe_file, *options) == 130
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("caloforge: interrupted")


def test_showers_of_two_kinds_train_no_model(sample, recipe_file, tmp_path, toy_detector, capsys):
    other, run = tmp_path / "other.h5", tmp_path / "run"
    for changes, words in [
        ({"particle": "gamma"}, "gamma"),
        ({"calibration": Calibration.parse("scaled:2")}, "times 2"),
    ]:
        io.write(other, replace(make_showers(toy_detector, 20), **changes))
        line = refused(capsys, "train", recipe_file, "--data", sample, other, "-o", run)
        assert words in line and "other.h5" in line
    assert not run.exists()


def test_bfloat16_on_a_processor_without_it_is_said(
    sample, recipe_file, tmp_path, capsys, monkeypatch
):
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    text = recipe_file.read_text()
    recipe_file.write_text(text.replace("[training]\n", '[training]\nprecision = "bfloat16"\n'))
    command = ["train", str(recipe_file), "--data", str(sample), "-o", str(tmp_path / "run")]
    assert call(*command, "--epochs", "1", "--threads", "1") == 0
    assert "note: this CPU has no BF16" in capsys.readouterr().err
