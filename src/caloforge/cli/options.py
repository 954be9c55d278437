"""Options that several verbs share."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from caloforge.cli.progress import ShowerCount as ShowerCount
from caloforge.cli.progress import shower_progress as shower_progress
from caloforge.cli.progress import stderr as stderr
from caloforge.errors import OutputError
from caloforge.typing import AskedDevice
from caloforge.zoo import model_path


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
Energy = Annotated[
    str | None, typer.Option(help="Primary energy in GeV: 100, 10:500 (uniform) or log:10:500.")
]
Theta = Annotated[
    str | None, typer.Option(help="Polar angle in degrees: 90 (perpendicular) or 60:120.")
]
Phi = Annotated[
    str | None,
    typer.Option(help="Which way inclined showers lean, degrees: 90 (along y) or 0:360."),
]
Impact = Annotated[
    str | None,
    typer.Option(
        metavar="X,Y",
        help="Impact in its pad, mm from the middle: 0,1.5 or -2:2,0; uniform: all of the pad; "
        "like: those of the sample --like.",
    ),
]
OutputFile = Annotated[Path, typer.Option("--output", "-o", help="File to write.")]
MOST_CORES = 4096
MOST_SHOWERS = 10**9
MOST_AT_A_TIME = 4096
LARGEST_SEED = 2**63 - 1
"""What an HDF5 attribute holds."""


def showers_number(text: str) -> int:
    """A number of showers, also as ``1e9``; BadParameter if it is none from 1 to
    MOST_SHOWERS.

    >>> showers_number("1e9"), showers_number("20")
    (1000000000, 20)
    """
    try:
        number = int(text) if text.isdigit() else float(text)
    except ValueError:
        number = 0.5
    if number != number // 1:
        msg = f"a whole number is needed, got '{text}'"
        raise typer.BadParameter(msg)
    if not 1 <= number <= MOST_SHOWERS:
        bound = (
            "greater than or equal to 1" if number < 1 else f"less than or equal to {MOST_SHOWERS}"
        )
        msg = f"the number should be {bound}"
        raise typer.BadParameter(msg)
    return int(number)


Seed = Annotated[
    int, typer.Option(help="The same seed gives the same showers.", min=0, max=LARGEST_SEED)
]
Threads = Annotated[
    int | None, typer.Option(min=1, max=MOST_CORES, help="Cores to use; all by default.")
]
Batch = Annotated[
    int | None, typer.Option(min=1, max=MOST_AT_A_TIME, help="Showers computed at a time.")
]
Device = Annotated[
    AskedDevice,
    typer.Option(help="Processor or GPU to train on; auto takes a GPU where there is one."),
]
Ranks = Annotated[
    int, typer.Option(min=1, help="Processes on this machine that share every batch.")
]
Number = Annotated[
    int | None,
    typer.Option(
        "-n", parser=showers_number, metavar="<int>", help="Number of showers: 1000 or 1e9."
    ),
]

Compression = Annotated[
    Literal["none", "lzf", "gzip"],
    typer.Option(help="HDF5: none (fastest), lzf, or gzip (about 20 times smaller, slow)."),
]

SAMPLE_ENDING, MODEL_ENDING = ".h5", ".onnx"


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
