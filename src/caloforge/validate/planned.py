"""A figure that is planned but not drawn yet, and the two kinds that most of them are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from matplotlib.figure import Figure

from caloforge.typing import AnyArray
from caloforge.validate import plots
from caloforge.validate.comparison import Sample
from caloforge.validate.slices import Slice


@dataclass(frozen=True)
class Plot:
    """One figure to be drawn."""

    section: str
    name: str
    caption: str
    draw: Callable[[], Figure]


def histogram(
    part: Slice, section: str, name: str, xlabel: str, quantity: Callable[[Sample], AnyArray],
    *, log: bool = False,
) -> Plot:  # fmt: skip
    """The distribution of one quantity per shower."""
    scale = "log" if log else "lin"

    def draw() -> Figure:
        return plots.histogram_plot(
            quantity(part.reference), quantity(part.generated),
            labels=part.labels, title=part.title, xlabel=xlabel, log=log,
        )  # fmt: skip

    return Plot(section, f"{name}_{part.key}_{scale}", f"{xlabel}. {part.note}", draw)


def trend(
    part: Slice, section: str, name: str, ylabel: str, quantity: Callable[[Sample], AnyArray]
) -> Plot:
    """One quantity per shower against the primary energy."""

    def draw() -> Figure:
        pairs = [(s.summary.energy, quantity(s)) for s in (part.reference, part.generated)]
        return plots.trend_plot(
            pairs[0], pairs[1],
            labels=part.labels, title=part.title, xlabel="primary energy (GeV)", ylabel=ylabel,
        )  # fmt: skip

    caption = f"{ylabel} against the primary energy: mean (line, points) and spread (band, bars)."
    return Plot(section, f"{name}_trend_{part.key}", caption, draw)


def feature(name: str) -> Callable[[Sample], AnyArray]:
    """A column of the shower features as a quantity (N,) of a sample."""
    return lambda sample: sample.features[name]
