"""``caloforge bench``: how fast, and how true, each way to make showers is on this machine."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from typer.core import TyperGroup

from caloforge.cli import bench_in_situ, bench_training
from caloforge.cli.options import Batch, Threads, known_model, stderr
from caloforge.cli.reading import DetectorOption, LayoutOption, MapOption, Reading
from caloforge.errors import InputError
from caloforge.figures import check_figure_path


class Benchmarks(TyperGroup):
    """The subcommands; a model in their place is told where it belongs."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """As of typer, with a line that names the subcommands."""
        if args[0] not in self.commands:
            msg = (
                f"'{args[0]}' is no subcommand of bench: 'caloforge bench run {args[0]}' times a "
                f"model; there are {', '.join(self.commands)}"
            )
            raise InputError(msg)
        return super().resolve_command(ctx, args)


bench = typer.Typer(
    cls=Benchmarks,
    add_completion=False,
    rich_markup_mode=None,
    help="Time models beside Geant4, and what makes them fast.",
)


def known_models(names: list[str]) -> list[str]:
    """Names or files of models, refused at once if one is neither."""
    return [known_model(name) for name in names]


Models = Annotated[
    list[str],
    typer.Argument(help="Bundled models' names, or .onnx files.", callback=known_models),
]
Sample = Annotated[
    Path | None,
    typer.Option("--geant4", exists=True, help="Geant4 sample; the bundled one if it fits."),
]
Json = Annotated[Path | None, typer.Option("--output", "-o", help="JSON to write.")]


@bench.command()
def run(
    models: Models,
    geant4: Sample = None,
    live: Annotated[
        int,
        typer.Option(min=0, help="Simulate so many Geant4 showers in the same rounds instead."),
    ] = 0,
    torch: Annotated[
        Path | None,
        typer.Option(exists=True, help="A training's run folder, to time its network in torch."),
    ] = None,
    threads: Threads = None,
    streams: Annotated[
        str | None, typer.Option(help="Numbers of streams, as 1,2,4; 1 and one a core by default.")
    ] = None,
    showers: Annotated[int, typer.Option(min=1, help="Most showers in a measurement.")] = 10_000,
    seconds: Annotated[float, typer.Option(min=0.0, help="A measurement's length.")] = 1.0,
    repeats: Annotated[int, typer.Option(min=1, help="Rounds of measurements.")] = 5,
    disk: Annotated[bool, typer.Option(help="Time generation into files too.")] = True,
    output: Json = None,
    plot: Annotated[
        Path | None, typer.Option(help="Figure to write: ms a shower against fidelity.")
    ] = None,
    detector: DetectorOption = None,
    layout: LayoutOption = None,
    where: MapOption = None,
) -> None:
    """Time models on every runtime and format of this machine, beside Geant4.

    All on the same cores in the same run; medians of repeats with the fastest and slowest.
    """
    from caloforge._extras import check_installed
    from caloforge.atomic import replacing
    from caloforge.bench.baseline import bundled_sample
    from caloforge.bench.cases import model_cases, torch_case
    from caloforge.bench.run import bench as run_bench
    from caloforge.bench.table import report_tables
    from caloforge.provenance import available_cores

    cores, reading = threads or available_cores(), Reading(detector, layout, where)
    numbers = _streams(streams, cores)
    if live:
        check_installed("geant4_pybind")
    _check_outputs(output, plot)
    with stderr.status("loading") as status:
        cases = list(model_cases(models, cores=cores, streams=numbers, on_note=_note))
        if torch is not None:
            cases.append(torch_case(torch, cores=cores))
        report = run_bench(
            cases, geant4=geant4 or bundled_sample(cases[0].source.card), showers=showers,
            seconds=seconds, repeats=repeats, disk=(output or Path()).parent if disk else None,
            cores=cores, live=live, opens=reading.open, on_step=status.update,
        )  # fmt: skip
    for table in report_tables(report):
        Console().print(table)
    if output is not None:
        with replacing(output) as partial:
            partial.write_text(report.model_dump_json(indent=2) + "\n")
    if plot is not None:
        from caloforge.bench.plot import plot_report

        plot_report(report, plot)


@bench.command()
def tune(models: Models, threads: Threads = None) -> None:
    """Measure the best streams, threads and batch of models, and keep them."""
    from caloforge.bench.table import tuning_table
    from caloforge.engine import read_card
    from caloforge.engine.checked import load_checked
    from caloforge.engine.choose import choose_plan
    from caloforge.engine.memory import remember
    from caloforge.engine.parity import check_parity
    from caloforge.engine.runtimes import runtime_named
    from caloforge.engine.tune import tune as tuned
    from caloforge.provenance import available_cores
    from caloforge.zoo import model_path

    cores = threads or available_cores()
    for model in models:
        path = model_path(model)
        card = read_card(path)
        asked = choose_plan(path, card, threads=cores, streams=cores)
        with stderr.status(f"measuring {path.name}"):
            engine, note = load_checked(path, asked, card)
            if note is not None:
                _note(note)
            if runtime_named(engine.plan.runtime).sampler is not None:
                _note(f"{path.name} runs in native, a worker a core: there is nothing to tune")
                continue
            found = check_parity(path, engine.plan, card)
            trials = tuned(path, card, engine.plan)
        kept = remember(path, engine.plan, trials[0].plan, trials[0].ms)
        Console().print(tuning_table(path, trials))
        stderr.print(f"differs from ONNX Runtime by {found:.2g} of the energy")
        if not kept:
            stderr.print("the cache folder cannot be written: the best plan is not kept")


@bench.command()
def profile(models: Models, threads: Threads = None, batch: Batch = None) -> None:
    """Show where the time goes, node by node, and in which precision each runs."""
    from caloforge.bench.profile import profile as profiled
    from caloforge.bench.profile import profile_table
    from caloforge.generate import load

    for model in models:
        generator = load(model, threads=threads, streams=1, batch=batch)
        for note in generator.notes:
            _note(note)
        path, plan = generator.path, generator.engine.plan
        Console().print(profile_table(path, plan, profiled(path, plan, generator.card)))


@bench.command()
def formats(
    models: Models,
    geant4: Sample = None,
    threads: Threads = None,
    output: Json = None,
    detector: DetectorOption = None,
    layout: LayoutOption = None,
    where: MapOption = None,
) -> None:
    """Compare the number formats of the first model with each other, and with further models."""
    import json

    from caloforge._extras import QUANTIZING, check_installed
    from caloforge.atomic import replacing

    check_installed(*QUANTIZING)
    from caloforge.bench.baseline import bundled_sample
    from caloforge.bench.formats import compare_formats
    from caloforge.bench.formats_table import formats_table
    from caloforge.engine import read_card
    from caloforge.engine.capability import Capabilities
    from caloforge.provenance import available_cores
    from caloforge.zoo import model_path

    _check_outputs(output)
    paths = [model_path(model) for model in models]
    data = geant4 or bundled_sample(read_card(paths[0]))
    if data is None:
        msg = "comparing formats needs Geant4 showers: give a sample with --geant4"
        raise InputError(msg)
    stderr.print(f"this CPU: {Capabilities.of_this_cpu()}")
    with stderr.status("comparing formats"):
        cores, reading = threads or available_cores(), Reading(detector, layout, where)
        rows = compare_formats(paths, data, cores=cores, opens=reading.open, on_note=_note)
    Console().print(formats_table(rows))
    if output is not None:
        with replacing(output) as partial:
            partial.write_text(json.dumps([row.model_dump() for row in rows], indent=2) + "\n")


bench.command()(bench_training.train)
bench.command()(bench_training.scaling)
bench.command("in-situ")(bench_in_situ.in_situ)


def _note(note: str) -> None:
    stderr.print(f"note: {note}", soft_wrap=True, highlight=False)


def _check_outputs(output: Path | None, plot: Path | None = None) -> None:
    from caloforge.atomic import check_writable

    if output is not None:
        check_writable(output)
    if plot is not None:
        check_figure_path(plot)


def _streams(text: str | None, cores: int) -> Sequence[int]:
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
