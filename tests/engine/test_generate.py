import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import h5py
import numpy as np
import pytest
from tests.command import call
from tests.conftest import write_toy_model

from caloforge import io
from caloforge.beam import Conditions, draw
from caloforge.engine import RUNTIMES
from caloforge.errors import InputError, ModelError, OutputError, RangeError
from caloforge.generate import Generator, generate_file, load
from caloforge.hit_arrays import HitArrays
from caloforge.hits import Hits
from caloforge.io.hits_writer import HitsWriter
from caloforge.lock import claimed


def test_the_same_seed_gives_the_same_showers_whatever_the_batch(toy_model):
    conditions = draw(150, "10:500", seed=1)
    whole = load(toy_model, runtime="onnx").sample(conditions, seed=7)
    for batch, threads in [(150, 1), (64, 2), (33, 1), (2, 2)]:
        other = load(toy_model, runtime="onnx", batch=batch, threads=threads)
        assert np.array_equal(other.sample(conditions, seed=7).cells, whole.cells)
    changed = load(toy_model, runtime="onnx").sample(conditions, seed=8)
    assert not np.array_equal(changed.cells, whole.cells)


def test_openvino_agrees_with_onnx_runtime(toy_model):
    pytest.importorskip("openvino")
    conditions = draw(100, "10:500", seed=1)
    reference = load(toy_model, runtime="onnx").sample(conditions, seed=7)
    other = load(toy_model, runtime="openvino").sample(conditions, seed=7)
    assert np.allclose(other.cells, reference.cells, rtol=1e-4, atol=1e-7)


def test_plain_numbers_are_conditions(toy_model):
    showers = load(toy_model).sample([50, 100.0], seed=1)
    assert showers.energy.tolist() == [50, 100]
    assert showers.detector.name == "toy"


def test_the_range_is_in_the_message(toy_model):
    model = load(toy_model)
    with pytest.raises(RangeError, match="energy 600 GeV is outside the model's range 10-500 GeV"):
        model.sample(600.0, seed=1)
    with pytest.raises(RangeError, match="theta 60 degrees is outside the model's range 90-90"):
        model.sample(Conditions.of(100.0, np.pi / 3), seed=1)


def test_foreign_files_are_refused(tmp_path, toy_detector):
    with pytest.raises(ModelError, match="no model file nothing"):
        load("nothing")
    text = tmp_path / "text.onnx"
    text.write_text("hello")
    with pytest.raises(ModelError, match="not a usable ONNX model"):
        load(text)
    foreign = write_toy_model(tmp_path / "foreign.onnx", toy_detector, with_card=False)
    with pytest.raises(ModelError, match="without a caloforge model card"):
        load(foreign)


def test_a_card_that_does_not_match_its_detector_is_refused(tmp_path, toy_model):
    onnx = pytest.importorskip("onnx")
    model = onnx.load(str(toy_model))
    card = json.loads(model.metadata_props[0].value)
    card["detector"]["pad_mm"] = [6.0, 6.0]
    model.metadata_props[0].value = json.dumps(card)
    onnx.save(model, str(toy_model))
    with pytest.raises(ModelError, match="does not match the digest"):
        load(toy_model)


def test_a_generated_file_holds_what_sample_gives(tmp_path, toy_model):
    conditions = draw(300, "10:500", seed=1)
    generator = load(toy_model, batch=32)
    path = tmp_path / "out.h5"
    seen = []
    generate_file(generator, conditions, path, seed=3, on_progress=seen.append)
    assert seen[0] == 0 and seen[-1] == 300
    back = io.read(path)
    assert np.array_equal(back.cells, generator.sample(conditions, seed=3).cells)
    assert np.array_equal(back.energy, conditions.energy)
    record = json.loads((tmp_path / "out.record.json").read_text())
    assert record["verb"] == "generate" and record["seed"] == 3
    assert {p.name for p in tmp_path.iterdir()} == {"out.h5", "out.record.json", "toy.onnx"}


KILLED = """
import sys, time
from pathlib import Path
import caloforge
import caloforge.generate.file as g
from caloforge.beam import draw
g.FLUSH_EVERY = 1
slow = lambda done: time.sleep(0.02)
generator = caloforge.load(sys.argv[1], runtime="onnx", batch=8)
conditions = draw(400, "10:500", seed=1)
from caloforge.io import hits_chunks
hits_chunks.MOST = 64
g.generate_file(
    generator, conditions, Path(sys.argv[2]), seed=3, layout=sys.argv[3], on_progress=slow
)
"""


def noted(journal):
    """The showers that a journal says are done; 0 where there is none."""
    return json.loads(journal.read_text())["done"] if journal.exists() else 0


