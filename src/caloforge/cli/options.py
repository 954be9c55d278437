"""Options that several verbs share, and the progress bar of long work."""

from pathlib import Path
from types import TracebackType
from typing import Annotated, Literal

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

from caloforge.errors import CaloforgeError, InputError, OutputError
from caloforge.zoo import model_path


def known_detector(name: str | None) -> str | None:
    """A detector's name or file, refused at once if it cannot be read."""
    from caloforge.detector import load_detector

    if name is not None:
        load_detector(name)
    return name


def known_model(name: str) -> str:
    """A bundled model's name or a model file, refused at once (ModelError) if it is neither."""
    model_path(name)
    return name


Model = Annotated[
    str,
    typer.Argument(help="A bundled model's name, or a .onnx file.", callback=known_model),
]
SampleLike = Annotated[
    Path | None, typer.Option(exists=True, help="Take the energies and angles of this sample.")
]
DescribedDetector = Annotated[
    str | None,
    typer.Option(
        help="Detector (.toml), where the files do not name it.",
        callback=known_detector,
    ),
]
OutputFile = Annotated[Path, typer.Option("--output", "-o", help="File to write.")]
MOST_CORES = 4096
MOST_SHOWERS = 10**9
MOST_AT_A_TIME = 4096
LARGEST_SEED = 2**63 - 1
"""What an HDF5 attribute holds."""
Seed = Annotated[
    int, typer.Option(help="The same seed gives the same showers.", min=0, max=LARGEST_SEED)
]
Threads = Annotated[
    int | None, typer.Option(min=1, max=MOST_CORES, help="Cores to use; all by default.")
]
Batch = Annotated[
    int | None, typer.Option(min=1, max=MOST_AT_A_TIME, help="Showers computed at a time.")
]
Number = Annotated[
    int | None, typer.Option("-n", min=1, max=MOST_SHOWERS, help="Number of showers.")
]

Compression = Annotated[
    Literal["none", "lzf", "gzip"],
    typer.Option(help="HDF5: none (fastest), lzf, or gzip (about 20 times smaller, slow)."),
]

SAMPLE_ENDING, MODEL_ENDING = ".h5", ".onnx"

stderr = Console(stderr=True)


def parse_compression(text: str) -> str | None:
    """The compression that an option names, None for none."""
    return None if text == "none" else text


def check_output(path: Path, ending: str) -> None:
    """Refuse an output that cannot be written, or whose name says that it is something else.

    Raises
    ------
    OutputError
        naming the ending that is allowed.
    """
    from caloforge.atomic import check_writable

    check_writable(path)
    if path.suffix != ending:
        msg = f"cannot write {path}: its name must end in {ending}"
        raise OutputError(msg)


def one_of(text: str, allowed: tuple[str, ...], what: str) -> str:
    """The text, if it is one of those allowed; else an InputError that lists them."""
    if text not in allowed:
        msg = f"{what} '{text}' is unknown: allowed are {', '.join(allowed)}"
        raise InputError(msg)
    return text


class RateColumn(ProgressColumn):
    """Showers a second since the start, without those that an earlier run left."""

    def render(self, task: Task) -> Text:
        elapsed = task.finished_time if task.finished else task.elapsed
        made = task.completed - task.fields.get("before", 0)
        if not elapsed or not made:
            return Text("-- showers/s")
        return Text(f"{made / elapsed:,.1f} showers/s")


class ShowerProgress(Progress):
    """A progress bar that leaves the last line to an error's message."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if isinstance(error, CaloforgeError):
            self.live.transient = True
            for task in self.task_ids:
                self.update(task, visible=False)
        super().__exit__(kind, error, trace)


class ShowerCount:
    """Tells a bar how many showers there are; ``before``: those that an earlier run left.

    To be called with the number of showers so far, first of all before any is made.
    """

    def __init__(self, progress: Progress, description: str, total: int) -> None:
        self.progress, self.before = progress, 0
        self.task = progress.add_task(description, total=total)
        self.started = False

    def __call__(self, done: int) -> None:
        if not self.started:
            self.before, self.started = done, True
        self.progress.update(self.task, completed=done, before=self.before)


def shower_progress() -> Progress:
    """A progress bar with count, rate and time left, on stderr."""
    return ShowerProgress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        RateColumn(),
        TimeRemainingColumn(),
        console=stderr,
        transient=False,
    )
