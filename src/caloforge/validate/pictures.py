"""Figures of images, matrices and classifiers: arrays in, a matplotlib Figure out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from caloforge.scaling import HIT_THRESHOLDS_GEV
from caloforge.typing import AnyArray, FloatArray, IntArray
from caloforge.validate.figure_style import (
    BAND,
    DPI,
    FILL,
    GENERATED,
    REFERENCE,
    SIZE,
    plain,
    scale_energy,
)

WIDE = (11.4, 4.3)
AXIS_LABELS = {"x": "x (cell)", "y": "y (cell)", "z": "layer"}
RING_LABELS = {"x": "ring", "y": "sector", "z": "layer"}


def axis_label(axis: str, *, in_rings: bool) -> str:
    """What an axis of the image counts: pads, or the rings and sectors of a cylinder."""
    return (RING_LABELS if in_rings else AXIS_LABELS)[axis]


def projection_plot(
    images: Sequence[AnyArray], *, titles: Sequence[str], axes_names: tuple[str, str], title: str
) -> Figure:
    """Energy maps (n, m) side by side on one logarithmic scale, in MeV."""
    figure = Figure(figsize=WIDE, dpi=DPI)
    panels = np.atleast_1d(figure.subplots(1, len(images), sharey=True))
    figure.subplots_adjust(left=0.06, right=0.9, top=0.85, bottom=0.13, wspace=0.06)
    largest = max(float(image.max()) for image in images) * 1e3 or 1.0
    scale = LogNorm(largest * 1e-6, largest)
    for panel, image, name in zip(panels, images, titles, strict=True):
        drawn = panel.imshow(
            np.where(image > 0, image * 1e3, np.nan).T,
            origin="lower", norm=scale, cmap="viridis", aspect="auto", interpolation="none",
        )  # fmt: skip
        panel.set_title(name, loc="left")
        panel.set_xlabel(axes_names[0])
    panels[0].set_ylabel(axes_names[1])
    bar = figure.colorbar(drawn, cax=figure.add_axes((0.915, 0.13, 0.015, 0.72)))
    bar.set_label("energy (MeV)")
    figure.suptitle(title, x=0.06, ha="left", fontsize=12, y=0.97)
    return figure


def mean_projection_plot(
    reference: AnyArray,
    generated: AnyArray,
    *,
    labels: tuple[str, str],
    axes_names: tuple[str, str],
    title: str,
) -> Figure:
    """Mean maps of projections (N, n, m) of both samples, and their ratio."""
    figure = Figure(figsize=WIDE, dpi=DPI)
    panels = figure.subplots(1, 3, sharey=True)
    figure.subplots_adjust(left=0.055, right=0.93, top=0.85, bottom=0.13, wspace=0.28)
    means = [reference.mean(axis=0) * 1e3, generated.mean(axis=0) * 1e3]
    largest = float(max(mean.max() for mean in means)) or 1.0
    options: dict[str, Any] = {"origin": "lower", "aspect": "auto", "interpolation": "none"}
    for panel, mean, name in zip(panels, means, labels, strict=False):
        drawn = panel.imshow(
            np.where(mean > 0, mean, np.nan).T,
            norm=LogNorm(largest * 1e-6, largest), cmap="viridis", **options,
        )  # fmt: skip
        panel.set_title(f"{name} (MeV)", loc="left")
        figure.colorbar(drawn, ax=panel, fraction=0.046, pad=0.03).minorticks_off()
    ratio = np.divide(means[1], means[0], out=np.full_like(means[0], np.nan), where=means[0] > 0)
    drawn = panels[2].imshow(ratio.T, vmin=0.5, vmax=1.5, cmap="RdBu_r", **options)
    panels[2].set_title("ratio", loc="left")
    figure.colorbar(drawn, ax=panels[2], fraction=0.046, pad=0.03).minorticks_off()
    for panel in panels:
        panel.set_xlabel(axes_names[0])
    panels[0].set_ylabel(axes_names[1])
    figure.suptitle(title, x=0.055, ha="left", fontsize=12, y=0.97)
    return figure


def showers_3d_plot(showers: Sequence[FloatArray], *, titles: Sequence[str], title: str) -> Figure:
    """Single showers (X, Y, Z) in GeV: a dot per hit cell, sized and coloured by log energy."""
    figure = Figure(figsize=(11.4, 5.0), dpi=DPI)
    figure.subplots_adjust(left=0.0, right=0.95, top=0.95, bottom=0.03, wspace=0.0)
    for number, (cells, name) in enumerate(zip(showers, titles, strict=True)):
        axes = figure.add_subplot(1, len(showers), number + 1, projection="3d")
        x, y, z = np.nonzero(cells > HIT_THRESHOLDS_GEV[0])
        energy = np.log10(cells[x, y, z] * 1e3)
        order = np.argsort(energy)
        drawn = axes.scatter(
            z[order], x[order], y[order], c=energy[order], s=4 * (energy[order] + 3.2) ** 2,
            cmap="plasma_r", vmin=-3, vmax=2, alpha=0.65, linewidths=0, depthshade=False,
        )  # fmt: skip
        axes.set(xlim=(0, cells.shape[2]), ylim=(0, cells.shape[0]), zlim=(0, cells.shape[1]))
        axes.set_xlabel("layer", loc="center")
        axes.set_ylabel("x", loc="center")
        axes.set_zlabel("y")
        axes.tick_params(labelsize=8)
        axes.set_title(name, y=0.97)
        axes.view_init(elev=18, azim=-62)
    bar = figure.colorbar(drawn, ax=figure.axes, fraction=0.016, pad=0.05, shrink=0.7)
    bar.set_label("log10 cell energy (MeV)")
    figure.suptitle(title, x=0.03, ha="left", fontsize=12, y=0.985)
    return figure


def correlation_plot(
    matrices: Sequence[AnyArray], *, names: Sequence[str], titles: Sequence[str], ticks: bool
) -> Figure:
    """Correlation matrices (F, F) side by side, the last one a difference."""
    figure = Figure(figsize=WIDE if not ticks else (11.4, 4.9), dpi=DPI)
    panels = figure.subplots(1, len(matrices), sharey=True)
    figure.subplots_adjust(
        left=0.125 if ticks else 0.06, right=0.94, top=0.93, bottom=0.24 if ticks else 0.1,
        wspace=0.28,
    )  # fmt: skip
    for panel, matrix, title in zip(panels, matrices, titles, strict=True):
        reach = 1.0 if panel is not panels[-1] else 0.5
        drawn = panel.imshow(matrix, vmin=-reach, vmax=reach, cmap="RdBu_r", interpolation="none")
        panel.set_title(title, loc="left")
        figure.colorbar(drawn, ax=panel, fraction=0.046, pad=0.03).minorticks_off()
        panel.minorticks_off()
        if ticks:
            panel.set_xticks(range(len(names)), names, rotation=90, fontsize=9)
            panel.set_yticks(range(len(names)), names, fontsize=9)
    return figure


def overlay_plot(
    series: Sequence[tuple[str, AnyArray, str]], *, title: str, xlabel: str, bins: int = 30
) -> Figure:
    """Several distributions (label, values, colour) over each other, each of unit sum."""
    figure, axes = plain(title)
    values = np.concatenate([entry[1] for entry in series])
    edges = np.linspace(float(values.min()), float(np.quantile(values, 0.995)), bins + 1)
    for label, entries, colour in series:
        counts = np.histogram(np.clip(entries, edges[0], edges[-1]), edges)[0] / len(entries)
        axes.stairs(counts, edges, color=colour, label=label, lw=1.6)
    axes.set(xlabel=xlabel, ylabel="share of the showers", xlim=(edges[0], edges[-1]))
    axes.set_ylim(0, axes.get_ylim()[1] * 1.25)
    axes.legend()
    return figure


def roc_plot(entries: Sequence[tuple[str, AnyArray, IntArray, str]], *, title: str) -> Figure:
    """ROC curves of (label, probability of being generated, truth, colour)."""
    figure, axes = plain(title)
    axes.plot([0, 1], [0, 1], color=BAND, lw=1.2, label="cannot tell (AUC 0.5)")
    for label, probability, truth, colour in entries:
        order = np.argsort(-probability, kind="stable")
        hit = truth[order] == 1
        axes.plot(
            np.r_[0, np.cumsum(~hit) / max((~hit).sum(), 1)],
            np.r_[0, np.cumsum(hit) / max(hit.sum(), 1)],
            color=colour, label=label,
        )  # fmt: skip
    axes.set(xlabel="reference showers called generated", ylabel="generated showers found")
    axes.set(xlim=(0, 1), ylim=(0, 1))
    axes.legend(loc="lower right")
    return figure


def ratio_bars_plot(
    names: Sequence[str], ratios: AnyArray, *, title: str, xlabel: str, band: float
) -> Figure:
    """One bar a feature around 1, and the band 1 +- `band`."""
    figure = Figure(figsize=(SIZE[0], max(3.0, 0.19 * len(names) + 1.0)), dpi=DPI)
    axes = figure.subplots(gridspec_kw={"left": 0.3, "right": 0.96})
    figure.subplots_adjust(
        top=1 - 0.35 / figure.get_figheight(), bottom=0.6 / figure.get_figheight()
    )
    axes.set_title(title, loc="left")
    axes.axvspan(1 - band, 1 + band, color=FILL, lw=0)
    axes.axvline(1, color=REFERENCE, lw=0.8)
    rows = np.arange(len(names))[::-1]
    shown = np.clip(ratios, 0.5, 1.5)
    axes.hlines(rows, 1, shown, color=GENERATED, lw=2)
    axes.plot(shown, rows, "o", color=GENERATED, ms=4)
    axes.set_yticks(rows, names, fontsize=9)
    axes.minorticks_off()
    axes.set_xlim(0.5, 1.5)
    axes.set_xlabel(xlabel)
    return figure


def bin_summary_plot(
    entries: Sequence[dict[str, float]],
    key: str,
    *,
    title: str,
    ylabel: str,
    ideal: float,
    band: float,
    along_theta: bool = False,
) -> Figure:
    """A quantity per bin of energy (or theta) with its error, and the band in which it passes."""
    figure, axes = plain(title)
    ends = np.array([[entry["low"], entry["high"]] for entry in entries]).reshape(-1, 2)
    middle = ends.mean(axis=1) if along_theta else np.sqrt(ends[:, 0] * ends[:, 1])
    value, error = (np.array([entry[k] for entry in entries]) for k in (key, f"{key}_error"))
    reach = [middle - ends[:, 0], ends[:, 1] - middle]
    axes.axhspan(ideal - band, ideal + band, color=FILL, lw=0)
    axes.axhline(ideal, color=REFERENCE, lw=0.8)
    axes.errorbar(middle, value, error, reach, fmt="o", color=GENERATED, ms=5)
    if not along_theta:
        scale_energy(axes)
    span = max(2.5 * band, 1.4 * float(np.max(np.abs(value - ideal) + error, initial=0.0)))
    xlabel = "theta (degrees)" if along_theta else "primary energy (GeV)"
    axes.set(xlabel=xlabel, ylabel=ylabel, ylim=(ideal - span, ideal + span))
    return figure
