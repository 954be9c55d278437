"""A model's number formats side by side: fidelity, difference, size, memory and time."""

import multiprocessing
import resource
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from caloforge.card import ModelCard
from caloforge.config import FrozenModel
from caloforge.engine import RUNTIMES, Plan, Precision, load_engine, read_card, run
from caloforge.engine.capability import Capabilities
from caloforge.engine.checked import load_checked
from caloforge.engine.choose import precisions
from caloforge.engine.latent import draw_latent
from caloforge.engine.tune import measure_engines
from caloforge.io import Opens, open_showers
from caloforge.physics import observables
from caloforge.quantize.accuracy import Search
from caloforge.quantize.candidate import judging_plan, timing_plan
from caloforge.quantize.float16 import with_float16_weights
from caloforge.quantize.graph import layer_names, load_float_model, save
from caloforge.quantize.score import Judge, judge_from
from caloforge.quantize.sensitivity import pixel_difference
from caloforge.typing import FloatArray

ROUNDS = 5
PROFILE_FROM_GEV = 100.0
"""The published means and widths are of showers of 100-500 GeV."""


class FormatRow(FrozenModel):
    """A format: its score, the mean and width of the mean profiles (cells), and its costs.

    Of Geant4 the score is its floor, between two halves, and there are no costs.
    """

    name: str
    runtime: str
    score: float
    y_mean: float
    y_std: float
    z_mean: float
    z_std: float
    pixel_gev: float | None = None
    file_mb: float | None = None
    peak_mb: float | None = None
    ms: float | None = None


class FormatRun(NamedTuple):
    """A model file run in a precision."""

    name: str
    path: Path
    plan: Plan


def compare_formats(
    models: list[Path],
    data: Path,
    *,
    cores: int,
    capabilities: Capabilities | None = None,
    on_note: Callable[[str], None] = lambda note: None,
    opens: Opens = open_showers,
) -> list[FormatRow]:
    """Geant4, the first model, a float one, in every format, and further models as they are.

    ``data`` is a Geant4 sample; all formats get the same random numbers. ``on_note`` is told which
    engine was passed over, and why.

    Raises
    ------
    ModelError
        if the first model is quantized already.
    DetectorError
        if the sample belongs to another detector.
    """
    model, card = load_float_model(models[0])
    with opens(data) as sample:
        judge = judge_from(sample, card, len(sample), "validation_number")
    with tempfile.TemporaryDirectory(prefix="caloforge-") as folder:
        search = Search(model, card, judge, judging_plan(cores), max_drop=0.0, max_steps=1)
        half, plain = Path(folder) / "float16.onnx", Path(folder) / "plain.onnx"
        save(with_float16_weights(model), card, half)
        save(search.plain(layer_names(model)), card.model_copy(update={"format": "int8"}), plain)
        able = precisions(card, judging_plan(cores).runtime, capabilities)
        ways = list(_ways(models, half, plain, cores, able))
        found = [load_checked(way.path, way.plan, read_card(way.path)) for way in ways]
        engines = [engine for engine, _ in found]
        for _, note in found:
            if note is not None:
                on_note(note)
        cells = [run(engine, **judge.inputs(slice(None))) for engine in engines]
        times = measure_engines(engines, ROUNDS)
        return [
            _reference_row(judge),
            *(
                _row(way._replace(plan=engine.plan), judge, made, cells[0], ms)
                for way, engine, made, ms in zip(ways, engines, cells, times, strict=True)
            ),
        ]


def _ways(
    models: list[Path], half: Path, plain: Path, cores: int, able: Sequence[Precision]
) -> Iterator[FormatRun]:
    plan = timing_plan(cores)
    for precision in able:
        yield FormatRun(precision, models[0], plan.model_copy(update={"precision": precision}))
    yield FormatRun("float16 weights", half, plan)
    yield FormatRun("plain INT8", plain, plan)
    for path in models[1:]:
        yield FormatRun(_title(read_card(path)), path, plan)


def _title(card: ModelCard) -> str:
    return "accuracy-driven INT8" if card.format == "int8" else f"{card.name} {card.format}"


def _reference_row(judge: Judge) -> FormatRow:
    floor, _ = judge.floor()
    return FormatRow(
        name="Geant4, two halves", runtime="", score=floor,
        **_profiles(judge.reference.cells, judge),
    )  # fmt: skip


def _profiles(cells: FloatArray, judge: Judge) -> dict[str, float]:
    """Mean and width along y and z of the showers that the published ones are of."""
    chosen = cells[judge.reference.energy >= PROFILE_FROM_GEV]
    (y_mean, y_std), (z_mean, z_std) = (mean_and_width(chosen, axis) for axis in "yz")
    return {"y_mean": y_mean, "y_std": y_std, "z_mean": z_mean, "z_std": z_std}


def _row(
    way: FormatRun, judge: Judge, cells: FloatArray, plain: FloatArray, ms: float
) -> FormatRow:
    return FormatRow(
        name=way.name, runtime=RUNTIMES[way.plan.runtime].title, score=judge.number(cells),
        pixel_gev=pixel_difference(cells, plain), **_profiles(cells, judge),
        file_mb=way.path.stat().st_size / 1e6, peak_mb=peak_memory(way.path, way.plan), ms=ms,
    )  # fmt: skip


def mean_and_width(cells: FloatArray, axis: str) -> tuple[float, float]:
    """Mean and standard deviation in cells of the energy of all showers along an axis."""
    summed = observables.profile(cells, axis).sum(axis=0)[None]
    return float(observables.centre(summed)[0]), float(observables.width(summed)[0])


def peak_memory(path: Path, plan: Plan) -> float:
    """Peak memory in MB of a process of its own that loads the model and runs a batch."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_run_once, (path, plan))


def _run_once(path: Path, plan: Plan) -> float:
    engine = load_engine(path, plan)
    card = engine.card
    energy = np.full(plan.batch, card.energy_range_gev[1], np.float32)
    theta = np.full(plan.batch, card.theta_range_rad[0], np.float32)
    run(engine, draw_latent(card.latent, 0, 0, plan.batch), energy, theta)
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
