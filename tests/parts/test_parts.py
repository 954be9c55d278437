"""Datasets in parts: the same bytes however they are made, read as one sample, whole or refused."""

import json
import os
import shutil
import signal
import threading
import time
from dataclasses import replace

import numpy as np
import pytest
from tests.command import call
from tests.conftest import make_showers, write_toy_model

from caloforge import io
from caloforge.cluster import Cluster
from caloforge.engine import RUNTIMES
from caloforge.errors import ClusterError, InputError
from caloforge.generate import generate_file, load
from caloforge.io.journal import Journal
from caloforge.io.parts import sample_digest, write_manifest
from caloforge.parts import Dataset
from caloforge.provenance import file_digest


def make(model, folder, *options, n=50, parts=4):
    options = ("--runtime", "onnx", "--seed", 5, *options)
    return call("generate", model, "-n", n, "--parts", parts, "-o", folder, *options)


def content(folder):
    """The bytes of the parts and of the manifest."""
    names = ["manifest.json", *(f"part-{n:05d}.h5" for n in range(4))]
    return {name: (folder / name).read_bytes() for name in names}


@pytest.fixture
def dataset(tmp_path, toy_model):
    assert make(toy_model, tmp_path / "set") == 0
    return tmp_path / "set"


def test_parts_made_one_by_one_are_those_made_together(tmp_path, toy_model, dataset, capsys):
    other = tmp_path / "other"
    for part in (2, 0, 3):
        assert make(toy_model, other, "--part", part) == 0
    assert "1 of 4 parts missing" in capsys.readouterr().err
    assert not (other / "manifest.json").exists()
    assert make(toy_model, other, "--part", 1) == 0
    assert content(other) == content(dataset)
    assert make(toy_model, other) == 0, "what is there is left alone"
    assert content(other) == content(dataset)


def test_a_part_is_what_its_seed_makes(tmp_path, toy_model, dataset):
    asked = Dataset.at(dataset).request
    assert [asked.showers_of(part) for part in range(4)] == [13, 13, 12, 12]
    assert len({asked.seed_of(part) for part in range(4)}) == 4
    generator, seed = load(toy_model, runtime="onnx"), asked.seed_of(2)
    generate_file(generator, asked.conditions_of(2), tmp_path / "x.h5", seed=seed, layout="hits")
    assert (tmp_path / "x.h5").read_bytes() == (dataset / "part-00002.h5").read_bytes()
    assert call("generate", toy_model, "-n", 12, "--seed", seed, "--layout", "hits",
                "--runtime", "onnx", "-o", tmp_path / "y.h5") == 0  # fmt: skip
    assert (tmp_path / "y.h5").read_bytes() == (tmp_path / "x.h5").read_bytes()


def test_a_part_depends_on_nothing_but_model_seed_and_its_number(tmp_path, toy_model, dataset):
    """Thirteen showers of part 0 are the same in a dataset of other parts."""
    assert make(toy_model, tmp_path / "two", n=26, parts=2) == 0
    for part in ("part-00000.h5", "part-00001.h5"):
        assert (tmp_path / "two" / part).read_bytes() == (dataset / part).read_bytes()


def test_the_folder_is_read_as_one_sample(tmp_path, dataset, capsys):
    parts = [io.read(dataset / f"part-{n:05d}.h5") for n in range(4)]
    with io.open_showers(dataset) as file:
        assert len(file) == 50 and file.LAYOUT == "parts"
        whole = file.read()
        across = file.read(10, 30)
        assert np.array_equal(file.hits(10, 30).dense().cells, across.cells)
        assert np.array_equal(np.concatenate([b.cells for b in file.blocks(7)]), whole.cells)
        assert len(file.hits(4, 4)) == 0
    assert np.array_equal(whole.cells, np.concatenate([part.cells for part in parts]))
    assert np.array_equal(whole.energy, np.concatenate([part.energy for part in parts]))
    assert np.array_equal(across.cells, whole.cells[10:30])
    assert call("info", dataset) == 0
    assert "manifest.json lists 4 files" in capsys.readouterr().out
    assert call("convert", dataset, "-o", tmp_path / "one.h5") == 0
    assert np.array_equal(io.read(tmp_path / "one.h5").cells, whole.cells)


