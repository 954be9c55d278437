"""How a training would scale to many machines: measured steps and messages, a modelled network.

Every rank keeps its batch (weak scaling), or all ranks share the recipe's (strong scaling).  A step
of n ranks takes as long as the slowest of n steps drawn from those measured here with a rank's
showers, then each message in turn, none hidden behind the computing:

    message(b, n) = 2 ceil(log2 n) latency + 2 (n - 1) / n  b / bandwidth

as halving and doubling does it.  Reading, validation and writing are not in it.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rich.table import Table

from caloforge.config import FrozenModel
from caloforge.figures import save_figure

RANKS = (1, 2, 4, 8, 16, 32, 64, 128, 256)


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
