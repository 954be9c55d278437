"""What a training's scaling is modelled from: its steps, timed here, and bytes of its messages."""

from __future__ import annotations

import contextlib
import math
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from caloforge.bench.scaling import RANKS, Scaling
from caloforge.errors import InputError
from caloforge.networks.gan.objective import GanObjective
from caloforge.networks.scores.objective import EnergyScoreObjective
from caloforge.networks.scores.options import EnergyScoreOptions
from caloforge.train.loop import Training
from caloforge.train.recipe import Recipe
from caloforge.typing import AskedDevice

WARM_STEPS = 2
SMALLEST_PART = 8
"""Showers of a rank, in strong scaling."""


class _Enough(Exception):
    """The steps that were wanted are taken."""


class _StepClock:
    """The training's reporter: notes when each step ends, and ends the training after some."""

    def __init__(self, steps: int) -> None:
        self.steps, self.ends = steps, [0.0]

    def start(self, epochs: int, steps_per_epoch: int, batch_size: int, done: int) -> None:
        self.ends = [time.perf_counter()]

    def step(self, epoch: int, values: dict[str, float]) -> None:
        self.ends.append(time.perf_counter())
        if len(self.ends) > self.steps:
            raise _Enough

    def epoch(self, epoch: int, score: float, best: bool) -> None:
        self.ends[-1] = time.perf_counter()


def measure_scaling(
    recipe: Recipe,
    paths: Sequence[Path],
    latency_us: float,
    gbit_per_second: float,
    *,
    strong: bool = False,
    steps: int = 30,
    device: AskedDevice = "cpu",
) -> Scaling:
    """Time some steps of the recipe in this process, after WARM_STEPS that do not count.

    ``strong``: with its batch, and with the halves, quarters, ... that a rank would have of it.

    Raises
    ------
    InputError
        if the network is impossible, the objective's messages are not known, or the recipe has too
        few steps.
    """
    if latency_us < 0 or gbit_per_second <= 0:
        msg = (
            "a network has a latency of at least 0 us and a bandwidth above 0 Gbit/s, "
            f"got {latency_us:g} {gbit_per_second:g}"
        )
        raise InputError(msg)
    seconds, sent = {}, list[int]()
    for ranks in RANKS[: None if strong else 1]:
        batch = recipe.training.batch_size // ranks
        if ranks > 1 and (recipe.training.batch_size % ranks or batch < SMALLEST_PART):
            break
        seconds[batch], sent = _timed(_part(recipe, ranks, steps), paths, steps, device)
    return Scaling(
        recipe=recipe.name,
        batch_size=recipe.training.batch_size,
        strong=strong,
        step_seconds=seconds,
        message_bytes=tuple(sent),
        latency_us=latency_us,
        gbit_per_second=gbit_per_second,
    )


def _part(recipe: Recipe, ranks: int, steps: int) -> Recipe:
    """What one of so many ranks computes of the recipe, with as many showers of each file as the
    steps see: reading is not timed."""
    batch, data = recipe.training.batch_size // ranks, recipe.data
    seen = math.ceil((WARM_STEPS + steps + 1) * batch / (1 - data.validation_fraction))
    few = {"max_showers": min(seen, data.max_showers or seen)}
    changes: dict[str, Any] = {
        "training": recipe.training.model_copy(update={"batch_size": batch}),
        "data": data.model_copy(update=few),
    }
    if isinstance(recipe.objective, EnergyScoreOptions):
        made = {"made": recipe.objective.made // ranks}
        changes["objective"] = recipe.objective.model_copy(update=made)
    return recipe.model_copy(update=changes)


def _timed(
    recipe: Recipe, paths: Sequence[Path], steps: int, device: AskedDevice
) -> tuple[tuple[float, ...], list[int]]:
    """Seconds of the steps, and bytes of the messages in one."""
    clock = _StepClock(WARM_STEPS + steps)
    with tempfile.TemporaryDirectory(prefix="caloforge-bench-") as folder:
        training = Training(recipe, paths, Path(folder) / "run", clock, device=device)
        objective = training.objective
        if not isinstance(objective, GanObjective | EnergyScoreObjective):
            msg = "messages are known of the objectives 'gan' and 'energy_score' only"
            raise InputError(msg)
        objective.captured.active = False  # ranks start kernels one by one
        with contextlib.suppress(_Enough):
            training.run()
    seconds = np.diff(clock.ends)[WARM_STEPS:]
    if not len(seconds):
        msg = f"the recipe ends after {len(clock.ends) - 1} steps: more than {WARM_STEPS} are timed"
        raise InputError(msg)
    return tuple(seconds.tolist()), step_messages(objective)


def step_messages(objective: GanObjective | EnergyScoreObjective) -> list[int]:
    """Bytes of each message that a rank sends in a step (without a gradient penalty).

    Gradients in float32 (of a GAN those of the discriminator once and of the generator in each of
    its steps); two numbers a channel of every batch norm, in float64, forward and backward; energy
    scores' spreads, four numbers in float64 for each list of features (known after a step).  The
    losses are small.
    """
    if isinstance(objective, EnergyScoreObjective):
        generator = objective.generator
        return [
            4 * 8 * len(objective.spread.sums),
            _gradient_bytes(generator),
            *_norm_bytes(generator) * 2,
        ]
    again = objective.options.generator_steps
    generator, discriminator = objective.generator, objective.discriminator
    gradients = [_gradient_bytes(discriminator), *[_gradient_bytes(generator)] * again]
    judged = 2 * 2 + 2 * again
    """Passes of the discriminator: forward and backward, of real, fake and in generator steps."""
    norms = 2 * again * _norm_bytes(generator) + judged * _norm_bytes(discriminator)
    return [*gradients, *norms]


def _gradient_bytes(module: nn.Module) -> int:
    return sum(p.numel() * 4 for p in module.parameters() if p.requires_grad)


def _norm_bytes(module: nn.Module) -> list[int]:
    norms = (m for m in module.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm))
    return [2 * 8 * norm.num_features for norm in norms]
