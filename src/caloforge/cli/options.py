"""Options that several verbs share."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from caloforge.cli.progress import ShowerCount as ShowerCount
from caloforge.cli.progress import shower_progress as shower_progress
from caloforge.cli.progress import stderr as stderr
from caloforge.errors import InputError, OutputError

if TYPE_CHECKING:
    from caloforge.engine import Runtime
    from caloforge.engine.choose import AskedPrecision

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
    str,
    typer.Option(help="HDF5: none (fastest), lzf, or gzip (about 20 times smaller, slow)."),
]

RuntimeOption = Annotated[str, typer.Option(help="auto, onnx or openvino.")]
PrecisionOption = Annotated[
    str, typer.Option(help="auto (as the model is meant), float32 or bfloat16.")
]

SAMPLE_ENDING, MODEL_ENDING = ".h5", ".onnx"
COMPRESSIONS = ("none", "lzf", "gzip")
RUNTIMES = ("auto", "onnx", "openvino")
PRECISIONS = ("auto", "float32", "bfloat16")


def parse_compression(text: str) -> str | None:
    """The compression that an option names, None for none.

    Raises
    ------
    InputError
        if it is unknown.
    """
    return None if one_of(text, COMPRESSIONS, "compression") == "none" else text


def parse_runtime(text: str) -> "Runtime":
    """The runtime that an option names.

    Raises
    ------
    InputError
        if it is unknown.
    """
    return cast("Runtime", one_of(text, RUNTIMES, "runtime"))


def parse_precision(text: str) -> "AskedPrecision":
    """The precision that an option names; errors as in :func:`parse_runtime`."""
    return cast("AskedPrecision", one_of(text, PRECISIONS, "precision"))


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
