"""``caloforge train``: a recipe and showers into a run folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress

from caloforge.cli.options import Device, Ranks, shower_progress, stderr
from caloforge.cli.progress import LOG_NAME
from caloforge.cli.reading import DetectorOption
from caloforge.errors import ModelError
from caloforge.typing import AskedDevice
from caloforge.zoo import model_names


def train(
    recipe: Annotated[Path, typer.Argument(exists=True, help="The recipe, a TOML file.")],
    data: Annotated[
        list[Path], typer.Option("--data", exists=True, help="Training showers (.h5).")
    ],
    run: Annotated[Path, typer.Option("--output", "-o", help="Run folder, new or to go on with.")],
    more_data: Annotated[
        list[Path] | None, typer.Argument(exists=True, help="More files of training showers.")
    ] = None,
    start: Annotated[
        Path | None,
        typer.Option(
            "--from",
            callback=lambda path: _there(path),
            help="Start from this run folder, model file or bundled model.",
        ),
    ] = None,
    teacher: Annotated[
        str | None,
        typer.Option(help="Learn from the showers of this model file or bundled model as well."),
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Train to this epoch, whatever the recipe says.")
    ] = None,
    detector: DetectorOption = None,
    device: Device = "auto",
    threads: Annotated[
        int | None, typer.Option(min=1, help="Cores (of each rank); all by default.")
    ] = None,
    ranks: Ranks = 1,
) -> None:
    """Train a network. The same command continues a run that was stopped, exactly.

    On several machines, torchrun starts it: torchrun ... -m caloforge train ...
    """
    from caloforge._extras import TRAINING, check_installed

    check_installed(*TRAINING)
    from caloforge.ranks.launch import run as run_ranks

    paths = [*data, *(more_data or [])]
    run_ranks(ranks, _train, recipe, paths, run, start, teacher, epochs, detector, device, threads)


def _there(start: Path | None) -> Path | None:
    """What a training starts from, refused before anything is imported if it is missing."""
    if start is not None and not start.exists() and str(start) not in model_names():
        bundled = ", ".join(model_names())
        msg = f"{start} is no run folder, no model file and no bundled model: {bundled}"
        raise ModelError(msg)
    return start


def _train(
    recipe: Path,
    data: list[Path],
    run: Path,
    start: Path | None,
    teacher: str | None,
    epochs: int | None,
    detector: str | None,
    device: AskedDevice,
    threads: int | None,
) -> None:
    """One process' part; the first of several is the one that is heard."""
    from caloforge.detector import load_detector
    from caloforge.engine.capability import Capabilities
    from caloforge.ranks import group
    from caloforge.train.loop import Training
    from caloforge.train.recipe import load_recipe

    checked = load_recipe(recipe)
    if epochs is not None:
        checked = checked.with_epochs(epochs)
    if teacher is not None:
        checked = checked.taught_by(teacher)
    described = None if detector is None else load_detector(detector)
    with group.joined(threads), shower_progress(run / LOG_NAME) as progress:
        stderr.quiet = group.rank() > 0
        training = Training(
            checked, data, run, ProgressReporter(progress), described, start, device
        )
        emulated = training.device == "cpu" and not Capabilities.of_this_cpu().bfloat16
        if checked.training.precision == "bfloat16" and emulated:
            stderr.print("note: this CPU has no BF16: bfloat16 is emulated, float32 is faster here")
        if training.taken is not None:
            stderr.print(f"{training.taken:.0%} of the weights start from {start}")
        if empty := training.data.empty:
            stderr.print(f"{empty} of {len(training.data.files)} showers are empty: left out")
        trained = training.run()
    stderr.print(
        f"{run}: epoch {trained.best_epoch} of {trained.epochs} is the best, validation number "
        f"{trained.best_score:.4g} (two halves of Geant4's: {trained.floor:.4g}); "
        f"next: caloforge export {run} -o model.onnx"
    )


class ProgressReporter:
    """A progress bar over all epochs, and a line for each epoch that ended."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.task = progress.add_task("reading the showers", total=None)
        self.epochs = self.batch_size = 0

    def start(self, epochs: int, steps_per_epoch: int, batch_size: int, done: int) -> None:
        """The bar counts the showers that are left."""
        self.epochs, self.batch_size = epochs, batch_size
        left = max(0, epochs * steps_per_epoch - done)
        self.progress.reset(self.task, total=left * batch_size)
        if done:
            self.progress.console.print(f"continuing after step {done}")

    def step(self, epoch: int, values: dict[str, float]) -> None:
        """A batch more."""
        description = f"epoch {epoch} of {self.epochs}" if values else "measuring"
        self.progress.update(self.task, advance=self.batch_size, description=description)

    def epoch(self, epoch: int, score: float, best: bool) -> None:
        """A line for the epoch."""
        mark = ", the best so far" if best else ""
        self.progress.console.print(f"epoch {epoch}: validation number {score:.4g}{mark}")
