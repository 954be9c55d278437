"""Figures: arrays in, a matplotlib Figure out. The reference is grey, the generated sample red.

Nothing here computes a score, and nothing goes through pyplot, so that a hundred figures leave
nothing behind.
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

from caloforge.typing import AnyArray, Float64Array

REFERENCE, FILL, GENERATED, BAND = "#3d4451", "#d5dae1", "#d1342f", "#c3c9d2"
SIZE, DPI = (5.6, 4.9), 100
RATIO_TICKS = {0.06: 0.05, 0.12: 0.1, 0.25: 0.2, 0.6: 0.5}
RATIO_REACH = 0.25
MAX_RATIO_ERROR = 0.5
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


def _with_ratio(title: str) -> tuple[Figure, Axes, Axes]:
    figure = Figure(figsize=SIZE, dpi=DPI)
    grid = {"left": 0.145, "right": 0.97, "top": 0.93, "bottom": 0.125, "hspace": 0.06}
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1), gridspec_kw=grid)
    upper.set_title(title, loc="left")
    lower.axhline(1, color=REFERENCE, lw=0.8)
    _scale_ratio(lower, RATIO_REACH)
    lower.set_ylabel("ratio", loc="center")
    return figure, upper, lower


def plain(title: str) -> tuple[Figure, Axes]:
    """A figure with one plot."""
    figure = Figure(figsize=SIZE, dpi=DPI)
    axes = figure.subplots(gridspec_kw={"left": 0.145, "right": 0.97, "top": 0.93, "bottom": 0.125})
    axes.set_title(title, loc="left")
    return figure, axes


def _draw_pair(
    upper: Axes,
    lower: Axes,
    edges: AnyArray,
    reference: tuple[Float64Array, Float64Array],
    generated: tuple[Float64Array, Float64Array],
    labels: tuple[str, str],
) -> None:
    """Values with errors per bin: filled and banded reference, points for the generated sample."""
    (value, error), (got, got_error) = reference, generated
    middles, half = (edges[:-1] + edges[1:]) / 2, np.diff(edges) / 2
    mplhep.histplot(value, edges, ax=upper, histtype="fill", color=FILL, label=labels[0])
    mplhep.histplot(value, edges, ax=upper, color=REFERENCE, yerr=False, flow="none", lw=1.1)
    points: dict[str, Any] = {"fmt": "o", "ms": 3.2, "lw": 1.1, "color": GENERATED}
    upper.errorbar(middles, got, got_error, half, label=labels[1], **points)
    used = value > 0
    safe = np.where(used, value, 1.0)
    band = np.where(used, error / safe, 0.0)
    lower.fill_between(
        np.repeat(edges, 2)[1:-1], np.repeat(1 - band, 2), np.repeat(1 + band, 2), color=BAND, lw=0
    )
    used &= band < MAX_RATIO_ERROR
    low, high = 1 - RATIO_REACH, 1 + RATIO_REACH
    ratio, ratio_error = got[used] / safe[used], got_error[used] / safe[used]
    lower.errorbar(middles[used], ratio, ratio_error, half[used], **points)
    for outside, marker, y in ((ratio > high, "^", high), (ratio < low, "v", low)):
        shown = np.full(int(outside.sum()), y)
        lower.plot(middles[used][outside], shown, marker, color=GENERATED, ms=5, clip_on=False)
    upper.set_xlim(edges[0], edges[-1])
    upper.legend(loc="best")


def profile_plot(
    reference: AnyArray,
    generated: AnyArray,
    *,
    labels: tuple[str, str],
    title: str,
    xlabel: str,
    ylabel: str,
    log: bool,
) -> Figure:
    """Mean of per-shower profiles (N, n) with the error of the mean, and their ratio."""
    figure, upper, lower = _with_ratio(title)
    means = [_mean_and_error(values) for values in (reference, generated)]
    edges = np.arange(reference.shape[1] + 1) - 0.5
    _draw_pair(upper, lower, edges, means[0], means[1], labels)
    _scale_y(upper, log, np.concatenate([mean for mean, _ in means]))
    upper.set_ylabel(ylabel)
    lower.set_xlabel(xlabel)
    return figure


def histogram_plot(
    reference: AnyArray,
    generated: AnyArray,
    *,
    labels: tuple[str, str],
    title: str,
    xlabel: str,
    log: bool,
    bins: int = 30,
) -> Figure:
    """Distributions of a quantity (N,) with Poisson errors, each of unit sum, and their ratio.

    The range covers the reference, a little more, and what lies outside falls into the end bins.
    """
    figure, upper, lower = _with_ratio(title)
    low, high = np.quantile(reference, [0.002, 0.998])
    margin = 0.12 * (high - low) or max(abs(high), 1.0) * 0.05
    count = int(np.clip(np.sqrt(len(reference)) * 1.2, 8, bins))
    edges = np.linspace(low - margin, high + margin, count + 1)
    densities = []
    for values in (reference, generated):
        counts = np.histogram(np.clip(values, edges[0], edges[-1]), edges)[0]
        densities.append((counts / len(values), np.sqrt(counts) / len(values)))
    _draw_pair(upper, lower, edges, densities[0], densities[1], labels)
    _scale_y(upper, log, np.concatenate([density for density, _ in densities]))
    upper.set_ylabel("share of the showers")
    lower.set_xlabel(xlabel)
    return figure


def counts_plot(
    reference: AnyArray,
    generated: AnyArray,
    edges: AnyArray,
    *,
    labels: tuple[str, str],
    title: str,
    xlabel: str,
    log_x: bool,
) -> Figure:
    """Two histograms (B,) of counts with Poisson errors, each of unit sum, and their ratio."""
    figure, upper, lower = _with_ratio(title)
    totals = [max(float(counts.sum()), 1.0) for counts in (reference, generated)]
    shares = [
        (counts / total, np.sqrt(counts) / total)
        for counts, total in zip((reference, generated), totals, strict=True)
    ]
    _draw_pair(upper, lower, edges, shares[0], shares[1], labels)
    if log_x:
        upper.set_xscale("log")
    _scale_y(upper, True, np.concatenate([share for share, _ in shares]))
    upper.set_ylabel("share of the entries")
    lower.set_xlabel(xlabel)
    return figure


def spectrum_plot(
    reference: AnyArray,
    generated: AnyArray,
    edges: AnyArray,
    *,
    labels: tuple[str, str],
    title: str,
) -> Figure:
    """Mean number of cells per bin of cell energy, from per-shower counts (N, B)."""
    figure, upper, lower = _with_ratio(title)
    means = [_mean_and_error(values) for values in (reference, generated)]
    _draw_pair(upper, lower, edges, means[0], means[1], labels)
    upper.set_xscale("log")
    _scale_y(upper, True, np.concatenate([mean for mean, _ in means]))
    upper.set_ylabel("cells per shower")
    lower.set_xlabel("cell energy (GeV)")
    return figure


def trend_plot(
    reference: tuple[AnyArray, AnyArray],
    generated: tuple[AnyArray, AnyArray],
    *,
    labels: tuple[str, str],
    title: str,
    xlabel: str,
    ylabel: str,
    log_x: bool = True,
    bins: int = 10,
) -> Figure:
    """Mean of y in bins of x, the shaded band and the bars being the spread, and the ratio."""
    figure, upper, lower = _with_ratio(title)
    x = np.concatenate([reference[0], generated[0]])
    space = np.geomspace if log_x else np.linspace
    edges = space(x.min() * (1 - 1e-6), x.max() * (1 + 1e-6), bins + 1)
    middles = np.sqrt(edges[1:] * edges[:-1]) if log_x else (edges[1:] + edges[:-1]) / 2
    (mean, spread, error), (got, got_spread, got_error) = (
        _binned(values[0], values[1], edges) for values in (reference, generated)
    )
    upper.fill_between(middles, mean - spread, mean + spread, color=FILL, lw=0)
    upper.plot(middles, mean, color=REFERENCE, label=labels[0])
    points: dict[str, Any] = {"fmt": "o", "ms": 4, "color": GENERATED}
    upper.errorbar(middles, got, got_spread, label=labels[1], **points)
    safe = np.where(mean == 0, np.nan, mean)
    lower.fill_between(
        middles, 1 - error / np.abs(safe), 1 + error / np.abs(safe), color=BAND, lw=0
    )
    ratio = got / safe
    lower.errorbar(middles, ratio, np.hypot(got_error, error) / np.abs(safe), **points)
    reach = np.nanmax(np.abs(ratio - 1), initial=0.0)
    wide_enough = [limit for limit in RATIO_TICKS if limit > 1.3 * reach]
    _scale_ratio(lower, wide_enough[0] if wide_enough else max(RATIO_TICKS))
    if log_x:
        scale_energy(upper)
    upper.legend(loc="best", title="mean and spread")
    upper.set_ylabel(ylabel)
    lower.set_xlabel(xlabel)
    return figure


def _mean_and_error(values: AnyArray) -> tuple[Float64Array, Float64Array]:
    """Mean over showers (N, ...) and the error of the mean."""
    return values.mean(axis=0), values.std(axis=0) / np.sqrt(len(values))


def _binned(
    x: AnyArray, y: AnyArray, edges: AnyArray
) -> tuple[Float64Array, Float64Array, Float64Array]:
    """Mean, spread and error of the mean of y in bins of x; NaN with fewer than two entries."""
    index = np.searchsorted(edges, x, side="right") - 1
    rows = []
    for bin_ in range(len(edges) - 1):
        values = y[index == bin_]
        if len(values) < 2:
            rows.append((np.nan, np.nan, np.nan))
        else:
            rows.append((values.mean(), values.std(), values.std() / np.sqrt(len(values))))
    table = np.array(rows)
    return table[:, 0], table[:, 1], table[:, 2]


def _scale_ratio(axes: Axes, reach: float) -> None:
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


def _scale_y(axes: Axes, log: bool, values: AnyArray) -> None:
    positive = values[values > 0]
    if log and len(positive):
        axes.set_yscale("log")
        axes.set_ylim(positive.min() * 0.5, positive.max() * 8)
    else:
        axes.set_ylim(0, max(float(values.max(initial=0.0)), 1e-12) * 1.3)
