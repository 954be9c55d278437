"""Time to train: how long a recipe takes until its validation number is good enough."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.table import Table

from caloforge.config import FrozenModel
from caloforge.ranks import group
from caloforge.train.loop import Training
from caloforge.train.recipe import Recipe
from caloforge.typing import AskedDevice


class Timed(FrozenModel):
    """One training: seconds and showers until the target was reached (None: it was not)."""

    seed: int
    seconds: float | None
    showers: int | None
    epochs: int
    best: float


class TimeToTrain(FrozenModel):
    """Trainings of one recipe with several seeds, each stopped at the target."""

    recipe: str
    batch_size: int
    ranks: int
    target: float
    runs: tuple[Timed, ...]

    def table(self) -> Table:
        """A line a seed, and the middle and spread of those that reached the target."""
        ranks = f"{self.ranks} rank{'s' * (self.ranks > 1)}"
        title = f"{self.recipe}, batch {self.batch_size}, {ranks}: until the validation number is"
        table = Table(
            "seed", "seconds", "showers", "epochs", "lowest", title=f"{title} {self.target:g}"
        )
        for run in self.runs:
            reached = (f"{run.seconds:.1f}", f"{run.showers:,}") if run.seconds else ("never", "-")
            table.add_row(str(run.seed), *reached, str(run.epochs), f"{run.best:.4g}")
        seconds = [run.seconds for run in self.runs if run.seconds]
        showers = [run.showers for run in self.runs if run.showers]
        if len(seconds) > 1:
            spread = f"{min(seconds):.1f} to {max(seconds):.1f}"
            middle = f"{statistics.median(seconds):.1f} ({spread})"
            table.add_row("median", middle, f"{int(statistics.median(showers)):,}", "", "")
        return table


class _Reached(Exception):
    """The target is reached: the training may end."""


class Stopwatch:
    """The training's reporter: counts, and ends the training at the target."""

    def __init__(self, target: float) -> None:
        self.target, self.best = target, float("inf")
        self.epochs = self.steps = self.batch_size = 0

    def start(self, epochs: int, steps_per_epoch: int, batch_size: int, done: int) -> None:
        """The clock starts with the first batch; reading the files is not counted."""
        self.batch_size, self.began = batch_size, time.perf_counter()

    def step(self, epoch: int, values: dict[str, float]) -> None:
        """A batch more."""
        self.steps += 1

    def epoch(self, epoch: int, score: float, best: bool) -> None:
        """Validation and checkpoints are counted."""
        self.epochs, self.best = epoch, min(score, self.best)
        if score <= self.target:
            raise _Reached


def time_to_train(
    recipe: Recipe,
    paths: Sequence[Path],
    target: float,
    seeds: int,
    device: AskedDevice = "cpu",
    on_run: Callable[[str], None] = lambda what: None,
) -> TimeToTrain:
    """Train a recipe with ``seeds`` seeds, at most for its epochs, until its validation number is
    at or below ``target``."""
    runs = []
    for seed in range(recipe.seed, recipe.seed + seeds):
        on_run(f"seed {seed}")
        watch = Stopwatch(target)
        with tempfile.TemporaryDirectory(prefix="caloforge-bench-") as folder:
            seeded = recipe.model_copy(update={"seed": seed})
            training = Training(seeded, paths, Path(folder) / "run", watch, device=device)
            seconds, showers = None, None
            try:
                training.run()
            except _Reached:
                seconds = time.perf_counter() - watch.began
                showers = watch.steps * watch.batch_size
        runs.append(
            Timed(seed=seed, seconds=seconds, showers=showers, epochs=watch.epochs, best=watch.best)
        )
    return TimeToTrain(
        recipe=recipe.name,
        batch_size=recipe.training.batch_size,
        ranks=group.size(),
        target=target,
        runs=tuple(runs),
    )
