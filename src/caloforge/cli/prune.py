"""``caloforge prune``: fewer channels, and a short retraining."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from caloforge.cli.options import shower_progress
from caloforge.cli.progress import LOG_NAME

if TYPE_CHECKING:
    from caloforge.prune.run import Pruned


def prune(
    run: Annotated[Path, typer.Argument(exists=True, help="Run folder of a training.")],
    data: Annotated[list[Path], typer.Option("--data", exists=True, help="Training showers.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Run folder of the retraining.")],
    sparsity: Annotated[
        float, typer.Option(min=0.01, max=0.99, help="Part of the channels that goes.")
    ] = 0.5,
    speed_up: Annotated[
        float | None,
        typer.Option(min=1.0, help="Instead: as few channels as make it so many times faster."),
    ] = None,
    teacher: Annotated[
        str | None,
        typer.Option(help="RUN's model file: learn from its showers of the same latent numbers."),
    ] = None,
    epochs: Annotated[int, typer.Option(min=1, help="Epochs of the retraining.")] = 3,
) -> None:
    """Remove whole channels from a trained network, in multiples of 16, and train on.

    Says what each step did to size, time and validation number. The new folder is a run like any
    other: export it, quantize it. The same command goes on with one that was stopped.
    """
    from caloforge._extras import TRAINING, check_installed

    check_installed(*TRAINING)
    from caloforge.cli.train import ProgressReporter
    from caloforge.prune.run import prune as run_prune

    with shower_progress(output / LOG_NAME) as progress:
        done = run_prune(
            run, data, output, ProgressReporter(progress),
            sparsity=sparsity, speed_up=speed_up, epochs=epochs, teacher=teacher,
        )  # fmt: skip
    console = Console()
    console.print(_table(done))
    first, _, last = done.stages
    verdict = "no worse" if done.holds else "WORSE"
    console.print(
        f"{output}: {first.ms / last.ms:.2f} times faster in torch, {verdict} than before (within "
        f"the floor's error); next: caloforge export {output} -o model.onnx",
        soft_wrap=True,
    )


def _table(done: "Pruned") -> Table:
    table = Table(title="Pruning: torch on one core")
    for column in ("network", "channels", "parameters", "ms a shower", "validation number"):
        table.add_column(column, justify="left" if column == "network" else "right")
    for stage in done.stages:
        table.add_row(
            stage.name, str(stage.channels), f"{stage.parameters:,}", f"{stage.ms:.3g}",
            f"{stage.score:.4g}",
        )  # fmt: skip
    table.add_row("Geant4, two halves", "", "", "", f"{done.floor:.4g} ± {done.error:.2g}")
    return table
