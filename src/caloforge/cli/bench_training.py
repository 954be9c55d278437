"""``caloforge bench train`` and ``bench scaling``: how long a training takes, here and on many
machines."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from caloforge.cli.options import Threads, stderr
from caloforge.figures import check_figure_path

Recipe = Annotated[Path, typer.Argument(exists=True, help="The recipe, a TOML file.")]
Data = Annotated[list[Path], typer.Option(exists=True, help="Training showers, one or more.")]
Json = Annotated[Path | None, typer.Option("--output", "-o", help="JSON to write.")]


def train(
    recipe: Recipe,
    data: Data,
    target: Annotated[float, typer.Option(help="Validation number to reach.")] = 0.1,
    seeds: Annotated[int, typer.Option(min=1, help="Trainings to time.")] = 3,
    threads: Threads = None,
    output: Json = None,
) -> None:
    """Train a recipe until its validation number reaches the target, with several seeds."""
    _prepare(threads, output)
    from caloforge.bench.training import time_to_train
    from caloforge.train.recipe import load_recipe

    with stderr.status("training") as status:
        result = time_to_train(load_recipe(recipe), data, target, seeds, on_run=status.update)
    _show(result, output)


def scaling(
    recipe: Recipe,
    data: Data,
    network: Annotated[
        tuple[float, float], typer.Option(help="Latency (us) and bandwidth (Gbit/s) between ranks.")
    ] = (20.0, 100.0),
    threads: Threads = None,
    output: Json = None,
    plot: Annotated[Path | None, typer.Option(help="Figure to write: efficiency.")] = None,
) -> None:
    """Model how a recipe would train on many machines, from steps that are measured here."""
    if plot is not None:
        check_figure_path(plot)
    _prepare(threads, output)
    from caloforge.bench.weak_scaling import measure_scaling, plot_scaling
    from caloforge.train.recipe import load_recipe

    with stderr.status("training"):
        result = measure_scaling(load_recipe(recipe), data, *network)
    _show(result, output)
    if plot is not None:
        plot_scaling(result, plot)


def _prepare(threads: int | None, output: Path | None) -> None:
    """Refuse what cannot be written or is not installed; share out the cores."""
    from caloforge._extras import require
    from caloforge.atomic import check_writable
    from caloforge.provenance import available_cores

    if output is not None:
        check_writable(output)
    for module in ("torch", "safetensors", "tensorboard"):
        require(module)
    require("torch").set_num_threads(threads or available_cores())


def _show(result: Any, output: Path | None) -> None:
    from caloforge.atomic import replacing

    Console().print(result.table())
    if output is not None:
        with replacing(output) as partial:
            partial.write_text(result.model_dump_json(indent=2) + "\n")
