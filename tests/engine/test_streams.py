import itertools
import threading
import time

import numpy as np
import pytest

from caloforge import io
from caloforge.card import ModelCard
from caloforge.engine import Plan, load_engine, run
from caloforge.engine.capability import Capabilities
from caloforge.engine.choose import advice, choose_plan
from caloforge.engine.latent import draw_latent
from caloforge.engine.pool import over_streams
from caloforge.errors import InputError
from caloforge.generate import generate_file, load
from caloforge.io import direct, raw
from caloforge.ranges import draw

NO_BF16 = Capabilities(bfloat16=False, int8=False)
ALL = Capabilities(bfloat16=True, int8=True)


@pytest.fixture
def card(toy_model) -> ModelCard:
    return load(toy_model, runtime="onnx").card


@pytest.mark.parametrize("runtime", ["onnx", "openvino"])
def test_streams_and_batches_do_not_change_the_showers(toy_model, runtime):
    if runtime == "openvino":
        pytest.importorskip("openvino")
    conditions = draw(150, "10:500", seed=1)
    one = load(toy_model, runtime=runtime, streams=1, threads=1, batch=32)
    expected = one.sample(conditions, seed=7).cells
    for streams, threads, batch in [(2, 2, 32), (3, 3, 16), (2, 4, 50)]:
        other = load(toy_model, runtime=runtime, streams=streams, threads=threads, batch=batch)
        assert len(other.engine.streams) == streams
        assert np.array_equal(other.sample(conditions, seed=7).cells, expected)


def test_streams_write_the_file_of_one_stream(tmp_path, toy_model, monkeypatch):
    monkeypatch.setattr(raw, "KEPT_BYTES", 1000)
    monkeypatch.setattr(direct, "BLOCK_BYTES", 8192)
    conditions = draw(300, "10:500", seed=1)
    paths = {streams: tmp_path / f"{streams}.h5" for streams in (1, 3)}
    for streams, path in paths.items():
        generator = load(toy_model, runtime="onnx", streams=streams, threads=streams, batch=16)
        generate_file(generator, conditions, path, seed=3)
    assert paths[1].read_bytes() == paths[3].read_bytes()
    assert np.array_equal(io.read(paths[3]).cells, generator.sample(conditions, seed=3).cells)


def test_streams_write_compressed_files_too(tmp_path, toy_model):
    conditions = draw(200, "10:500", seed=1)
    generator = load(toy_model, runtime="onnx", streams=3, threads=3, batch=8)
    generate_file(generator, conditions, tmp_path / "small.h5", seed=3, compression="gzip")
    whole = generator.sample(conditions, seed=3)
    assert np.array_equal(io.read(tmp_path / "small.h5").cells, whole.cells)


def test_any_number_of_showers_can_be_run(toy_model):
    plan = Plan(runtime="onnx", batch=8)
    engine = load_engine(toy_model, plan)
    latent = draw_latent(engine.card.latent, 1, 0, 19)
    energy, theta = np.full(19, 50, np.float32), np.full(19, np.pi / 2, np.float32)
    whole = run(engine, latent, energy, theta)
    assert whole.shape == (19, *engine.card.cell_shape)
    assert np.array_equal(run(engine, latent[3:5], energy[3:5], theta[3:5]), whole[3:5])


def test_results_come_in_order_from_streams_that_overlap(toy_model):
    engine = load_engine(toy_model, Plan(runtime="onnx", streams=2))
    together = threading.Barrier(2, timeout=10)

    def task(stream, start):
        if start < 2:
            together.wait()
        time.sleep(0.01 if start % 2 else 0.0)
        return start, id(stream)

    results = list(over_streams(engine.streams, range(10), task))
    assert [start for start, _ in results] == list(range(10))
    assert len({stream for _, stream in results}) == 2


def test_a_failing_batch_ends_the_generation_with_its_error(tmp_path, toy_model):
    generator = load(toy_model, runtime="onnx", streams=2, threads=2, batch=4)
    calls = itertools.count()

    def sink(first, cells):
        next(calls)
        if first == 20:
            raise OSError("no room")

    with pytest.raises(OSError, match="no room"):
        list(generator.batches(draw(4000, "100", seed=1), sink, seed=1))
    assert next(calls) < 200


def test_more_streams_than_threads_are_refused(card, toy_model):
    with pytest.raises(InputError, match="3 streams need at least as many threads, got 2"):
        choose_plan(toy_model, card, threads=2, streams=3)


def test_bfloat16_needs_a_cpu_that_has_it(card, toy_model):
    with pytest.raises(InputError, match="this CPU has no BF16"):
        choose_plan(toy_model, card, runtime="openvino", precision="bfloat16", capabilities=NO_BF16)
    with pytest.raises(InputError, match="needs the OpenVINO runtime"):
        choose_plan(toy_model, card, runtime="onnx", precision="bfloat16", capabilities=ALL)
    assert choose_plan(toy_model, card, runtime="openvino", capabilities=ALL).precision == "float32"


def test_a_model_that_draws_from_tables_refuses_bfloat16(card, toy_model):
    tables = card.model_copy(update={"float32_only": True})
    with pytest.raises(InputError, match="runs in float32 only"):
        choose_plan(toy_model, tables, precision="bfloat16", capabilities=ALL)
    assert choose_plan(toy_model, tables, capabilities=ALL).precision == "float32"


def test_a_bfloat16_model_falls_back_to_float32_and_says_so(card, toy_model):
    meant = card.model_copy(update={"format": "bfloat16"})
    good = choose_plan(toy_model, meant, runtime="openvino", capabilities=ALL)
    assert good.precision == "bfloat16"
    assert advice(meant, good, ALL) is None
    plain = choose_plan(toy_model, meant, runtime="openvino", capabilities=NO_BF16)
    assert plain.precision == "float32"
    assert "this CPU has no BF16: it runs in float32" in advice(meant, plain, NO_BF16)


def test_an_int8_model_on_a_cpu_without_vnni_gets_advice(card, toy_model):
    int8 = card.model_copy(update={"format": "int8"})
    plan = choose_plan(toy_model, int8, runtime="onnx", capabilities=NO_BF16)
    assert "no INT8 dot product (VNNI)" in advice(int8, plan, NO_BF16)
    assert advice(int8, plan, ALL) is None
