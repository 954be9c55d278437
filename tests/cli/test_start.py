"""The first moments of a command: nothing heavy, no traceback, and a missing file said at once."""

import json
import subprocess
import sys

import pytest

from caloforge.cli.app import VERBS, load_verb

HEAVY = ("torch", "onnx", "onnxruntime", "openvino", "nncf", "sklearn", "matplotlib", "h5py")


def test_every_verb_of_the_table_is_there():
    for verb in VERBS:
        assert load_verb(verb).help


@pytest.mark.parametrize("met", ["typer", "caloforge.cli.generate"])
def test_ctrl_c_in_the_first_import_is_one_line(met):
    code = f"""
import runpy, sys
class Interrupt:
    def find_spec(self, name, *_):
        if name == {met!r}:
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupt())
sys.argv = ["caloforge", "generate", "clic_ecal_fixed"]
runpy.run_module("caloforge", run_name="__main__")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 130
    assert done.stderr.splitlines() == [
        "caloforge: interrupted; the same command continues the work"
    ]


COMMANDS = """
import contextlib, io, json, sys
from caloforge.cli.app import main

found = []
for command in json.loads(sys.argv[1]):
    told = io.StringIO()
    with contextlib.redirect_stderr(told):
        try:
            main(command)
        except SystemExit as end:
            found.append([end.code, told.getvalue()])
heavy = sorted(set(json.loads(sys.argv[2])) & set(sys.modules))
print(json.dumps([found, heavy]))
"""


def test_a_missing_file_is_said_before_anything_heavy_is_imported(tmp_path):
    there = tmp_path / "there"
    there.write_text("")
    out = ["-o", str(tmp_path / "out")]
    commands = [
        ["simulate", "clic_ecal", "--like", "missing", *out],
        ["generate", "missing", "-n", "1", *out],
        ["generate", "clic_ecal_fixed", "--like", "missing", *out],
        ["validate", str(there), "missing", *out],
        ["validate", "missing", str(there), *out],
        ["convert", "missing", *out],
        ["train", "missing", "--data", str(there), *out],
        ["train", str(there), "--data", "missing", *out],
        ["train", str(there), "--data", str(there), "--from", "missing", *out],
        ["train", str(there), "--data", str(there), "--detector", "missing.toml", *out],
        ["search", "missing", "--data", str(there), *out],
        ["search", str(there), "--data", "missing", *out],
        ["export", "missing", *out],
        ["quantize", "clic_ecal_fixed", "--data", "missing", *out],
        ["quantize", "missing", "--data", str(there), *out],
        *(["bench", part, "missing"] for part in ("run", "tune", "profile", "formats")),
        *(["bench", part, "missing", "--data", str(there)] for part in ("train", "scaling")),
        ["bench", "run", "clic_ecal_fixed", "--geant4", "missing"],
    ]
    arguments = [json.dumps(commands), json.dumps(HEAVY)]
    done = subprocess.run(
        [sys.executable, "-c", COMMANDS, *arguments], capture_output=True, text=True, check=True
    )
    found, heavy = json.loads(done.stdout)
    for command, (code, told) in zip(commands, found, strict=True):
        assert code == 2 and "missing" in told and told.count("\n") == 1, (command, told)
    assert heavy == []
