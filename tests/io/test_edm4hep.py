"""EDM4hep's names: hits with positions and times that anyone reads, and there and back."""

import awkward
import numpy as np
import pytest
import uproot
from tests.command import call, check_there_and_back
from tests.io.mutants import mutant

from caloforge import io
from caloforge.convert import convert
from caloforge.errors import CaloforgeError, InputError
from caloforge.placement import positions_mm

HITS = "SimCalorimeterHits."


@pytest.fixture
def edm4hep_file(tmp_path, sample):
    path = tmp_path / "hits.root"
    assert call("convert", sample, "-o", path, "--layout", "edm4hep") == 0
    return path


def test_there_and_back(tmp_path, edm4hep_file, toy_showers, capsys):
    check_there_and_back(edm4hep_file, "edm4hep", toy_showers, tmp_path)
    assert "edm4hep" in capsys.readouterr().out


def test_an_analysis_reads_it_with_no_library(edm4hep_file, toy_showers):
    tree, hits = uproot.open(edm4hep_file)["events"], toy_showers.hits()
    assert tree.num_entries == 20 and np.array_equal(tree["Ep"].array(), toy_showers.energy)
    names = "cellID", "energy", "position.x", "position.y", "position.z", "time", "layer"
    read = {name: tree[HITS + name].array() for name in names}
    assert np.array_equal(awkward.num(read["cellID"]), hits.counts)
    flat = {name: np.asarray(awkward.flatten(values)) for name, values in read.items()}
    assert flat["cellID"].dtype == np.uint64 and np.array_equal(flat["cellID"], hits.cell)
    assert np.array_equal(flat["energy"], hits.cell_energy)
    place = np.stack([flat[f"position.{axis}"] for axis in "xyz"], axis=1)
    assert place == pytest.approx(positions_mm(hits), rel=1e-6, abs=1e-4)
    assert flat["time"] == pytest.approx(np.linalg.norm(place, axis=1) / 299.792458, rel=1e-5)
    assert np.array_equal(flat["layer"], hits.cell % 4)
    expected = {"e-": 11, "unknown": 0}[toy_showers.particle]
    assert set(tree["PDG"].array()) == {expected}


def test_azimuths_are_kept(tmp_path):
    from tests.io.samples import SAMPLES, write

    truth = SAMPLES["lemurs"]()
    path = write(truth, tmp_path / "sample.h5")
    for layout, cells in (("edm4hep", False), ("root", True)):
        with io.open_showers(path, truth.detector) as file:
            convert(file, tmp_path / f"{layout}.root", layout=layout, cells=cells)
        with io.open_showers(tmp_path / f"{layout}.root") as file:
            assert layout == file.LAYOUT
            assert np.allclose(file.block(0, 4).phi, truth.phi[:4])


def test_a_sample_of_unknown_detector_has_no_positions(tmp_path, sample, capsys):
    path = tmp_path / "sample.root"
    with io.open_showers(sample) as file:
        file.known_detector = None
        with pytest.raises(InputError, match="unknown detector has no positions: give the det"):
            convert(file, path, layout="edm4hep")
    assert not path.exists()
    assert call("convert", sample, "-o", tmp_path / "x.h5", "--layout", "edm4hep") == 2
    assert "layout edm4hep is written into files that end in .root" in capsys.readouterr().err
    assert call("convert", sample, "-o", path, "--layout", "hits") == 2
    assert "layout hits is written into files that end in .h5" in capsys.readouterr().err


def test_fuzzed_files(edm4hep_file):
    whole, refused = edm4hep_file.read_bytes(), 0
    for seed in range(20):
        edm4hep_file.write_bytes(mutant(whole, seed))
        try:
            with io.open_showers(edm4hep_file) as file:
                file.read()
        except CaloforgeError as error:
            assert "\n" not in str(error)
            refused += 1
    assert 0 < refused < 20
