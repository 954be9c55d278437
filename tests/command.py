"""The command line as several tests of files call it."""

import re

import numpy as np
import pytest

from caloforge import io
from caloforge.cli.app import main

PROGRESS = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d ")
"""How lines of progress begin where there is no terminal."""


def call(*arguments) -> int:
    """The exit code of the command line."""
    with pytest.raises(SystemExit) as ended:
        main([str(each) for each in arguments])
    return ended.value.code or 0


def refused(capsys, *arguments) -> str:
    """The one line that the command line refuses with; a slow machine may tell progress before."""
    assert call(*arguments) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    (line,) = [line for line in lines if not PROGRESS.match(line)]
    assert line.startswith("caloforge: error:")
    return line


def check_there_and_back(path, layout, showers, folder):
    """A table of hits holds these 20 showers, is read by rows, converted and shown."""
    with io.open_showers(path) as file:
        assert layout == file.LAYOUT and len(file) == 20
        assert file.detector == showers.detector and file.particle == showers.particle
        assert file.calibration == showers.calibration
        assert np.array_equal(file.read().cells, showers.cells)
        assert np.array_equal(file.hits(3, 9).dense().cells, showers.cells[3:9])
        assert np.array_equal(file.energy, showers.energy)
        assert np.array_equal(file.theta, showers.theta)
    assert call("convert", path, "-o", folder / "y.h5", "--layout", "hits") == 0
    assert np.array_equal(io.read(folder / "y.h5").cells, showers.cells)
    assert call("info", path) == 0
