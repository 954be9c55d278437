"""``caloforge search``: one recipe trained with many values, by any number of workers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from caloforge.cli.options import Device, shower_progress, stderr
from caloforge.cli.progress import LOG_NAME
from caloforge.cli.reading import DetectorOption
from caloforge.cli.train import ProgressReporter

if TYPE_CHECKING:
    from caloforge.search.front import FinishedTrial


def search(
    space: Annotated[Path, typer.Argument(exists=True, help="What is searched, a TOML file.")],
    data: Annotated[
        list[Path], typer.Option("--data", exists=True, help="Training showers (.h5).")
    ],
    folder: Annotated[
        Path, typer.Option("--output", "-o", help="Search folder, new or to go on with.")
    ],
    more_data: Annotated[
        list[Path] | None, typer.Argument(exists=True, help="More files of training showers.")
    ] = None,
    detector: DetectorOption = None,
    device: Device = "auto",
    threads: Annotated[int | None, typer.Option(min=1, help="Cores; all by default.")] = None,
) -> None:
    """Search for a better recipe.

    The same command in other terminals or on other machines adds workers to a shared folder, and
    takes up what a killed one left.
    """
    from caloforge._extras import TRAINING, check_installed, require
    from caloforge.detector import load_detector

    check_installed(*TRAINING, "optuna")
    from caloforge.search.front import write_results
    from caloforge.search.queue import TrialQueue
    from caloforge.search.space import RecipeSpace
    from caloforge.search.trial import Worker
    from caloforge.train.device import chosen_device
    from caloforge.train.files import ShowerFiles

    if threads is not None:
        require("torch").set_num_threads(threads)
    read = RecipeSpace(space)
    described = None if detector is None else load_detector(detector)
    paths = [*data, *(more_data or [])]
    ShowerFiles(paths, None, described)
    chosen_device(device, read.recipe.objective)
    queue = TrialQueue(folder, read, stderr.print)
    with shower_progress(folder / LOG_NAME) as progress:
        reporter = ProgressReporter(progress)
        worker = Worker(read, queue, paths, described, reporter, device=device)
        worker.run(lambda trial, what: stderr.print(f"trial {trial.number}: {what}"))
    front = write_results(queue.study, read, folder)
    if not front:
        stderr.print(f"{folder}: no trial has been trained to its end yet")
        return
    _show(front)
    stderr.print(f"{folder}: best.toml is the recipe of the lowest validation number")


def _show(front: list[FinishedTrial]) -> None:
    table = Table("trial", "ms a shower", "validation number", "values", title="Pareto front")
    for trial in front:
        values = ", ".join(f"{key} = {value}" for key, value in trial.values.items())
        table.add_row(str(trial.number), f"{trial.ms:.3g}", f"{trial.score:.4g}", values)
    Console().print(table)
