"""What all figures share: colours, sizes, scales, and how they become images.

Nothing goes through pyplot, so that a hundred figures leave nothing behind.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any

import matplotlib
import mplhep
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter
from PIL import Image

from caloforge.typing import AnyArray

REFERENCE, FILL, GENERATED, BAND = "#3d4451", "#d5dae1", "#d1342f", "#c3c9d2"
SIZE, DPI = (5.6, 4.9), 100
RATIO_TICKS = {0.06: 0.05, 0.12: 0.1, 0.25: 0.2, 0.6: 0.5}
RATIO_REACH = 0.25
ENERGY_TICKS_GEV = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
STYLE = {
    **mplhep.style.ROOT,
    "font.size": 12, "axes.labelsize": 13, "xtick.labelsize": 11, "ytick.labelsize": 11,
    "legend.fontsize": 11, "axes.titlesize": 12, "lines.linewidth": 1.4, "axes.linewidth": 1.0,
    "xtick.major.size": 6, "xtick.minor.size": 3, "ytick.major.size": 6, "ytick.minor.size": 3,
    "legend.frameon": False, "axes.unicode_minus": False, "axes.titlepad": 6, "axes.labelpad": 4,
    "xaxis.labellocation": "right", "yaxis.labellocation": "top", "legend.handlelength": 1.4,
    "axes.titley": 1.01, "xtick.minor.ndivs": 2, "ytick.minor.ndivs": 2,
    "savefig.transparent": False, "figure.facecolor": "white",
}  # fmt: skip


@contextmanager
def style() -> Iterator[None]:
    """The HEP style, for the figures made inside."""
    with matplotlib.rc_context(STYLE):
        yield


def to_webp(figure: Figure) -> bytes:
    """A figure as a compressed image."""
    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    stream = BytesIO()
    image = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    image.save(stream, "WEBP", quality=82, method=2)
    return stream.getvalue()


def to_file(figure: Figure, ending: str) -> bytes:
    """A figure as the content of a file with one of the endings png, pdf and svg."""
    stream = BytesIO()
    figure.savefig(stream, format=ending, dpi=2 * DPI)
    return stream.getvalue()


def with_ratio(title: str) -> tuple[Figure, Axes, Axes]:
    """A figure with a plot and, below it, the ratio of the two samples."""
    figure = Figure(figsize=SIZE, dpi=DPI)
    grid = {"left": 0.145, "right": 0.97, "top": 0.93, "bottom": 0.125, "hspace": 0.06}
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1), gridspec_kw=grid)
    upper.set_title(title, loc="left")
    lower.axhline(1, color=REFERENCE, lw=0.8)
    scale_ratio(lower, RATIO_REACH)
    lower.set_ylabel("ratio", loc="center")
    return figure, upper, lower


def plain(title: str) -> tuple[Figure, Axes]:
    """A figure with one plot."""
    figure = Figure(figsize=SIZE, dpi=DPI)
    axes = figure.subplots(gridspec_kw={"left": 0.145, "right": 0.97, "top": 0.93, "bottom": 0.125})
    axes.set_title(title, loc="left")
    return figure, axes


def scale_ratio(axes: Axes, reach: float) -> None:
    """A ratio's axis, 1 - reach to 1 + reach; ``reach`` is one of RATIO_TICKS."""
    step = RATIO_TICKS[reach]
    axes.set_ylim(1 - reach, 1 + reach)
    axes.set_yticks([1 - step, 1, 1 + step])


def scale_energy(axes: Axes) -> None:
    """A logarithmic energy axis with round numbers."""
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    ticks = [tick for tick in ENERGY_TICKS_GEV if low <= tick <= high]
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.xaxis.set_minor_formatter(NullFormatter())


def scale_y(axes: Axes, log: bool, values: AnyArray) -> None:
    """An axis for values; logarithmic if asked for and some are positive."""
    positive = values[values > 0]
    if log and len(positive):
        axes.set_yscale("log")
        axes.set_ylim(positive.min() * 0.5, positive.max() * 8)
    else:
        axes.set_ylim(0, max(float(values.max(initial=0.0)), 1e-12) * 1.3)
