"""ROOT: the hits are read back, and what lacks them or is damaged is refused."""

import os

import awkward
import numpy as np
import pytest
import uproot
from tests.command import check_there_and_back
from tests.io.mutants import mutant

from caloforge import io
from caloforge.convert import convert
from caloforge.errors import CaloforgeError, InputError


@pytest.fixture
def root_file(tmp_path, sample):
    path = tmp_path / "sample.root"
    with io.open_showers(sample) as file:
        convert(file, path, cells=True)
    return path


def test_there_and_back(tmp_path, root_file, toy_showers, capsys):
    check_there_and_back(root_file, "root", toy_showers, tmp_path)
    assert "it begins with root" in capsys.readouterr().out


def test_a_file_without_cells_is_refused(tmp_path, sample):
    with io.open_showers(sample) as file:
        convert(file, tmp_path / "x.root")
    with pytest.raises(InputError, match="has no branch cell_x: caloforge convert --cells"):
        io.open_showers(tmp_path / "x.root")


def test_foreign_trees_are_refused(tmp_path):
    path = tmp_path / "x.root"
    with uproot.recreate(path) as file:
        file.mktree("events", {"x": np.arange(3)})
    with pytest.raises(InputError, match="no tree 'showers'; it holds: events"):
        io.open_showers(path)
    one = {"Ep": [50.0], "theta": [1.5], "cell_x": [[5]], "cell_y": [[0]], "cell_z": [[0]]}
    branches = {
        name: awkward.Array(each) for name, each in (one | {"cell_energy": [[0.1]]}).items()
    }
    with uproot.recreate(path) as file:
        file["caloforge"] = '{"cell_shape": [5, 5, 4]}'
        file.mktree("showers", branches)
    with io.open_showers(path) as file, pytest.raises(InputError, match="got -1 in shower 0"):
        file.block(0, 1)


def test_a_truncated_file_is_refused(root_file):
    os.truncate(root_file, root_file.stat().st_size // 2)
    with pytest.raises(InputError), io.open_showers(root_file) as file:
        file.read()


def test_fuzzed_files(root_file):
    whole, refused = root_file.read_bytes(), 0
    for seed in range(60):
        root_file.write_bytes(mutant(whole, seed))
        try:
            with io.open_showers(root_file) as file:
                file.read()
        except CaloforgeError as error:
            assert "\n" not in str(error)
            refused += 1
    assert 0 < refused < 60