def test_the_folder_has_a_digest(dataset):
    from caloforge.train.files import ShowerFiles

    before = sample_digest(dataset)
    assert before == file_digest(dataset / "manifest.json")
    assert sample_digest(dataset / "part-00000.h5") == Dataset.at(dataset).noted(0).digest
    assert ShowerFiles([dataset]).description() == {"set": {"digest": before, "showers": 50}}


def test_directions_are_those_of_the_parts_and_outlive_a_stop(tmp_path, monkeypatch):
    """A range of phi, and a model whose graph has a branch for it."""
    asked = ("--energy", "20:60", "--theta", "62:118", "--phi", "0:360", "--batch", 4)
    assert make("clic_ecal_angle", tmp_path / "whole", *asked, n=8, parts=2) == 0
    note = Journal.note

    def stop_in_the_second(journal, done):
        note(journal, done)
        if journal.path.name.startswith("part-00001") and done:
            raise KeyboardInterrupt

    stopped = tmp_path / "stopped"
    monkeypatch.setattr("caloforge.generate.file.FLUSH_EVERY", 1)
    with monkeypatch.context() as during:
        during.setattr(Journal, "note", stop_in_the_second)
        assert make("clic_ecal_angle", stopped, *asked, n=8, parts=2) == 130
    assert (stopped / "part-00000.h5").exists() and not (stopped / "part-00001.h5").exists()
    assert list(stopped.glob("part-00001*partial"))
    assert make("clic_ecal_angle", stopped, *asked, n=8, parts=2) == 0
    for part in ("part-00000.h5", "part-00001.h5", "manifest.json"):
        assert (stopped / part).read_bytes() == (tmp_path / "whole" / part).read_bytes()
    with io.open_showers(stopped) as sample:
        told = sample.conditions.phi
        assert len(told) == 8 and told.max() > np.pi
        assert np.array_equal(sample.read(3, 6).phi, told[3:6])


def test_parts_that_do_not_tell_the_same_are_refused(tmp_path, toy_detector):
    """As a folder that something else than caloforge has put together."""
    folder = tmp_path / "set"
    folder.mkdir()
    plain = make_showers(toy_detector, 6, seed=1)
    telling = replace(plain, phi=np.full(6, 0.3, np.float32))
    files = [folder / name for name in ("a.h5", "b.h5")]
    for showers, names in (((plain, telling), files), ((telling, plain), files)):
        for each, name in zip(showers, names, strict=True):
            io.write(name, each)
        write_manifest(folder, files)
        alone = pytest.raises(InputError, match="one of them alone tells phi or impact")
        with io.open_showers(folder) as sample, alone:
            sample.read()


def lose(folder):
    (folder / "part-00002.h5").unlink()


def shorten(folder):
    os.truncate(folder / "part-00002.h5", 100)


def forget(folder):
    (folder / "manifest.json").unlink()


def garble(folder):
    (folder / "manifest.json").write_text("{")


def swap(folder):
    """A part of another length in the place of one, and the manifest made to fit its size."""
    shutil.copy(folder / "part-00000.h5", folder / "part-00002.h5")
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["parts"][2]["bytes"] = (folder / "part-00000.h5").stat().st_size
    (folder / "manifest.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lose, "lacks part-00002.h5, one of its 4 parts"),
        (shorten, "it has 100 bytes, manifest.json says"),
        (forget, "is not finished"),
        (garble, "manifest.json is damaged"),
        (swap, "has 13 showers, manifest.json says 12"),
    ],
)
def test_a_folder_that_is_not_whole_is_one_line(tmp_path, dataset, capsys, damage, words):
    damage(dataset)
    capsys.readouterr()
    for verb in (["info", dataset], ["convert", dataset, "-o", tmp_path / "x.h5"]):
        assert call(*verb) == 2
        said = capsys.readouterr().err
        assert words in said.replace("\n", " ") and "Traceback" not in said
    assert not (tmp_path / "x.h5").exists()


def test_a_lost_part_is_made_again(toy_model, dataset):
    before = content(dataset)
    lose(dataset)
    assert make(toy_model, dataset) == 0
    assert content(dataset) == before


def test_a_part_that_was_not_noted_is_not_made_again(toy_model, dataset):
    before, place = content(dataset), dataset / "part-00001.h5"
    (dataset / "part-00001.json").unlink()
    made = place.stat().st_mtime_ns
    assert make(toy_model, dataset) == 0
    assert content(dataset) == before and place.stat().st_mtime_ns == made


