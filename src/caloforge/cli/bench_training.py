"""``caloforge bench train`` and ``bench scaling``: how long a training takes, here and on many
machines."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from caloforge.cli.options import Device, Ranks, Threads, stderr
from caloforge.figures import check_figure_path
from caloforge.typing import AskedDevice

Recipe = Annotated[Path, typer.Argument(exists=True, help="The recipe, a TOML file.")]
Data = Annotated[list[Path], typer.Option(exists=True, help="Training showers, one or more.")]
Json = Annotated[Path | None, typer.Option("--output", "-o", help="JSON to write.")]


def train(
    recipe: Recipe,
    data: Data,
    target: Annotated[float, typer.Option(help="Validation number to reach.")] = 0.1,
    seeds: Annotated[int, typer.Option(min=1, help="Trainings to time.")] = 3,
    threads: Threads = None,
    ranks: Ranks = 1,
    device: Device = "auto",
    output: Json = None,
) -> None:
    """Train a recipe until its validation number reaches the target, with several seeds.

    On several machines, torchrun starts it: torchrun ... -m caloforge bench train ...
    """
    _prepare(output)
    from caloforge.ranks.launch import run

    run(ranks, _train, recipe, data, target, seeds, threads, device, output)


def _train(
    recipe: Path,
    data: list[Path],
    target: float,
    seeds: int,
    threads: int | None,
    device: AskedDevice,
    output: Path | None,
) -> None:
    """One process' part; the first of several is the one that is heard."""
    from caloforge.bench.training import time_to_train
    from caloforge.ranks import group
    from caloforge.train.recipe import load_recipe

    checked = load_recipe(recipe)
    with group.joined(threads):
        stderr.quiet = group.rank() > 0
        with stderr.status("training") as status:
            result = time_to_train(checked, data, target, seeds, device, on_run=status.update)
        if group.rank() == 0:
            _show(result, output)


def scaling(
    recipe: Recipe,
    data: Data,
    network: Annotated[
        tuple[float, float], typer.Option(help="Latency (us) and bandwidth (Gbit/s) between ranks.")
    ] = (20.0, 100.0),
    strong: Annotated[
        bool, typer.Option("--strong", help="Ranks share the recipe's batch: none has its own.")
    ] = False,
    threads: Threads = None,
    device: Device = "auto",
    output: Json = None,
    plot: Annotated[Path | None, typer.Option(help="Figure to write: efficiency.")] = None,
) -> None:
    """Model how a recipe would train on many machines, from steps that are measured here."""
    if plot is not None:
        check_figure_path(plot)
    _prepare(output)
    from caloforge.bench.scaling import plot_scaling
    from caloforge.bench.scaling_steps import measure_scaling
    from caloforge.ranks import group
    from caloforge.train.recipe import load_recipe

    with group.joined(threads), stderr.status("training"):
        result = measure_scaling(load_recipe(recipe), data, *network, strong=strong, device=device)
    _show(result, output)
    if plot is not None:
        plot_scaling(result, plot)


def _prepare(output: Path | None) -> None:
    """Refuse what cannot be written or is not installed."""
    from caloforge._extras import TRAINING, check_installed
    from caloforge.atomic import check_writable

    if output is not None:
        check_writable(output)
    check_installed(*TRAINING)


def _show(result: Any, output: Path | None) -> None:
    from caloforge.atomic import replacing

    Console().print(result.table())
    if output is not None:
        with replacing(output) as partial:
            partial.write_text(result.model_dump_json(indent=2) + "\n")
