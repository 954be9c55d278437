"""Quantize a model file: search, measure, recommend, and write the result with its card."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from caloforge.card import ModelCard, Parent, Score
from caloforge.config import FrozenModel
from caloforge.engine import RUNTIMES, Plan
from caloforge.engine.capability import Capabilities
from caloforge.engine.choose import precisions
from caloforge.engine.tune import measure_engines
from caloforge.io import Opens, open_showers
from caloforge.provenance import file_digest, versions
from caloforge.quantize.accuracy import Search, Step
from caloforge.quantize.candidate import cells_of, checked, judging_plan, timing_plan
from caloforge.quantize.fold import folded
from caloforge.quantize.graph import layer_names, load_float_model, quantized_layers, save
from caloforge.quantize.layer_gains import calibrated, judge_to_measure
from caloforge.quantize.score import judge_from
from caloforge.quantize.sensitivity import Sensitivity, sensitivities
from caloforge.quantize.speed import slower_layers

ROUNDS = 5
WORTH_IT = 0.9
"""A format is recommended over float32 if it takes at most this share of the time."""


class Format(FrozenModel):
    """A way to run the model on this machine: its score, its speed, and the engine that runs it."""

    name: str
    score: float
    ms: float
    error: float | None = None
    """Bootstrap error of the score."""
    runtime: str = "openvino"

    @property
    def time(self) -> str:
        """The time with the engine that took it."""
        return f"{self.ms:.3g} ms a shower in {RUNTIMES[self.runtime].title}"


class Outcome(FrozenModel):
    """Everything that quantizing found out; kept as JSON beside the model."""

    model: str
    score: str
    floor: float
    floor_error: float
    max_drop: float
    layers: int
    quantized: tuple[str, ...]
    slower: tuple[str, ...]
    """Layers left in float because INT8 makes them slower on this machine."""
    log: tuple[Step, ...]
    sensitivity: tuple[Sensitivity, ...]
    formats: tuple[Format, ...]
    recommended: str
    advice: str
    machine: str
    gain_showers: int
    """Geant4 showers, behind those that judge, that the gains of the layers were measured on."""
    notes: tuple[str, ...] = ()
    """Engines that were passed over, and why."""


def quantize(
    path: Path,
    data: Path,
    output: Path,
    *,
    cores: int,
    max_drop: float | None = None,
    max_steps: int = 8,
    score: str = "validation_number",
    showers: int = 512,
    sensitivity: bool = True,
    drop_slower: bool = True,
    capabilities: Capabilities | None = None,
    opens: Opens = open_showers,
    on_step: Callable[[Step], None] = lambda step: None,
) -> Outcome:
    """Write ``output``, ``path`` with the layers in INT8 whose INT8 the physics does not notice.

    The score may get worse by ``max_drop`` (None: by the error of the score between two halves of
    the Geant4 sample ``data``). With ``drop_slower``, layers that INT8 makes slower on this machine
    are not quantized.  Showers of ``data`` behind the first ``showers``, which judge, set the INT8
    model's mean layer energies, see :mod:`.layer_gains`.

    Raises
    ------
    ModelError
        if the model is not ours, or quantized already.
    DetectorError
        if the sample belongs to another detector.
    InputError
        if the sample is of another particle or calibration, or too small or the score unknown.
    """
    model, card = load_float_model(path)
    with opens(data) as sample:
        judge = judge_from(sample, card, showers, score)
    floor, error = judge.floor()
    allowed = error if max_drop is None else max_drop
    search = Search(folded(model), card, judge, judging_plan(cores), allowed, max_steps, on_step)
    search.choose_engine()
    search.left_in_float = slower_layers(search) if drop_slower else ()
    result = search.run()
    with opens(data) as sample:
        others = judge_to_measure(sample, card, showers)
    if others is not None:
        result = calibrated(result, card.model_copy(update={"format": "int8"}), others, search.plan)
    costs = tuple(sensitivities(search)) if sensitivity else ()
    cpu = capabilities or Capabilities.of_this_cpu()
    formats, notes = _formats(search, model, result, cores, cpu)
    recommended, advice = recommend(formats, allowed, cpu)
    outcome = Outcome(
        model=card.name, score=score, floor=floor, floor_error=error, max_drop=allowed,
        layers=len(layer_names(model)), quantized=tuple(quantized_layers(result)),
        slower=tuple(search.left_in_float), log=tuple(search.log), sensitivity=costs,
        formats=formats, recommended=recommended, advice=advice, machine=str(cpu),
        gain_showers=len(others.reference) if others is not None else 0,
        notes=notes,
    )  # fmt: skip
    save(result, _card(card, path, data, outcome), output)
    return outcome


def recommend(
    formats: tuple[Format, ...], max_drop: float, capabilities: Capabilities
) -> tuple[str, str]:
    """The fastest format whose score holds against float32, and a line that says why."""
    plain = formats[0]
    good = [found for found in formats if found.score <= plain.score + max_drop]
    best = min(good, key=lambda found: found.ms)
    if best.ms > WORTH_IT * plain.ms:
        best = plain
    int8 = next(found for found in formats if found.name == "int8")
    gain = f"INT8 takes {int8.time}, float32 {plain.time}"
    if best.name == "int8":
        return "int8", f"{gain}: INT8 is the fastest here"
    reason = "" if capabilities.int8 else " (this CPU has no INT8 dot product, VNNI)"
    if int8 not in good:
        reason += ", and its score does not hold"
    use = "the float32 model"
    if best.name != "float32":
        use += f" with --precision {best.name} ({best.ms:.3g} ms)"
    return best.name, f"{gain}{reason}: INT8 does not win on this machine, use {use}"


def _formats(
    search: Search, model: Any, result: Any, cores: int, cpu: Capabilities
) -> tuple[tuple[Format, ...], tuple[str, ...]]:
    """float32, bfloat16 where it can be had, and INT8, each in the engine that will run it.

    Scores, times taken in turn, and what there is to say of the engines.
    """
    card, judge, plan = search.card, search.judge, timing_plan(cores)
    ways: list[tuple[str, Any, ModelCard, Plan]] = [
        (precision, model, card, plan.model_copy(update={"precision": precision}))
        for precision in precisions(card, plan.runtime, cpu)
    ]
    ways.append(("int8", result, card.model_copy(update={"format": "int8"}), plan))
    found = [checked(graph, its_card, how) for _, graph, its_card, how in ways]
    engines = [engine for engine, _ in found]
    cells = [cells_of(engine, judge, judge.items) for engine in engines]
    times = measure_engines(engines, ROUNDS)
    formats = tuple(
        Format(
            name=name,
            score=judge.number(made),
            error=judge.error(made),
            ms=ms,
            runtime=engine.plan.runtime,
        )
        for (name, *_), made, ms, engine in zip(ways, cells, times, engines, strict=True)
    )
    return formats, tuple(note for _, note in found if note is not None)


def _card(card: ModelCard, path: Path, data: Path, outcome: Outcome) -> ModelCard:
    scores = {
        found.name: Score(value=found.score, error=found.error, floor=outcome.floor)
        for found in outcome.formats
    }
    recipe = {
        "tool": "nncf quantize_with_accuracy_control",
        "data": {"file": data.name, "digest": file_digest(data)},
        "score": outcome.score,
        "max_drop": outcome.max_drop,
        "quantized": list(outcome.quantized),
        "slower": list(outcome.slower),
        "layers": outcome.layers,
        "gain_showers": outcome.gain_showers,
    }
    return card.model_copy(
        update={
            "name": f"{card.name}_int8",
            "format": "int8",
            "response": None,  # the parent's is not this model's
            "parent": Parent(name=card.name, digest=file_digest(path), how=recipe),
            "scores": {
                outcome.score: scores["int8"],
                f"{outcome.score} of the parent": scores["float32"],
            },
            "versions": versions(),
        }
    )
