"""``caloforge validate``: generated showers against a reference, into a report."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from caloforge.cli.options import one_of
from caloforge.cli.progress import LOG_NAME, step_progress
from caloforge.cli.reading import DetectorOption, LayoutOption, MapOption, Reading
from caloforge.figures import FORMATS

if TYPE_CHECKING:
    from caloforge.validate.result import ValidationResult

COLOURS = {
    "pass": "green",
    "floor": "cyan",
    "near": "yellow",
    "fail": "bold red",
    "undecided": "magenta",
}


def validate(
    reference: Annotated[
        Path, typer.Argument(exists=True, help="The reference sample, usually Geant4 (.h5).")
    ],
    generated: Annotated[Path, typer.Argument(exists=True, help="The sample to be judged (.h5).")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder for report.html and metrics.json.")
    ],
    full: Annotated[
        bool, typer.Option("--full", help="All the figures (over 300), and finer errors.")
    ] = False,
    training: Annotated[
        Path | None,
        typer.Option(exists=True, help="The model's training sample: is any of it repeated?"),
    ] = None,
    figures: Annotated[
        str | None, typer.Option(help="Each figure as a file, too: png, pdf or svg.")
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, max=2**31, help="Seed of splits, bootstrap, classifiers.")
    ] = 0,
    detector: DetectorOption = None,
    layout: LayoutOption = None,
    where: MapOption = None,
) -> None:
    """Compare generated showers with Geant4: a table, metrics.json and an HTML report."""
    from caloforge.validate.files import REPORT, validate_files

    ending = None if figures is None else one_of(figures, FORMATS, "figure format")
    with step_progress("figures", output / LOG_NAME) as progress:
        task = progress.add_task("reading", total=None)

        def show(step: str, done: int = 0, total: int | None = None) -> None:
            progress.update(task, description=step, completed=done, total=total)

        result = validate_files(
            reference, generated, output, level="full" if full else "quick", seed=seed,
            training=training, figures=ending, opens=Reading(detector, layout, where).open,
            on_progress=show,
        )  # fmt: skip
    console = Console()
    console.print(_table(result))
    console.print(f"floor: the score of {result.samples['reference']['label']} against itself")
    for note in result.notes:
        console.print(f"[yellow]note:[/] {note}", highlight=False)
    console.print(f"report: {output / REPORT}", highlight=False, soft_wrap=True)


def _table(result: "ValidationResult") -> Table:
    from caloforge.card import with_error
    from caloforge.validate.report import VERDICT_TEXT

    generated, reference = (result.samples[side] for side in ("generated", "reference"))
    title = (
        f"{generated['label']} ({generated['showers']} showers) against "
        f"{reference['label']} ({reference['showers']})"
    )
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("measure")
    for name in ("score", "floor", "limit"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True, min_width=len("undecided"))
    for score in result.scores:
        colour = COLOURS[score.verdict]
        table.add_row(
            score.title,
            with_error(score.value, score.error),
            with_error(score.floor, score.floor_error),
            score.limit_text,
            f"[{colour}]{VERDICT_TEXT[score.verdict]}[/]",
        )
    return table
