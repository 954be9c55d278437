import re
import subprocess
import sys

import numpy as np
import pytest
from tests.command import call
from tests.conftest import make_showers

from caloforge import io


@pytest.fixture
def run(capsys):
    """Run the command line in this process: (exit code, stdout, stderr)."""

    def run(*arguments):
        code, captured = call(*arguments), capsys.readouterr()
        return code, captured.out, captured.err

    return run


def test_help_needs_nothing_heavy():
    heavy = {"torch", "openvino", "geant4_pybind", "onnxruntime", "matplotlib", "sklearn", "h5py"}
    slow = {"numpy", "pydantic", "rich"}
    code = f"""
import sys
from caloforge.cli.app import main
try:
    main(["--help"])
finally:
    print(sorted({heavy | slow} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "quantize" in done.stdout and done.stdout.splitlines()[-1] == "[]"


def test_generate_and_info(run, tmp_path, toy_model):
    out = tmp_path / "out.h5"
    code, _, err = run("generate", toy_model, "-n", 50, "--energy", "20:80", "-o", out)
    assert code == 0 and "50 showers" in err
    assert re.search(r"toy runs in (openvino|onnx) float32, streams \d+", err)
    showers = io.read(out)
    assert len(showers) == 50 and showers.energy.min() >= 20 and showers.energy.max() <= 80
    code, text, _ = run("info", out)
    assert code == 0 and "window fixed of toy" in text
    code, text, _ = run("info", toy_model)
    assert code == 0 and "10-500 GeV" in text
    code, text, _ = run("info", "clic_ecal")
    assert code == 0 and "129.2 mm" in text


def test_generate_like_a_sample(run, tmp_path, toy_model, toy_showers):
    sample = tmp_path / "sample.h5"
    io.write(sample, toy_showers)
    out = tmp_path / "out.h5"
    assert run("generate", toy_model, "--like", sample, "-o", out)[0] == 0
    assert np.array_equal(io.read(out).energy, toy_showers.energy)
    assert run("generate", toy_model, "--like", sample, "-n", 30, "-o", out)[0] == 0
    assert np.array_equal(io.read(out).energy[20:], toy_showers.energy[:10])


def test_bad_input_is_one_line_and_exit_code_2(run, tmp_path, toy_model, toy_showers):
    sample, out = tmp_path / "sample.h5", tmp_path / "out.h5"
    other = toy_showers.detector.model_copy(update={"pad_mm": (6.0, 6.0)})
    moved = type(toy_showers)(toy_showers.cells, toy_showers.energy, toy_showers.theta, other)
    io.write(sample, moved)
    before = {path.name for path in tmp_path.iterdir()}
    for arguments, words in [
        (("generate", "nothing", "-n", 5), "no model file nothing"),
        (("generate", toy_model), "-n N"),
        (("generate", toy_model, "-n", 5, "--energy", "5:700"), "outside the model's range 10-500"),
        (("generate", toy_model, "-n", 1, "--energy", "9.9:500"), "energy 9.9 GeV is outside"),
        (("generate", toy_model, "-n", 5, "--energy", "5;7"), "not understood"),
        (("generate", toy_model, "-n", 0), "greater than or equal to 1"),
        (("generate", toy_model, "--number", 5), "No such option: --number"),
        (("generation",), "No such command 'generation'"),
        (("generate", toy_model, "-n", 5, "--theta", "60"), "range 90-90 degrees"),
        (
            ("generate", toy_model, "-n", 5, "--compression", "zip"),
            "'zip' is not one of 'none', 'lzf', 'gzip'",
        ),
        (
            ("generate", toy_model, "-n", 5, "--runtime", "tflite"),
            "'tflite' is not one of 'auto', 'native', 'openvino', 'onnx'",
        ),
        (("generate", toy_model, "--like", "nothing.h5"), "'nothing.h5' does not exist"),
        (("generate", toy_model, "--like", sample), "belongs to toy"),
        (("generate", toy_model, "--like", sample, "--energy", "50"), "leave out"),
    ]:
        code, _, err = run(*arguments, "-o", out)
        assert code == 2 and words in err
        assert err.startswith("caloforge: error:") and err.count("\n") == 1
        assert {path.name for path in tmp_path.iterdir()} == before
    code, _, err = run("generate", toy_model, "-n", 5, "-o", tmp_path / "no" / "out.h5")
    assert code == 2 and "does not exist" in err
    code, _, err = run("info", tmp_path / "nothing.h5")
    assert code == 2 and "does not exist" in err
    code, _, err = run("info", sample, "--draw", tmp_path / "a.png")
    assert code == 2 and "--draw draws detectors" in err
    code, _, err = run("info", "clic_ecal", "--draw", tmp_path / "a.gif")
    assert code == 2 and "allowed endings are .png" in err


def test_a_device_or_a_folder_is_no_output(run, toy_model, tmp_path):
    for place in ("/dev/null", tmp_path):
        code, _, err = run("generate", toy_model, "-n", 5, "-o", place)
        assert code == 2 and "a file name is needed" in err


def test_no_arguments_show_the_help(run):
    code, out, _ = run()
    assert code == 0 and "generate" in out


def test_info_reads_a_part_of_a_large_sample(run, tmp_path, toy_detector, monkeypatch):
    read = []
    block = io.ShowerFile.block
    monkeypatch.setattr(
        io.ShowerFile, "block", lambda file, *rows: read.append(rows) or block(file, *rows)
    )
    for n, looked in ((100, 100), (1000, 128)):
        io.write(tmp_path / "sample.h5", make_showers(toy_detector, n))
        read.clear()
        code, text, _ = run("info", tmp_path / "sample.h5")
        assert code == 0 and "sampling fraction" in text
        assert ("looked at" in text) == (n > looked)
        shown = [rows for rows in read if rows[1] - rows[0] <= 16]
        assert sum(stop - start for start, stop in shown) == looked
        assert shown[0][0] == 0 and shown[-1][1] == n