def test_options_that_do_not_go_together(tmp_path, toy_model, toy_detector, dataset, capsys):
    capsys.readouterr()
    renamed = toy_detector.model_copy(update={"title": "another toy"})
    other = write_toy_model(tmp_path / "other.onnx", renamed)
    for arguments, words in [
        ((toy_model, dataset, "--seed", 6), "its seed is 5, not 6"),
        ((other, dataset), "holds another dataset: its model"),
        ((toy_model, dataset, "--part", 4), "there is no part 4: the dataset has parts 0-3"),
        ((toy_model, dataset, "--like", toy_model), "--like is for one file"),
        ((toy_model, dataset, "--part", 1, "--scheduler", "x"), "one of the two"),
        ((toy_model, tmp_path / "x.h5"), "must be a folder"),
        ((toy_model, tmp_path), "holds something else than a dataset"),
    ]:
        assert make(*arguments) == 2
        assert words in capsys.readouterr().err.replace("\n", " ")
    assert make(toy_model, tmp_path / "new", n=3) == 2
    assert "4 parts need as many showers" in capsys.readouterr().err
    assert call("generate", toy_model, "-n", 5, "--part", 1, "-o", tmp_path / "x.h5") == 2
    assert "give --parts" in capsys.readouterr().err
    assert not (tmp_path / "new").exists() and not (tmp_path / "x.h5").exists()


def test_another_version_of_the_sampler_does_not_go_on(tmp_path, toy_model, monkeypatch, capsys):
    monkeypatch.setitem(RUNTIMES, "onnx", replace(RUNTIMES["onnx"], sampler="toy-sampler"))
    monkeypatch.setattr("importlib.metadata.version", lambda name: "1.0")
    assert make(toy_model, tmp_path / "set", "--part", 0) == 0
    monkeypatch.setattr("importlib.metadata.version", lambda name: "1.1")
    capsys.readouterr()
    assert make(toy_model, tmp_path / "set") == 2
    said = capsys.readouterr().err.replace("\n", " ")
    assert "its sampler is toy-sampler 1.0, not toy-sampler 1.1" in said
    words = r"begun with toy-sampler 1\.0, the sampler is toy-sampler 1\.1"
    with pytest.raises(InputError, match=words):
        Dataset.at(tmp_path / "set").load()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_cluster_with_late_and_lost_workers_makes_the_same_bytes(tmp_path, toy_model, capsys):
    """No worker at first, then two of which one is killed at its first part; nothing is lost."""
    distributed = pytest.importorskip("distributed")
    big = {"n": 80_000, "parts": 4}
    assert make(toy_model, tmp_path / "alone", **big) == 0
    folder = tmp_path / "cluster"
    with distributed.LocalCluster(
        n_workers=0, threads_per_worker=1, dashboard_address=None, silence_logs=50
    ) as cluster:

        def grow_and_kill():
            while not (folder / "dataset.json").exists():
                time.sleep(0.01)
            cluster.scale(2)
            while len(cluster.workers) < 2:  # one may be at work before it is listed
                time.sleep(0.001)
            victim = next(iter(cluster.workers.values())).pid
            while not list(folder.glob("part-*.h5.partial")):
                time.sleep(0.001)
            os.kill(victim, signal.SIGKILL)

        helper = threading.Thread(target=grow_and_kill)
        helper.start()
        assert make(toy_model, folder, "--scheduler", cluster.scheduler_address, **big) == 0
        helper.join()
    assert content(folder) == content(tmp_path / "alone")
    assert not list(folder.glob("*.partial*")) and not list(folder.glob("*.lock"))


def test_a_scheduler_that_does_not_answer_is_one_line(monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr("caloforge.cluster.CONNECT_SECONDS", 0.5)
    with pytest.raises(ClusterError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:9"):
        next(Cluster("tcp://127.0.0.1:9").results(print, {0: ()}))


def test_training_reads_hits_and_folders(tmp_path, toy_model, dataset):
    from caloforge.train.files import ShowerFiles

    assert call("convert", dataset, "-o", tmp_path / "hits.h5", "--layout", "hits") == 0
    files = ShowerFiles([dataset, tmp_path / "hits.h5"])
    rows = np.array([3, 60, 14, 99])
    with io.open_showers(dataset) as file:
        expected = file.read().cells[rows % 50]
    assert np.array_equal(files.read_rows(rows).cells, expected)
