"""``caloforge bench``: how fast, and how true, each way to make showers is on this machine."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from caloforge.cli.options import Batch, Threads, stderr
from caloforge.cli.reading import DetectorOption, LayoutOption, MapOption, Reading
from caloforge.errors import InputError
from caloforge.figures import check_figure_path

if TYPE_CHECKING:
    from caloforge.bench.training import TimeToTrain
    from caloforge.card import ModelCard


def bench(
    models: Annotated[
        list[str] | None, typer.Argument(help="Bundled models' names, or .onnx files.")
    ] = None,
    run: Annotated[
        Path | None, typer.Option(help="A training's run folder, to time its network in torch.")
    ] = None,
    geant4: Annotated[
        Path | None,
        typer.Option(help="Geant4 sample with its recorded time; the bundled one if it fits."),
    ] = None,
    live: Annotated[
        int, typer.Option(min=0, help="Simulate so many showers with Geant4 here and now instead.")
    ] = 0,
    threads: Threads = None,
    streams: Annotated[
        str | None, typer.Option(help="Numbers of streams, as 1,2,4; 1 and one a core by default.")
    ] = None,
    batch: Batch = None,
    showers: Annotated[int, typer.Option(min=1, help="Most showers in a measurement.")] = 10_000,
    seconds: Annotated[float, typer.Option(min=0.0, help="A measurement's length.")] = 1.0,
    repeats: Annotated[int, typer.Option(min=1, help="Rounds of measurements.")] = 5,
    disk: Annotated[bool, typer.Option(help="Time generation into files too.")] = True,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="JSON to write.")] = None,
    plot: Annotated[
        Path | None, typer.Option(help="Figure to write: ms a shower against fidelity.")
    ] = None,
    profile: Annotated[bool, typer.Option(help="Only show where the time goes.")] = False,
    formats: Annotated[
        bool,
        typer.Option(help="Only compare the number formats of the first model, with the others."),
    ] = False,
    tune: Annotated[
        bool, typer.Option(help="Only measure the best streams and batch, and keep them.")
    ] = False,
    time_to_train: Annotated[
        Path | None, typer.Option(help="Only train this recipe until it reaches the target.")
    ] = None,
    scaling: Annotated[
        Path | None, typer.Option(help="Only model how this recipe would train on many machines.")
    ] = None,
    data: Annotated[list[Path] | None, typer.Option(help="Training showers, one or more.")] = None,
    target: Annotated[float, typer.Option(help="Validation number to reach.")] = 0.1,
    seeds: Annotated[int, typer.Option(min=1, help="Trainings to time.")] = 3,
    network: Annotated[
        tuple[float, float], typer.Option(help="Latency (us) and bandwidth (Gbit/s) between ranks.")
    ] = (20.0, 100.0),
    detector: DetectorOption = None,
    layout: LayoutOption = None,
    where: MapOption = None,
) -> None:
    """Time models on every runtime and format of this machine, beside Geant4.

    All on the same cores in the same run; medians of repeats with the fastest and slowest.
    """
    from caloforge._extras import require
    from caloforge.atomic import check_writable, replacing
    from caloforge.bench.cases import model_cases, torch_case
    from caloforge.bench.run import bench as run_bench
    from caloforge.bench.table import report_tables
    from caloforge.engine import read_card
    from caloforge.provenance import available_cores
    from caloforge.zoo import model_path

    cores, reading = threads or available_cores(), Reading(detector, layout, where)
    if time_to_train or scaling:
        _training(time_to_train, scaling, data, target, seeds, network, cores, output, plot)
        return
    if not models:
        msg = "say what to time: models, or a recipe with --time-to-train or --scaling"
        raise InputError(msg)
    if profile:
        _profile(models, cores, batch)
    if tune:
        _tune(models, cores)
    card = read_card(model_path(models[0]))
    if formats:
        _formats(models, geant4 or _bundled_sample(card), cores, output, reading)
    if profile or tune or formats:
        return
    if live:
        require("geant4_pybind")
    if output is not None:
        check_writable(output)
    if plot is not None:
        check_figure_path(plot)
    with stderr.status("loading") as status:
        cases = list(
            model_cases(models, cores=cores, streams=_streams(streams, cores), batch=batch)
        )
        if run is not None:
            cases.append(torch_case(run, cores=cores, batch=batch))
        report = run_bench(
            cases, geant4=geant4 or _bundled_sample(card), showers=showers, seconds=seconds,
            repeats=repeats, disk=(output or Path()).parent if disk else None, cores=cores,
            live=live, opens=reading.open, on_step=status.update,
        )  # fmt: skip
    for table in report_tables(report):
        Console().print(table)
    if output is not None:
        with replacing(output) as partial:
            partial.write_text(report.model_dump_json(indent=2) + "\n")
    if plot is not None:
        from caloforge.bench.plot import plot_report

        plot_report(report, plot)


def _training(
    time_to_train: Path | None,
    scaling: Path | None,
    data: list[Path] | None,
    target: float,
    seeds: int,
    network: tuple[float, float],
    cores: int,
    output: Path | None,
    plot: Path | None,
) -> None:
    from caloforge._extras import require
    from caloforge.atomic import check_writable, replacing

    for module in ("torch", "safetensors", "tensorboard"):
        require(module)
    from caloforge.bench import scaling as scale
    from caloforge.bench.training import time_to_train as run_to_target
    from caloforge.train.recipe import load_recipe

    if time_to_train and scaling:
        msg = "--time-to-train and --scaling: one at a time"
        raise InputError(msg)
    if not data:
        msg = "training is timed on showers: give them with --data"
        raise InputError(msg)
    if output is not None:
        check_writable(output)
    if plot is not None:
        if scaling is None:
            msg = "--plot draws what --scaling finds: give its recipe too"
            raise InputError(msg)
        check_figure_path(plot)
    require("torch").set_num_threads(cores)
    result: scale.Scaling | TimeToTrain
    with stderr.status("training") as status:
        if time_to_train:
            recipe = load_recipe(time_to_train)
            result = run_to_target(recipe, data, target, seeds, on_run=status.update)
        else:
            assert scaling is not None
            result = scale.measure_scaling(load_recipe(scaling), data, *network)
    Console().print(result.table())
    if output is not None:
        with replacing(output) as partial:
            partial.write_text(result.model_dump_json(indent=2) + "\n")
    if plot is not None and isinstance(result, scale.Scaling):
        scale.plot_scaling(result, plot)


def _profile(models: list[str], cores: int, batch: int | None) -> None:
    from caloforge.bench.profile import profile, profile_table
    from caloforge.engine import read_card
    from caloforge.engine.choose import choose_plan
    from caloforge.zoo import model_path

    for model in models:
        path = model_path(model)
        plan = choose_plan(path, read_card(path), threads=cores, streams=1, batch=batch)
        Console().print(profile_table(path, plan, profile(path, plan)))


def _tune(models: list[str], cores: int) -> None:
    from caloforge.bench.table import tuning_table
    from caloforge.engine import read_card
    from caloforge.engine.choose import choose_plan
    from caloforge.engine.memory import remember
    from caloforge.engine.parity import check_parity
    from caloforge.engine.tune import tune
    from caloforge.zoo import model_path

    for model in models:
        path = model_path(model)
        base = choose_plan(path, read_card(path), threads=cores, streams=cores)
        with stderr.status(f"measuring {path.name}"):
            found = check_parity(path, base)
            trials = tune(path, base)
        kept = remember(path, base, trials[0].plan, trials[0].ms)
        Console().print(tuning_table(path, trials))
        stderr.print(f"differs from ONNX Runtime by {found:.2g} of the energy")
        if not kept:
            stderr.print("the cache folder cannot be written: the best plan is not kept")


def _formats(
    models: list[str], data: Path | None, cores: int, output: Path | None, reading: Reading
) -> None:
    import json

    from caloforge._extras import require
    from caloforge.atomic import check_writable, replacing
    from caloforge.zoo import model_path

    for module in ("onnx", "openvino", "nncf"):
        require(module)
    from caloforge.bench.formats import compare_formats
    from caloforge.bench.formats_table import formats_table

    if data is None:
        msg = "comparing formats needs Geant4 showers: give a sample with --geant4"
        raise InputError(msg)
    if output is not None:
        check_writable(output)
    with stderr.status("comparing formats"):
        paths = [model_path(model) for model in models]
        rows = compare_formats(paths, data, cores=cores, opens=reading.open)
    Console().print(formats_table(rows))
    if output is not None:
        with replacing(output) as partial:
            partial.write_text(json.dumps([row.model_dump() for row in rows], indent=2) + "\n")


def _streams(text: str | None, cores: int) -> list[int]:
    if text is None:
        return sorted({1, cores})
    try:
        numbers = [int(part) for part in text.split(",")]
    except ValueError:
        numbers = [0]
    if min(numbers) < 1 or max(numbers) > cores:
        msg = f"streams '{text}' is not understood: numbers between 1 and {cores} cores, as 1,2"
        raise InputError(msg)
    return numbers


def _bundled_sample(card: "ModelCard") -> Path | None:
    """The bundled Geant4 sample of such showers as the model makes, None if there is none."""
    from caloforge.io import open_showers
    from caloforge.particle import may_be_same
    from caloforge.zoo import FOLDER, SAMPLE_SUFFIX

    for path in sorted(FOLDER.glob(f"*{SAMPLE_SUFFIX}")):
        with open_showers(path) as sample:
            of_model = may_be_same(sample.particle, card.particle)
            if of_model and card.fits(sample.detector, sample.window):
                return path
    return None
