import numpy as np
import pytest
from tests.conftest import write_toy_model
from typer.testing import CliRunner

from caloforge.cache import cache_folder
from caloforge.cli.app import app
from caloforge.engine import Plan, load_engine, parity, read_card
from caloforge.engine.choose import choose_plan, default_batch
from caloforge.engine.memory import recall, remember
from caloforge.engine.parity import check_parity, difference
from caloforge.engine.tune import BATCHES, measure_engines, tune
from caloforge.errors import ModelError
from caloforge.generate import load
from caloforge.zoo import model_names, model_path

BASE = Plan(runtime="onnx", streams=4)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def cost(plan: Plan) -> float:
    """A machine that likes two streams and a batch of 64."""
    return 1 + abs(np.log2(plan.streams / 2)) + 0.2 * abs(np.log2(plan.batch / 64))


def test_the_search_finds_what_trying_everything_finds(toy_model):
    rng = np.random.default_rng(0)

    def noisy(plans, rounds):
        return [cost(plan) * (1 + 0.02 * rng.random() / rounds) for plan in plans]

    trials = tune(toy_model, read_card(toy_model), BASE, noisy)
    everything = [
        BASE.model_copy(update={"streams": s, "threads": 4 // s, "batch": b})
        for s in (1, 2, 4)
        for b in BATCHES
    ]
    assert cost(trials[0].plan) <= 1.03 * min(map(cost, everything))
    assert len(trials) < len(everything)
    assert all(trial.plan.cores == 4 for trial in trials)


def test_plans_are_measured_in_showers(toy_model):
    engines = [load_engine(toy_model, Plan(runtime="onnx", batch=batch)) for batch in (1, 64)]
    single, batched = measure_engines(engines, 1)
    assert 0 < batched < single


def test_a_measured_plan_is_kept_for_its_model_cpu_and_cores(tmp_path, toy_model, toy_detector):
    best = BASE.model_copy(update={"streams": 2, "threads": 2, "batch": 32})
    assert recall(toy_model, BASE) is None
    assert remember(toy_model, BASE, best, 0.1)
    assert recall(toy_model, BASE) == best
    card = load(toy_model, runtime="onnx").card
    assert choose_plan(toy_model, card, runtime="onnx", threads=4) == best
    assert choose_plan(toy_model, card, runtime="onnx", threads=4, batch=7).batch == 7
    assert choose_plan(toy_model, card, runtime="onnx", threads=3).streams == 3
    changed = toy_detector.model_copy(update={"name": "other"})
    assert recall(write_toy_model(tmp_path / "other.onnx", changed), BASE) is None


def test_fewer_of_the_larger_showers_are_computed_at_a_time(toy_model):
    card = read_card(model_path("clic_ecal_fixed"))
    card = card.model_copy(update={"batch": 32, "batch_cells": 2**19})
    larger = card.model_copy(update={"window": "angle"})
    assert [default_batch(each) for each in (card, larger)] == [32, 8]
    assert default_batch(larger.model_copy(update={"format": "int8"})) == 32
    batches = {name: default_batch(read_card(model_path(name))) for name in model_names()}
    assert batches == {
        "clic_ecal_angle": 64,
        "clic_ecal_fixed": 64,
        "conv2d_int8": 32,
        "conv3d_angle_int8": 32,
        "conv3d_int8": 32,
    }
    plan = choose_plan(toy_model, read_card(toy_model), runtime="onnx", threads=1)
    assert plan.batch == 32


def test_a_damaged_or_forbidden_cache_is_ignored(toy_model):
    remember(toy_model, BASE, BASE, 0.1)
    (kept,) = cache_folder().iterdir()
    for text in ("", "[]", '{"plan": {"runtime": "abacus"}}'):
        kept.write_text(text)
        assert recall(toy_model, BASE) is None


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path, toy_model):
    (tmp_path / "cache").write_text("in the way")
    assert not remember(toy_model, BASE, BASE, 0.1)


def test_the_fast_engine_is_checked_against_onnx_runtime(toy_model, monkeypatch):
    pytest.importorskip("openvino")
    plan, card = Plan(runtime="openvino", batch=16), read_card(toy_model)
    assert check_parity(toy_model, plan, card) < 1e-5
    monkeypatch.setitem(parity.TOLERANCE, "float32", -1.0)
    with pytest.raises(ModelError, match=r"OpenVINO in float32 differs from ONNX Runtime"):
        check_parity(toy_model, plan, card)
    assert difference(toy_model, Plan(runtime="onnx", batch=3), card) < 1e-6


def test_auto_falls_back_to_onnx_runtime_where_openvino_fails(toy_model, monkeypatch):
    pytest.importorskip("openvino")
    from caloforge.engine import openvino

    def broken(*args, **kwargs):
        raise ModelError("OpenVINO cannot run it")

    monkeypatch.setattr(openvino, "compile_model", broken)
    fallen = load(toy_model)
    assert fallen.engine.plan.runtime == "onnx"
    assert fallen.notes == ("OpenVINO cannot run it: ONNX Runtime is used instead",)
    with pytest.raises(ModelError, match="OpenVINO cannot run it"):
        load(toy_model, runtime="openvino")


def test_the_command_measures_shows_and_keeps_the_plan(toy_model, monkeypatch):
    from caloforge.engine import tune as module

    monkeypatch.setattr(module, "SECONDS", 0.001)
    monkeypatch.setattr(module, "BATCHES", (16, 64))
    result = CliRunner().invoke(app, ["bench", "tune", str(toy_model), "--threads", "2"])
    assert result.exit_code == 0, result.output
    assert "the first is used from now on" in result.output
    card = load(toy_model, runtime="onnx").card
    assert choose_plan(toy_model, card, threads=2).batch in (16, 64)
