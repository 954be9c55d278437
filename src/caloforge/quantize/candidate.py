"""A candidate model, run in the engine that it is meant for."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from caloforge.card import ModelCard
from caloforge.engine import Engine, Plan, load_engine, run
from caloforge.engine.checked import Checked, load_checked
from caloforge.engine.plan import QUANTIZED_BATCH
from caloforge.engine.tune import measure_engines
from caloforge.quantize.graph import save
from caloforge.quantize.score import ITEM, Judge
from caloforge.typing import FloatArray

SHORT_ROUNDS = 3


def judging_plan(cores: int) -> Plan:
    """How candidates are run: one stream on all cores, an item at a time."""
    return Plan(runtime="openvino", threads=cores, batch=ITEM)


def timing_plan(cores: int) -> Plan:
    """How formats are timed: a stream a core."""
    return Plan(runtime="openvino", streams=cores, batch=QUANTIZED_BATCH)


@contextmanager
def saved(model: Any, card: ModelCard) -> Iterator[Path]:
    """A model in memory as a file, for a while."""
    with tempfile.TemporaryDirectory(prefix="caloforge-") as folder:
        path = Path(folder) / "candidate.onnx"
        save(model, card, path)
        yield path


@contextmanager
def loaded(model: Any, card: ModelCard, plan: Plan) -> Iterator[Engine]:
    """A model in memory as an engine."""
    with saved(model, card) as path:
        yield load_engine(path, plan, card)


def checked(model: Any, card: ModelCard, plan: Plan) -> Checked:
    """A model in memory in the engine that will run its file, as of `load_checked`."""
    with saved(model, card) as path:
        return load_checked(path, plan, card)


def cells_of_all(
    model: Any, card: ModelCard, judge: Judge, items: Sequence[slice], plan: Plan
) -> FloatArray:
    """Cells (n, X, Y, Z) in GeV that a candidate makes for some rows of the judge's sample."""
    with loaded(model, card, plan) as engine:
        return cells_of(engine, judge, items)


def cells_of(engine: Engine, judge: Judge, items: Sequence[slice]) -> FloatArray:
    """Cells (n, X, Y, Z) in GeV that an engine makes for some rows of the judge's sample."""
    return np.concatenate([run(engine, **judge.inputs(rows)) for rows in items])


def milliseconds_of(model: Any, card: ModelCard, plan: Plan) -> float:
    """Milliseconds a shower of a candidate, the fastest of a few short runs."""
    with loaded(model, card, plan) as engine:
        return measure_engines([engine], SHORT_ROUNDS)[0]
