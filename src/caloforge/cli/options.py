"""Options that several verbs share, and the progress bar of long work."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from caloforge.errors import InputError

OutputFile = Annotated[Path, typer.Option("--output", "-o", help="File to write.")]
Seed = Annotated[int, typer.Option(help="The same seed gives the same showers.", min=0)]

Compression = Annotated[
    str,
    typer.Option(help="HDF5: none (fastest), lzf, or gzip (about 20 times smaller, slow)."),
]

COMPRESSIONS = ("none", "lzf", "gzip")

stderr = Console(stderr=True)


def parse_compression(text: str) -> str | None:
    """The compression that an option names, None for none.

    Raises
    ------
    InputError
        if it is unknown.
    """
    if text not in COMPRESSIONS:
        msg = f"compression '{text}' is unknown: allowed are {', '.join(COMPRESSIONS)}"
        raise InputError(msg)
    return None if text == "none" else text


class RateColumn(ProgressColumn):
    """Showers a second since the start."""

    def render(self, task: Task) -> Text:
        elapsed = task.finished_time if task.finished else task.elapsed
        if not elapsed or not task.completed:
            return Text("-- showers/s")
        return Text(f"{task.completed / elapsed:,.1f} showers/s")


def shower_progress() -> Progress:
    """A progress bar with count, rate and time left, on stderr."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        RateColumn(),
        TimeRemainingColumn(),
        console=stderr,
        transient=False,
    )
