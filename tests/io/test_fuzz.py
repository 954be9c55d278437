"""Damaged files of every layout: a line and exit code 2, or read; never a traceback.

Each batch runs in a process of its own, with 4 GB and a minute a file: what ends the process is a
failure too.
"""

import subprocess
import sys
from itertools import islice

import h5py
import pytest
from tests.io.mutants import SECONDS, mutant
from tests.io.samples import SAMPLES, write

from caloforge import io
from caloforge.convert import convert
from caloforge.io.identity import DETECTOR_ATTRIBUTE, detector_to_json

BATCH = 100


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """A good file of each layout as bytes, plain and compressed; point clouds with a detector."""
    folder = tmp_path_factory.mktemp("good")
    files = {}
    for name, make in SAMPLES.items():
        truth = make()
        path = write(truth, folder / f"{name}.h5")
        if truth.detector is not None:
            with h5py.File(path, "r+") as file:
                file.attrs[DETECTOR_ATTRIBUTE] = detector_to_json(truth.detector)
        files[name] = path.read_bytes()
    with io.open_showers(folder / "clic_fixed.h5") as file:
        for layout in ("gan3d", "hits"):
            convert(file, folder / "own.h5", layout=layout, compression="gzip")
            files[layout] = (folder / "own.h5").read_bytes()
    return files


def survivors(folder, good, numbers):
    """Write the mutants of these numbers and run them; yield what did not end with 0 or 2."""
    names = list(good)
    for first in range(0, len(numbers), BATCH):
        batch = numbers[first : first + BATCH]
        paths = [folder / f"{seed}.h5" for seed in batch]
        for seed, path in zip(batch, paths, strict=True):
            path.write_bytes(mutant(good[names[seed % len(names)]], seed))
        yield from faults(paths)
        for path in paths:
            path.unlink()


def faults(paths):
    """Names of files whose reading ended in another way than it may, with what it said."""
    left = list(paths)
    while left:
        command = [sys.executable, "-m", "tests.io.mutants", *map(str, left)]
        try:
            ran = subprocess.run(
                command, capture_output=True, text=True, timeout=SECONDS + 2 * len(left)
            )
            out, said = ran.stdout, ran.stderr
        except subprocess.TimeoutExpired as slow:
            out, said = (slow.stdout or b"").decode(), "too slow"
        lines = [line.split() for line in out.splitlines() if line[:6] in ("begin ", "ended ")]
        ended = {words[1]: int(words[2]) for words in lines if words[0] == "ended"}
        yield from ((name, code, "") for name, code in ended.items() if code not in (0, 2))
        begun = [words[1] for words in lines if words[0] == "begin"]
        if len(begun) == len(ended) and begun:
            return
        yield (begun[-1] if begun else "none", "died", said[-2000:])
        left = [path for path in left if path.name not in begun] if begun else []


def test_two_hundred_damaged_files(tmp_path, good):
    assert list(survivors(tmp_path, good, range(200))) == []


@pytest.mark.slow
def test_ten_thousand_damaged_files(tmp_path, good):
    assert list(islice(survivors(tmp_path, good, range(200, 10_200)), 20)) == []
