"""How a training would scale to many machines: measured steps and messages, a modelled network.

Every rank keeps its batch (weak scaling), or all ranks share the recipe's (strong scaling).  A step
of n ranks takes as long as the slowest of n steps drawn from those measured here with a rank's
showers, then each message in turn, none hidden behind the computing:

    message(b, n) = 2 ceil(log2 n) latency + 2 (n - 1) / n  b / bandwidth

as halving and doubling does it.  Reading, validation and writing are not in it.
"""

from __future__ import annotations

import contextlib
import math
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rich.table import Table
from torch import nn

from caloforge.config import FrozenModel
from caloforge.errors import InputError
from caloforge.figures import save_figure
from caloforge.networks.gan.objective import GanObjective
from caloforge.networks.scores.objective import EnergyScoreObjective
from caloforge.networks.scores.options import EnergyScoreOptions
from caloforge.train.loop import Training
from caloforge.train.recipe import Recipe

RANKS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
WARM_STEPS = 2
SMALLEST_PART = 8
"""Showers of a rank, in strong scaling."""


class Point(NamedTuple):
    """A published efficiency at a number of nodes."""

    ranks: int
    efficiency: float
    what: str


PUBLISHED = (Point(128, 0.94, "3DGAN, 128 nodes: 94 %"), Point(256, 1.0, "to 256: near-linear"))
"""Vallecorsa et al., Distributed training of generative adversarial networks for fast detector
simulation, ISC High Performance 2018 Workshops; "near-linear" is drawn as 1."""


class Scaling(FrozenModel):
    """Measured: seconds of steps of so many showers, and bytes of each message in one.  Assumed:
    the network.  ``batch_size``: of a rank, or with ``strong`` of all ranks together."""

    recipe: str
    batch_size: int
    strong: bool = False
    step_seconds: dict[int, tuple[float, ...]]
    message_bytes: tuple[int, ...]
    latency_us: float
    gbit_per_second: float

    @property
    def ranks(self) -> list[int]:
        """The numbers of ranks whose steps were measured."""
        return [n for n in RANKS if not self.strong or self.batch_size / n in self.step_seconds]

    def showers(self, ranks: int) -> int:
        """Showers of one rank in a step."""
        return self.batch_size // ranks if self.strong else self.batch_size

    def slowest(self, ranks: int) -> float:
        """Expected seconds of the slowest of ``ranks`` steps drawn from the measured ones."""
        seconds = np.sort(self.step_seconds[self.showers(ranks)])
        share = (np.arange(len(seconds) + 1) / len(seconds)) ** ranks
        return float(seconds @ np.diff(share))

    def messages(self, ranks: int) -> float:
        """Seconds of all messages of a step."""
        if ranks == 1:
            return 0.0
        rounds = 2 * math.ceil(math.log2(ranks)) * self.latency_us * 1e-6
        per_byte = 2 * (ranks - 1) / ranks * 8e-9 / self.gbit_per_second
        return sum(rounds + size * per_byte for size in self.message_bytes)

    def showers_per_second(self, ranks: int) -> float:
        """Of all ranks together."""
        return ranks * self.showers(ranks) / (self.slowest(ranks) + self.messages(ranks))

    def efficiency(self, ranks: int) -> float:
        """Throughput of ``ranks`` ranks over ``ranks`` times that of one."""
        return self.showers_per_second(ranks) / (ranks * self.showers_per_second(1))

    def table(self) -> Table:
        """A line for each number of ranks."""
        megabytes = sum(self.message_bytes) / 1e6
        shared = "of all ranks" if self.strong else "a rank"
        table = Table(
            "ranks", "showers/s", "efficiency", "slowest step, ms", "messages, ms",
            title=f"{self.recipe}, {self.batch_size} showers {shared} and step; modelled network: "
            f"{len(self.message_bytes)} messages, {megabytes:.1f} MB a step, "
            f"{self.latency_us:g} us, {self.gbit_per_second:g} Gbit/s",
        )  # fmt: skip
        for ranks in self.ranks:
            milliseconds = (1000 * self.slowest(ranks), 1000 * self.messages(ranks))
            table.add_row(
                str(ranks), f"{self.showers_per_second(ranks):,.3g}",
                f"{100 * self.efficiency(ranks):.1f} %", *(f"{ms:.1f}" for ms in milliseconds),
            )  # fmt: skip
        return table


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
        seconds[batch], sent = _timed(_part(recipe, ranks), paths, steps)
    return Scaling(
        recipe=recipe.name,
        batch_size=recipe.training.batch_size,
        strong=strong,
        step_seconds=seconds,
        message_bytes=tuple(sent),
        latency_us=latency_us,
        gbit_per_second=gbit_per_second,
    )


def _part(recipe: Recipe, ranks: int) -> Recipe:
    """What one of so many ranks computes of the recipe."""
    size = {"batch_size": recipe.training.batch_size // ranks}
    changes: dict[str, Any] = {"training": recipe.training.model_copy(update=size)}
    if isinstance(recipe.objective, EnergyScoreOptions):
        made = {"made": recipe.objective.made // ranks}
        changes["objective"] = recipe.objective.model_copy(update=made)
    return recipe.model_copy(update=changes)


def _timed(
    recipe: Recipe, paths: Sequence[Path], steps: int
) -> tuple[tuple[float, ...], list[int]]:
    """Seconds of the steps, and bytes of the messages in one."""
    clock = _StepClock(WARM_STEPS + steps)
    with tempfile.TemporaryDirectory(prefix="caloforge-bench-") as folder:
        training = Training(recipe, paths, Path(folder) / "run", clock)
        objective = training.objective
        if not isinstance(objective, GanObjective | EnergyScoreObjective):
            msg = "messages are known of the objectives 'gan' and 'energy_score' only"
            raise InputError(msg)
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


def plot_scaling(scaling: Scaling, path: Path) -> None:
    """Draw efficiency against the number of ranks, with the published points.

    Raises
    ------
    OutputError
        if the ending names no figure format, or the file cannot be written.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.add_subplot()
    ranks = scaling.ranks
    axes.plot(ranks, [scaling.efficiency(n) for n in ranks], "o-", label="modelled")
    only = scaling.model_copy(update={"message_bytes": ()})
    axes.plot(ranks, [only.efficiency(n) for n in ranks], ":", label="slowest rank alone")
    for point in PUBLISHED:
        axes.plot(point.ranks, point.efficiency, "s", label=point.what)
    axes.set(
        xscale="log", xlabel="ranks", ylabel="efficiency", ylim=(0, 1.05),
        title=f"{scaling.recipe}: {scaling.latency_us:g} us, {scaling.gbit_per_second:g} Gbit/s",
    )  # fmt: skip
    axes.set_xticks(RANKS, [str(n) for n in RANKS])
    axes.legend(loc="lower left")
    save_figure(figure, path)
