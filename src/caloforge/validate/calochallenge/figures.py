"""The protocol's figures: separation power by layer, and the histograms that are furthest apart."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass

from matplotlib.figure import Figure

from caloforge.validate import figure_style, plots
from caloforge.validate.calochallenge.histograms import Histogram
from caloforge.validate.calochallenge.result import ProtocolResult

UNITS = {
    "Etot / Einc": "", "sparsity": "", "voxel energy": " (MeV)", "layer energy": " (MeV)",
}  # fmt: skip
"""Of observables that are no lengths in mm."""


@dataclass(frozen=True)
class ProtocolFigure:
    """A figure as base64 of an image, with its caption."""

    caption: str
    data: str


def protocol_figures(result: ProtocolResult) -> Iterator[ProtocolFigure]:
    """Separation power of each observable by layer, then each observable's worst histogram."""
    by_observable: dict[str, list[tuple[Histogram, Histogram]]] = {}
    for ours, floor in zip(result.histograms, result.floor_histograms, strict=True):
        by_observable.setdefault(ours.observable, []).append((ours, floor))
    with figure_style.style():
        for name, pairs in by_observable.items():
            if len(pairs) > 1:
                caption = f"Separation power of the {name} in each layer."
                yield _figure(_by_layer(name, pairs, result.labels), caption)
            worst, floor = max(pairs, key=lambda pair: pair[0].separation)
            where = "" if worst.layer is None else f" in layer {worst.layer}"
            caption = (
                f"{name[0].upper()}{name[1:]}{where}: separation power {worst.separation:.3g}, "
                f"floor {floor.separation:.3g}."
            )
            yield _figure(_histogram(worst, f"{name}{where}", result.labels), caption)


def _figure(drawn: Figure, caption: str) -> ProtocolFigure:
    return ProtocolFigure(caption, base64.b64encode(figure_style.to_webp(drawn)).decode())


def _by_layer(
    name: str, pairs: list[tuple[Histogram, Histogram]], labels: tuple[str, str]
) -> Figure:
    figure, axes = figure_style.plain(name)
    layers = [ours.layer or 0 for ours, _ in pairs]
    texts = labels[1], f"{labels[0]}, two halves"
    for side, (text, colour) in enumerate(
        zip(texts, (figure_style.GENERATED, figure_style.REFERENCE), strict=True)
    ):
        values = [pair[side].separation for pair in pairs]
        axes.plot(layers, values, "o-", color=colour, ms=4, label=text)
    axes.set_xlabel("layer")
    axes.set_ylabel("separation power")
    axes.set_ylim(0, None)
    axes.legend(loc="best")
    return figure


def _histogram(found: Histogram, title: str, labels: tuple[str, str]) -> Figure:
    return plots.counts_plot(
        found.reference, found.generated, found.edges, labels=labels, title=title,
        xlabel=found.observable + UNITS.get(found.observable, " (mm)"),
        log_x="energy" in found.observable,
    )  # fmt: skip
