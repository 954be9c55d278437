"""Parquet: there and back, refused where it is damaged or the package is missing."""

import os
import sys

import numpy as np
import pytest
from tests.command import call, check_there_and_back
from tests.io.mutants import mutant

from caloforge import io
from caloforge.convert import convert
from caloforge.errors import CaloforgeError, InputError, MissingExtraError

arrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")


@pytest.fixture
def parquet_file(tmp_path, sample):
    path = tmp_path / "sample.parquet"
    with io.open_showers(sample) as file:
        convert(file, path)
    return path


@pytest.mark.parametrize("compression", ["none", "lzf", "gzip"])
def test_there_and_back(tmp_path, sample, toy_showers, compression, capsys):
    path = tmp_path / "x.parquet"
    assert call("convert", sample, "-o", path, "--compression", compression) == 0
    check_there_and_back(path, "parquet", toy_showers, tmp_path)
    assert "it begins with PAR1" in capsys.readouterr().out


def test_a_row_is_a_shower_for_anyone(parquet_file, toy_showers):
    row = parquet.read_table(parquet_file).slice(3, 1).to_pylist()[0]
    image = np.zeros(toy_showers.cells[3].size, np.float32)
    image[row["cell"]] = row["cell_energy"]
    assert np.array_equal(image.reshape(toy_showers.cells[3].shape), toy_showers.cells[3])
    assert row["energy"] == toy_showers.energy[3]


def test_row_groups_are_read_in_pieces(tmp_path, parquet_file, toy_showers):
    table = parquet.read_table(parquet_file)
    parquet.write_table(table, tmp_path / "x.parquet", row_group_size=3)
    with io.open_showers(tmp_path / "x.parquet") as file:
        assert np.array_equal(file.read().cells, toy_showers.cells)
        assert np.array_equal(file.read(2, 11).cells, toy_showers.cells[2:11])


def rewritten(path, change):
    table = parquet.read_table(path)
    parquet.write_table(change(table), path)


def put(table, name, values):
    place = table.schema.get_field_index(name)
    return table.set_column(place, table.field(name), arrow.array(values, table.field(name).type))


DAMAGES = {
    "no column": (lambda t: t.drop(["theta"]), "has no column theta"),
    "no shape": (lambda t: t.replace_schema_metadata({}), "cell_shape must be three sizes"),
    "a cell outside": (lambda t: put(t, "cell", [[100], *t["cell"].to_pylist()[1:]]), "lengths"),
    "negative": (lambda t: put(t, "cell_energy", [[-e for e in row] for row in
                                                  t["cell_energy"].to_pylist()]), "positive"),
    "null": (lambda t: put(t, "energy", [None, *t["energy"].to_pylist()[1:]]), "energy"),
    "text": (lambda t: t.set_column(0, "energy", arrow.array(["x"] * len(t))), "energy"),
    "empty": (lambda t: t.slice(0, 0), "holds no showers"),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_refused_in_one_line(parquet_file, damage):
    change, words = DAMAGES[damage]
    rewritten(parquet_file, change)
    with pytest.raises(InputError, match=words), io.open_showers(parquet_file) as file:
        file.read()


def test_a_truncated_file_is_refused(parquet_file):
    os.truncate(parquet_file, parquet_file.stat().st_size // 2)
    with pytest.raises(InputError, match=r"is damaged: its footer cannot be read"):
        io.open_showers(parquet_file)


def test_fuzzed_files(parquet_file):
    whole, refused = parquet_file.read_bytes(), 0
    for seed in range(150):
        parquet_file.write_bytes(mutant(whole, seed))
        try:
            with io.open_showers(parquet_file) as file:
                file.read()
        except CaloforgeError as error:
            assert "\n" not in str(error)
            refused += 1
    assert 0 < refused < 150


def test_without_pyarrow_the_extra_is_named(parquet_file, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"caloforge\[parquet\]"):
        io.open_showers(parquet_file)


def test_endings_are_those_of_the_layout(tmp_path, sample, capsys):
    assert call("convert", sample, "-o", tmp_path / "x.h5", "--layout", "parquet") == 2
    assert "layout parquet is written into files that end in .parquet" in capsys.readouterr().err
    assert call("convert", sample, "-o", tmp_path / "x.parquet", "--layout", "hits") == 2
    assert "that end in .h5 or .hdf5" in capsys.readouterr().err
