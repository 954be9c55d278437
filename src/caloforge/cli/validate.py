"""``caloforge validate``: generated showers against a reference, into a report."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from caloforge.cli.progress import LOG_NAME, step_progress
from caloforge.cli.reading import DetectorOption, LayoutOption, MapOption, Reading
from caloforge.errors import InputError
from caloforge.figures import FigureFormat

if TYPE_CHECKING:
    from caloforge.io import Opens
    from caloforge.validate.files import OnStep
    from caloforge.validate.result import ValidationResult

Classifiers = Literal["none", "dense", "resnet"]

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
        FigureFormat | None, typer.Option(help="Each figure as a file, too.")
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, max=2**31, help="Seed of splits, bootstrap, classifiers.")
    ] = 0,
    protocol: Annotated[
        Literal["calochallenge"] | None,
        typer.Option(help="calochallenge: judge a cylinder as the CaloChallenge does."),
    ] = None,
    classifiers: Annotated[
        Classifiers,
        typer.Option(help="Of the protocol: none, dense, or resnet (both; slow). They need torch."),
    ] = "dense",
    n: Annotated[
        int | None,
        typer.Option("-n", min=50, help="Showers a side that the protocol reads, at most."),
    ] = None,
    detector: DetectorOption = None,
    layout: LayoutOption = None,
    where: MapOption = None,
) -> None:
    """Compare generated showers with Geant4: a table, metrics.json and an HTML report."""
    opens = Reading(detector, layout, where).open
    if protocol is not None:
        if full or training is not None or figures is not None:
            msg = "--full, --training and --figures are not part of the CaloChallenge's protocol"
            raise InputError(msg)
        _by_protocol(reference, generated, output, classifiers, n, seed, opens)
        return
    if n is not None:
        msg = "-n is for --protocol calochallenge"
        raise InputError(msg)
    from caloforge.validate.files import validate_files

    with _steps(output) as show:
        result = validate_files(
            reference, generated, output, level="full" if full else "quick", seed=seed,
            training=training, figures=figures, opens=Reading(detector, layout, where).open,
            on_progress=show,
        )  # fmt: skip
    console = Console()
    console.print(_table(result))
    console.print(f"floor: the score of {result.samples['reference']['label']} against itself")
    _end(console, result.notes, output)


@contextmanager
def _steps(output: Path) -> Iterator["OnStep"]:
    """Shows the step, and how much of it is done."""
    with step_progress("figures", output / LOG_NAME) as progress:
        task = progress.add_task("reading", total=None)

        def show(step: str, done: int = 0, total: int | None = None) -> None:
            progress.update(task, description=step, completed=done, total=total)

        yield show


def _by_protocol(
    reference: Path,
    generated: Path,
    output: Path,
    classifiers: Classifiers,
    n: int | None,
    seed: int,
    opens: "Opens",
) -> None:
    """Judge by the CaloChallenge's protocol, and print its tables."""
    from caloforge.scaling import VALIDATION_MAX_SHOWERS
    from caloforge.validate.calochallenge import report
    from caloforge.validate.calochallenge.files import validate_files_by_protocol

    with _steps(output) as show:
        result = validate_files_by_protocol(
            reference, generated, output, classifiers=classifiers,
            showers=n or VALIDATION_MAX_SHOWERS, seed=seed, opens=opens, on_progress=show,
        )  # fmt: skip
    console = Console()
    title = f"{result.labels[1]} against {result.labels[0]}, dataset {result.dataset.name}"
    headings = ("score", "value", "floor", "showers")
    console.print(_plain_table(title, headings, report.score_rows(result)))
    console.print(f"floor: the score between two halves of {result.labels[0]}")
    if rows := report.published_rows(result):
        console.print(_plain_table("the Challenge's entries", report.PUBLISHED_HEADINGS, rows))
    console.print(report.published_remark(result), highlight=False)
    _end(console, result.notes, output)


def _end(console: Console, notes: Iterable[str], output: Path) -> None:
    """Print what a reader must know, and where the report is."""
    from caloforge.validate.folder import REPORT

    for note in notes:
        console.print(f"[yellow]note:[/] {note}", highlight=False)
    console.print(f"report: {output / REPORT}", highlight=False, soft_wrap=True)


def _plain_table(title: str, headings: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column(headings[0])
    for heading in headings[1:]:
        table.add_column(heading, justify="right", overflow="fold")
    for row in rows:
        table.add_row(*row)
    return table


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
