"""The sources that a benchmark compares, each in every way that this machine can run it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from caloforge.bench.torch import torch_generator
from caloforge.card import ModelCard
from caloforge.engine import RUNTIMES, Plan, read_card
from caloforge.engine.base import HitEngine
from caloforge.engine.capability import Capabilities
from caloforge.engine.checked import load_checked
from caloforge.engine.choose import default_batch, precisions
from caloforge.engine.runtimes import REFERENCE, runtimes_for
from caloforge.errors import ModelError
from caloforge.generate import Generator
from caloforge.zoo import model_path


@dataclass(frozen=True)
class Case:
    """A generator with the names of its runtime and number format, and the layout it is timed in.

    In ``hits`` an engine that makes hits is asked for these, and files hold them; in ``gan3d``
    all cells.
    """

    source: Generator
    runtime: str
    format: str
    layout: str = "gan3d"

    @property
    def plan(self) -> Plan:
        """Streams, threads and batch."""
        return self.source.engine.plan


def model_cases(
    models: list[str],
    *,
    cores: int,
    streams: Sequence[int],
    capabilities: Capabilities | None = None,
    on_note: Callable[[str], None] = lambda note: None,
) -> Iterator[Case]:
    """Every model in every runtime and precision that it can be had in, at each number of streams.

    An engine that makes hits is there twice, in both layouts.  Left out, with a note, is what
    ``caloforge.load`` would not use: a runtime that cannot run the model, or computes its INT8
    wrongly.

    Raises
    ------
    ModelError
        if a file is no model that the reference runs.
    """
    for model in models:
        path = model_path(model)
        card = read_card(path)
        for plan in plans(card, cores=cores, streams=streams, capabilities=capabilities):
            try:
                engine = load_checked(path, plan, card, fixed=True).engine
            except ModelError as problem:
                if plan.runtime == REFERENCE:
                    raise
                on_note(f"left out: {problem}")
                continue
            title, source = RUNTIMES[plan.runtime].title, Generator(engine, path)
            for layout in ("gan3d", "hits") if isinstance(engine, HitEngine) else ("gan3d",):
                yield Case(source, title, number_format(card, plan), layout)


def plans(
    card: ModelCard, *, cores: int, streams: Sequence[int], capabilities: Capabilities | None = None
) -> Iterator[Plan]:
    """The ways to run a model here, in the order of the table of runtimes."""
    for runtime in runtimes_for(card):
        for precision in precisions(card, runtime, capabilities):
            for parallel in streams:
                yield Plan(
                    runtime=runtime, precision=precision, streams=parallel,
                    threads=max(cores // parallel, 1), batch=default_batch(card),
                )  # fmt: skip


def number_format(card: ModelCard, plan: Plan) -> str:
    """What a model computes with: its own format, and the precision of the rest.

    Quantized models keep both: ``int8 + bfloat16``.
    """
    quantized = card.format not in ("float32", "bfloat16")
    return f"{card.format} + {plan.precision}" if quantized else plan.precision


def torch_case(run: Path, *, cores: int) -> Case:
    """The network of a run folder in torch."""
    return Case(torch_generator(run, cores=cores), "torch", "float32")