@pytest.mark.parametrize("layout", ["gan3d", "hits"])
def test_a_killed_generation_goes_on_to_the_same_file(tmp_path, toy_model, monkeypatch, layout):
    monkeypatch.setattr("caloforge.io.hits_chunks.MOST", 64)
    path = tmp_path / "out.h5"
    journal = tmp_path / "out.h5.partial.json"
    command = [sys.executable, "-c", KILLED, str(toy_model), str(path), layout]
    process = subprocess.Popen(command)
    deadline = time.monotonic() + 30
    while noted(journal) == 0 and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    done = noted(journal)
    assert 0 < done < 400 and not path.exists()

    generator = load(toy_model, runtime="onnx", batch=8)
    conditions = draw(400, "10:500", seed=1)
    seen = []
    generate_file(generator, conditions, path, seed=3, layout=layout, on_progress=seen.append)
    assert seen[0] == done if layout == "gan3d" else 0 < seen[0] < 400
    generate_file(generator, conditions, tmp_path / "whole.h5", seed=3, layout=layout)
    assert path.read_bytes() == (tmp_path / "whole.h5").read_bytes()
    assert not journal.exists()


def test_two_generations_do_not_share_an_output(tmp_path, toy_model):
    path = tmp_path / "out.h5"
    generator, conditions = load(toy_model), draw(100, "10:500", seed=1)
    partial = tmp_path / "out.h5.partial"
    partial.write_text("of the first")
    with claimed(path), pytest.raises(OutputError, match="another process is writing it"):
        generate_file(generator, conditions, path, seed=3)
    assert partial.read_text() == "of the first" and not path.exists()


def test_a_journal_of_another_request_is_not_continued(tmp_path, toy_model):
    path = tmp_path / "out.h5"
    (tmp_path / "out.h5.partial.json").write_text('{"request": {"seed": 1}, "done": 64}')
    generator = load(toy_model)
    seen = []
    generate_file(generator, Conditions.of([50.0] * 100), path, seed=2, on_progress=seen.append)
    assert seen[0] == 0


def test_another_version_of_the_sampler_does_not_go_on(tmp_path, toy_model, monkeypatch, capsys):
    def generated(version):
        monkeypatch.setattr("importlib.metadata.version", lambda name: version)
        options = ["-n", "50", "--layout", "hits", "--runtime", "onnx", "-o", str(path)]
        return call("generate", toy_model, *options)

    def stop(writer):
        raise KeyboardInterrupt

    path, finish = tmp_path / "out.h5", HitsWriter.finish
    monkeypatch.setitem(RUNTIMES, "onnx", replace(RUNTIMES["onnx"], sampler="toy-sampler"))
    monkeypatch.setattr(HitsWriter, "finish", stop)
    assert generated("1.0") not in (0, None)
    monkeypatch.setattr(HitsWriter, "finish", finish)
    partial = tmp_path / "out.h5.partial"
    begun = partial.read_bytes()
    assert generated("1.1") == 2
    said = capsys.readouterr().err.replace("\n", " ")
    assert (
        "out.h5.partial was begun with toy-sampler 1.0, the sampler is toy-sampler 1.1 now" in said
    )
    assert "Traceback" not in said and partial.read_bytes() == begun and not path.exists()
    assert not generated("1.0")
    with h5py.File(path) as file:
        assert file.attrs["sampler"] == "toy-sampler 1.0"
    record = json.loads(path.with_suffix(".record.json").read_text())
    assert record["config"]["sampler"] == "toy-sampler 1.0"


def test_hits_are_those_of_the_cells(tmp_path, toy_model):
    generator, conditions = load(toy_model, batch=32, threads=2), draw(300, "10:500", seed=1)
    generate_file(generator, conditions, tmp_path / "hits.h5", seed=3, layout="hits")
    with io.open_showers(tmp_path / "hits.h5") as file:
        assert file.LAYOUT == "hits" and file.particle == generator.card.particle
        made = file.hits()
    assert np.array_equal(made.dense().cells, generator.sample(conditions, seed=3).cells)
    assert {p.name for p in tmp_path.iterdir()} == {"hits.h5", "hits.record.json", "toy.onnx"}
    with pytest.raises(InputError, match="layouts gan3d, hits, got 'lemurs'"):
        generate_file(generator, conditions, tmp_path / "x.h5", seed=3, layout="lemurs")


def test_hits_come_in_order_from_any_number_of_streams(toy_model):
    generator, conditions = load(toy_model, batch=8, threads=2), draw(300, "10:500", seed=1)
    whole = generator.sample(conditions, seed=3)
    for start in (0, 100):
        parts = list(generator.hits(conditions, seed=3, start=start))
        assert len(parts) > 2
        made = Hits.concatenate(parts)
        assert np.array_equal(made.dense().cells, whole.cells[start:])
        assert np.array_equal(made.energy, whole.energy[start:])
        assert made.particle == whole.particle


def test_an_engine_that_makes_hits_hands_them_over(tmp_path, toy_model):
    generator, conditions = load(toy_model), draw(50, "10:500", seed=1)
    showers = generator.sample(conditions, seed=3)

    class Native:
        """Makes nothing but hits."""

        card, plan = generator.card, generator.engine.plan

        def hits(self, conditions, *, seed, start=0):
            for first in range(start, 50, 20):
                part = showers[first : first + 20].hits()
                yield first, HitArrays(part.offsets, part.cell.astype(np.uint32), part.cell_energy)

    other = Generator(Native(), generator.path)
    generate_file(generator, conditions, tmp_path / "x.h5", seed=3, layout="hits")
    generate_file(other, conditions, tmp_path / "y.h5", seed=3, layout="hits")
    assert (tmp_path / "x.h5").read_bytes() == (tmp_path / "y.h5").read_bytes()
