"""The slices of a comparison that figures are drawn for: everything, energies, angles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from caloforge import scaling
from caloforge.physics.gan3d import energy_points, rows_near
from caloforge.physics.summary import Summary
from caloforge.typing import IntArray
from caloforge.units import degree
from caloforge.validate.comparison import Comparison, Sample


@dataclass(frozen=True)
class Slice:
    """Part of a comparison: `key` for file names, `title` for figures, `note` for captions."""

    key: str
    title: str
    note: str
    reference: Sample
    generated: Sample

    @property
    def labels(self) -> tuple[str, str]:
        """How the two samples are called."""
        return self.reference.label, self.generated.label


def everything(comparison: Comparison) -> Slice:
    """The whole comparison."""
    energy = comparison.reference.summary.energy
    title = energy_span(energy.min(), energy.max())
    return Slice("all", title, "All showers.", comparison.reference, comparison.generated)


def energy_slices(comparison: Comparison) -> list[Slice]:
    """Around each energy of scaling.ENERGY_POINTS_GEV, +- 5 GeV or wider where showers are few."""
    half_width = scaling.ENERGY_POINT_HALF_WIDTH_GEV

    def near(point: float) -> Callable[[Summary], IntArray]:
        return lambda s: rows_near(s.energy, point, half_width, scaling.MIN_BIN_SHOWERS)

    points = energy_points(comparison.reference.summary)
    return [
        _slice(comparison, near(point), f"{energy_number(point)}GeV", f"{energy_number(point)} GeV")
        for point in points
    ]


def angle_slices(comparison: Comparison) -> list[Slice]:
    """Around each angle of scaling.ANGLE_POINTS_DEG; none where the angle does not vary."""
    half_width = scaling.ANGLE_HALF_WIDTH_DEG * degree

    def near(point: float) -> Callable[[Summary], IntArray]:
        return lambda s: rows_near(s.theta, point * degree, half_width, scaling.MIN_BIN_SHOWERS)

    points = scaling.ANGLE_POINTS_DEG if comparison.tilted else ()
    return [
        _slice(comparison, near(point), f"{point:.0f}deg", f"{point:.0f} degrees")
        for point in points
    ]


def _slice(
    comparison: Comparison, near: Callable[[Summary], IntArray], key: str, title: str
) -> Slice:
    parts = [
        sample[near(sample.summary)] for sample in (comparison.reference, comparison.generated)
    ]
    counts = " and ".join(f"{len(part)} {part.label}" for part in parts)
    return Slice(key, title, f"{_span(parts)}: {counts} showers.", parts[0], parts[1])


def _span(parts: list[Sample]) -> str:
    """The energies and angles that a slice really holds, so that a widened one says so."""
    low = min(part.summary.energy.min() for part in parts)
    high = max(part.summary.energy.max() for part in parts)
    text = energy_span(low, high)
    angles = [part.summary.theta / degree for part in parts]
    first, last = min(a.min() for a in angles), max(a.max() for a in angles)
    return text if last - first < 0.1 else f"{text}, {first:.0f}-{last:.0f} degrees"


def energy_span(low: float, high: float) -> str:
    """A range of energies (GeV), or one energy.

    >>> energy_span(10.04, 499.7), energy_span(0.1, 0.1)
    ('10-500 GeV', '0.1 GeV')
    """
    first, last = energy_number(low), energy_number(high)
    return f"{first} GeV" if first == last else f"{first}-{last} GeV"


def energy_number(energy: float) -> str:
    """An energy in GeV, whole above 10 GeV and with two digits below.

    >>> energy_number(0.1004), energy_number(2.36), energy_number(10000)
    ('0.1', '2.4', '10000')
    """
    return f"{energy:.0f}" if energy >= 9.95 else f"{energy:.2g}"
