"""Figures into files: the formats that there are, and files that are whole or not there."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from caloforge.atomic import check_writable, replacing
from caloforge.errors import OutputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FigureFormat = Literal["png", "pdf", "svg"]
FORMATS: tuple[str, ...] = get_args(FigureFormat)


def check_figure_path(path: Path) -> None:
    """Refuse a figure's file before any work is spent on it.

    Raises
    ------
    OutputError
        if its ending names no figure format, or it cannot be written.
    """
    if path.suffix[1:] not in FORMATS:
        msg = f"cannot draw into {path}: allowed endings are .{', .'.join(FORMATS)}"
        raise OutputError(msg)
    check_writable(path)


def save_figure(figure: "Figure", path: Path, *, dpi: int = 150) -> None:
    """Write a figure in the format that the ending names; errors as of check_figure_path."""
    check_figure_path(path)
    with replacing(path) as partial:
        figure.savefig(partial, format=path.suffix[1:], dpi=dpi)
