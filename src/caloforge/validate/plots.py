"""Figures: arrays in, a matplotlib Figure out. The reference is grey, the generated sample red.

Nothing here computes a score.
"""

from __future__ import annotations

from typing import Any

import mplhep
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from caloforge.typing import AnyArray, Float64Array
from caloforge.validate.figure_style import (
    BAND,
    FILL,
    GENERATED,
    RATIO_REACH,
    RATIO_TICKS,
    REFERENCE,
    scale_energy,
    scale_ratio,
    scale_y,
    with_ratio,
)

MAX_RATIO_ERROR = 0.5


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
    figure, upper, lower = with_ratio(title)
    means = [_mean_and_error(values) for values in (reference, generated)]
    edges = np.arange(reference.shape[1] + 1) - 0.5
    _draw_pair(upper, lower, edges, means[0], means[1], labels)
    scale_y(upper, log, np.concatenate([mean for mean, _ in means]))
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
    figure, upper, lower = with_ratio(title)
    low, high = np.quantile(reference, [0.002, 0.998])
    margin = 0.12 * (high - low) or max(abs(high), 1.0) * 0.05
    count = int(np.clip(np.sqrt(len(reference)) * 1.2, 8, bins))
    edges = np.linspace(low - margin, high + margin, count + 1)
    densities = []
    for values in (reference, generated):
        counts = np.histogram(np.clip(values, edges[0], edges[-1]), edges)[0]
        densities.append((counts / len(values), np.sqrt(counts) / len(values)))
    _draw_pair(upper, lower, edges, densities[0], densities[1], labels)
    scale_y(upper, log, np.concatenate([density for density, _ in densities]))
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
    figure, upper, lower = with_ratio(title)
    totals = [max(float(counts.sum()), 1.0) for counts in (reference, generated)]
    shares = [
        (counts / total, np.sqrt(counts) / total)
        for counts, total in zip((reference, generated), totals, strict=True)
    ]
    _draw_pair(upper, lower, edges, shares[0], shares[1], labels)
    if log_x:
        upper.set_xscale("log")
    scale_y(upper, True, np.concatenate([share for share, _ in shares]))
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
    figure, upper, lower = with_ratio(title)
    means = [_mean_and_error(values) for values in (reference, generated)]
    _draw_pair(upper, lower, edges, means[0], means[1], labels)
    upper.set_xscale("log")
    scale_y(upper, True, np.concatenate([mean for mean, _ in means]))
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
    figure, upper, lower = with_ratio(title)
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
    scale_ratio(lower, wide_enough[0] if wide_enough else max(RATIO_TICKS))
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
