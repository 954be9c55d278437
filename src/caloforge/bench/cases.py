"""The sources that a benchmark compares, each in every way that this machine can run it."""

from collections.abc import Generator as Iteration
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from caloforge.beam import Conditions
from caloforge.card import ModelCard
from caloforge.engine import Plan, RuntimeName, chosen_runtime, load_engine, read_card
from caloforge.engine.capability import Capabilities
from caloforge.engine.choose import default_batch
from caloforge.engine.latent import draw_latent
from caloforge.engine.plan import QUANTIZED_BATCH, Precision
from caloforge.engine.produce import Sink
from caloforge.generate import Generator
from caloforge.zoo import model_path

RUNTIME_NAMES = {"onnx": "ONNX Runtime", "openvino": "OpenVINO", "torch": "torch"}


class Source(Protocol):
    """What is timed: showers handed to a sink, batch by batch."""

    @property
    def card(self) -> ModelCard:
        """The model's card."""
        ...

    def batches(self, conditions: Conditions, sink: Sink, *, seed: int) -> Iteration[int]:
        """As :meth:`caloforge.generate.Generator.batches`."""
        ...


@dataclass(frozen=True)
class Case:
    """A source and how it is run."""

    source: Source
    runtime: str
    format: str
    streams: int
    threads: int
    batch: int

    @property
    def generator(self) -> Generator | None:
        """The source as one that can write files, None for torch."""
        return self.source if isinstance(self.source, Generator) else None


def model_cases(
    models: list[str],
    *,
    cores: int,
    streams: list[int],
    batch: int | None,
    capabilities: Capabilities | None = None,
) -> Iterator[Case]:
    """Every model in ONNX Runtime and, where installed, OpenVINO; float32 and, if CPU and model
    allow it, bfloat16; at each number of streams."""
    cpu = capabilities or Capabilities.of_this_cpu()
    for model in models:
        path = model_path(model)
        card = read_card(path)
        smallest = QUANTIZED_BATCH if card.format == "int8" else 1
        for runtime, precision in _ways(card, cpu):
            for parallel in streams:
                plan = Plan(
                    runtime=runtime, precision=precision, streams=parallel,
                    threads=max(cores // parallel, 1),
                    batch=max(batch or default_batch(card), smallest),
                )  # fmt: skip
                yield model_case(path, card, plan)


def model_case(path: Path, card: ModelCard, plan: Plan) -> Case:
    """A model file run as a plan says."""
    quantized = card.format not in ("float32", "bfloat16")
    number_format = f"{card.format} + {plan.precision}" if quantized else plan.precision
    return Case(
        Generator(load_engine(path, plan), path), RUNTIME_NAMES[plan.runtime], number_format,
        plan.streams, plan.threads, plan.batch,
    )  # fmt: skip


def _ways(card: ModelCard, cpu: Capabilities) -> list[tuple[RuntimeName, Precision]]:
    ways: list[tuple[RuntimeName, Precision]] = [("onnx", "float32")]
    if chosen_runtime("auto") == "openvino":
        ways.append(("openvino", "float32"))
        if cpu.bfloat16 and not card.float32_only:
            ways.append(("openvino", "bfloat16"))
    return ways


class TorchSource:
    """The network of a run folder in torch, on all the given cores."""

    def __init__(self, run: Path, *, cores: int, batch: int | None) -> None:
        from caloforge._extras import require

        self._torch = require("torch")
        from caloforge.train.trained import load_trained

        self._torch.set_num_threads(cores)
        self._network, self.card = load_trained(run)
        self.batch = batch or default_batch(self.card)

    def batches(self, conditions: Conditions, sink: Sink, *, seed: int) -> Iteration[int]:
        """As :meth:`caloforge.generate.Generator.batches`, one batch after the other."""
        n = len(conditions)
        for first in range(0, n, self.batch):
            rows = np.arange(first, first + self.batch).clip(max=n - 1)
            latent = draw_latent(self.card.latent, seed, first, first + self.batch)
            values: list[Any] = [latent, conditions.energy[rows], conditions.theta[rows]]
            with self._torch.inference_mode():
                cells = self._network(*map(self._torch.from_numpy, values)).numpy()
            sink(first, cells[: n - first])
            yield min(first + self.batch, n)


def torch_case(run: Path, *, cores: int, batch: int | None) -> Case:
    """The network of a run folder in torch."""
    source = TorchSource(run, cores=cores, batch=batch)
    return Case(source, RUNTIME_NAMES["torch"], "float32", 1, cores, source.batch)
