import numpy as np
import pytest
import uproot
from tests.command import call
from tests.conftest import make_showers

from caloforge import io
from caloforge.convert import convert
from caloforge.errors import InputError


def run(sample, path, **options):
    defaults = {"cells": False, "compression": None, "on_progress": lambda done: None}
    with io.open_showers(sample) as file:
        convert(file, path, **(defaults | options))


def test_root_branches_are_the_quantities(tmp_path, sample, toy_showers):
    out = tmp_path / "out.root"
    run(sample, out)
    tree = uproot.open(out)["showers"]
    assert tree.num_entries == 20
    cells = toy_showers.cells.astype(float)
    assert np.allclose(tree["ECAL"].array(), cells.sum((1, 2, 3)))
    assert np.allclose(tree["layer_energy"].array(), cells.sum((1, 2)))
    assert np.allclose(tree["Ep"].array(), toy_showers.energy)
    depth = (cells.sum((1, 2)) @ np.arange(4)) / cells.sum((1, 2, 3))
    assert np.allclose(tree["mean_z"].array(), depth)
    assert np.array_equal(tree["hits_10keV"].array(library="np"), (cells > 1e-5).sum((1, 2, 3)))


def test_root_cells_are_the_hits(tmp_path, sample, toy_showers):
    out = tmp_path / "out.root"
    run(sample, out, cells=True)
    tree = uproot.open(out)["showers"]
    first = {name: tree[f"cell_{name}"].array()[0].to_numpy() for name in ("x", "y", "z", "energy")}
    rebuilt = np.zeros_like(toy_showers.cells[0])
    rebuilt[first["x"], first["y"], first["z"]] = first["energy"]
    assert np.array_equal(rebuilt, toy_showers.cells[0])


def test_hdf5_to_hdf5_keeps_everything(tmp_path, sample, toy_showers):
    out = tmp_path / "small.h5"
    run(sample, out, compression="gzip")
    with io.open_showers(out) as file:
        assert file.compression == "gzip"
        assert np.array_equal(file.read().cells, toy_showers.cells)
        assert file.detector == toy_showers.detector


def test_another_ending_is_refused(tmp_path, sample):
    with pytest.raises(InputError, match=r"allowed endings are \.root, \.h5, \.hdf5"):
        run(sample, tmp_path / "out.csv")


def test_a_share_and_the_rest_are_the_sample_without_its_order_lost(tmp_path, toy_detector):
    """What --only writes and what --without writes are disjoint, and all of it."""
    sample = tmp_path / "all.h5"
    io.write(sample, make_showers(toy_detector, 50))
    for option, name in (("--only", "held_out.h5"), ("--without", "training.h5")):
        words = ["convert", str(sample), option, "0.2", "--seed", "3", "-o", str(tmp_path / name)]
        assert call(*words) == 0
    everything, held_out, rest = (
        io.read(tmp_path / name) for name in ("all.h5", "held_out.h5", "training.h5")
    )
    assert (len(held_out), len(rest)) == (10, 40)
    assert set(held_out.energy) | set(rest.energy) == set(everything.energy)
    places = [list(everything.energy).index(energy) for energy in held_out.energy]
    assert places == sorted(places)
    np.testing.assert_array_equal(everything.cells[places], held_out.cells)


@pytest.mark.parametrize("share", ["0", "1", "-0.5", "0.001"])
def test_a_share_that_leaves_nothing_on_one_side_is_refused(tmp_path, toy_detector, share, capsys):
    sample = tmp_path / "all.h5"
    io.write(sample, make_showers(toy_detector, 20))
    assert call("convert", sample, "--only", share, "-o", tmp_path / "o.h5") == 2
    assert "must leave some on either side" in capsys.readouterr().err


def test_the_particle_of_a_sample_that_does_not_say_it_is_stated(tmp_path, toy_showers, capsys):
    silent, stated = tmp_path / "silent.h5", tmp_path / "stated.h5"
    cells, energy, theta = toy_showers.cells, toy_showers.energy, toy_showers.theta
    io.write(silent, type(toy_showers)(cells, energy, theta, toy_showers.detector, "unknown"))
    assert call("convert", silent, "--particle", "photon", "-o", stated) == 0
    assert io.read(stated).particle == "gamma"
    assert call("convert", stated, "--particle", "e-", "-o", tmp_path / "no.h5") == 2
    assert "holds showers of gamma, not of e-" in capsys.readouterr().err
