"""Every figure of a report, declared: section, name, caption and how to draw it.

A handful of functions cover all of them: quantity x slice x scale. The quick level shows the
figures that one looks at first, the full level every combination.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from matplotlib.figure import Figure

from caloforge import scaling
from caloforge.physics import observables
from caloforge.physics.features import GLOBAL_GROUPS, energy_text
from caloforge.typing import AnyArray
from caloforge.units import degree
from caloforge.validate import pictures, plots
from caloforge.validate.comparison import Comparison, Sample
from caloforge.validate.result import ValidationResult
from caloforge.validate.slices import Slice, angle_slices, energy_slices, everything

SECTIONS = {
    "response": "Energy response",
    "profiles": "Shower shapes",
    "moments": "Moments",
    "layers": "Layer by layer",
    "hits": "Hits and cell energies",
    "angle": "Angle",
    "correlations": "Correlations",
    "showers": "Showers as images",
    "checks": "Can it be told apart?",
}
MOMENT_TRENDS = (
    ("centre z", "first moment along z (layers)"),
    ("width x", "width along x (cells)"),
    ("width y", "width along y (cells)"),
    ("width z", "width along z (layers)"),
)


@dataclass(frozen=True)
class Plot:
    """One figure to be drawn."""

    section: str
    name: str
    caption: str
    draw: Callable[[], Figure]


def catalogue(comparison: Comparison, result: ValidationResult) -> Iterator[Plot]:
    """The figures of a comparison, at the level that `result` has."""
    full = result.level == "full"
    whole = everything(comparison)
    energies, angles = energy_slices(comparison), angle_slices(comparison)
    slices = [whole, *energies, *angles] if full else [whole]
    yield from _response(whole, energies, result, full)
    for part in slices:
        yield from _profiles(part, "xyz", (False, True))
    if not full:
        for part in energies:
            yield from _profiles(part, "z", (False,))
        for part in angles:
            yield from _profiles(part, "y", (False,))
    for part in slices:
        yield from _moments(part, full)
        yield from _layers(part, full)
        yield from _hits(part, full)
    if comparison.tilted:
        for part in [whole, *angles, *(energies if full else [])]:
            yield from _angles(part, full)
        yield from _angle_bins(result)
    for part in slices if full else [whole]:
        yield from _correlations(part)
    yield from _images(comparison, slices, full)
    yield from _checks(comparison, result)


def _labels(part: Slice) -> tuple[str, str]:
    return part.reference.label, part.generated.label


def _histogram(
    part: Slice, section: str, name: str, xlabel: str, quantity: Callable[[Sample], AnyArray],
    *, log: bool = False,
) -> Plot:  # fmt: skip
    """The distribution of one quantity per shower."""
    scale = "log" if log else "lin"

    def draw() -> Figure:
        return plots.histogram_plot(
            quantity(part.reference), quantity(part.generated),
            labels=_labels(part), title=part.title, xlabel=xlabel, log=log,
        )  # fmt: skip

    return Plot(section, f"{name}_{part.key}_{scale}", f"{xlabel}. {part.note}", draw)


def _trend(
    part: Slice, section: str, name: str, ylabel: str, quantity: Callable[[Sample], AnyArray]
) -> Plot:
    """One quantity per shower against the primary energy."""

    def draw() -> Figure:
        pairs = [(s.summary.energy, quantity(s)) for s in (part.reference, part.generated)]
        return plots.trend_plot(
            pairs[0], pairs[1],
            labels=_labels(part), title=part.title, xlabel="primary energy (GeV)", ylabel=ylabel,
        )  # fmt: skip

    caption = f"{ylabel} against the primary energy: mean (line, points) and spread (band, bars)."
    return Plot(section, f"{name}_trend_{part.key}", caption, draw)


def _feature(name: str) -> Callable[[Sample], AnyArray]:
    return lambda sample: sample.features[name]


def _response(
    whole: Slice, energies: list[Slice], result: ValidationResult, full: bool
) -> Iterator[Plot]:
    response = _feature("response")
    yield _trend(whole, "response", "response", "deposited / primary energy", response)
    for key, ylabel, ideal, limit in (
        ("bias", "mean response / reference - 1", 0.0, "response_bias"),
        ("width_ratio", "width of the response / reference", 1.0, "response_width"),
    ):
        draw = partial(
            pictures.bin_summary_plot, result.response, key,
            title="in bins of primary energy", ylabel=ylabel, ideal=ideal,
            band=scaling.LIMITS[limit][0],
        )  # fmt: skip
        caption = f"{ylabel.capitalize()}, in bins of energy; inside the band it passes."
        yield Plot("response", f"response_{key}", caption, draw)
    yield _histogram(whole, "response", "response", "deposited / primary energy", response)
    for part in [whole, *energies] if full else []:
        for log in (False, True):
            if log or part is not whole:
                text = "deposited / primary energy"
                yield _histogram(part, "response", "response", text, response, log=log)
            text = "deposited energy (GeV)"
            yield _histogram(part, "response", "ecal", text, lambda s: s.summary.deposited, log=log)


def _profiles(part: Slice, axes: str, scales: tuple[bool, ...]) -> Iterator[Plot]:
    def draw(axis: str, log: bool) -> Figure:
        shares = [
            1e3 * s.summary.profile(axis) / s.summary.energy[:, None]
            for s in (part.reference, part.generated)
        ]
        return plots.profile_plot(
            *shares, labels=_labels(part), title=part.title, log=log,
            xlabel=pictures.AXIS_LABELS[axis], ylabel="deposited energy (MeV per GeV)",
        )  # fmt: skip

    for axis in axes:
        for log in scales:
            name = f"profile_{axis}_{part.key}_{'log' if log else 'lin'}"
            caption = f"Energy along {axis}, mean of the showers in units of Ep. {part.note}"
            yield Plot("profiles", name, caption, partial(draw, axis, log))


def _moments(part: Slice, full: bool) -> Iterator[Plot]:
    for axis in observables.AXES:
        unit = "layers" if axis == "z" else "cells"
        for moment, text in (("centre", "first moment"), ("width", "second moment (width)")):
            xlabel = f"{text} along {axis} ({unit})"
            quantity = _feature(f"{moment} {axis}")
            for log in (False, True) if full else (False,):
                yield _histogram(part, "moments", f"{moment}_{axis}", xlabel, quantity, log=log)
    if part.key == "all":
        for name, text in MOMENT_TRENDS if full else MOMENT_TRENDS[:1]:
            yield _trend(part, "moments", name.replace(" ", "_"), text, _feature(name))
    for side in scaling.CORE_SIDES if full else (3,):
        name = f"core {side}x{side}"
        if name in part.reference.features.names:
            text = f"energy share of the middle {side} x {side} towers"
            yield _histogram(part, "moments", f"core_{side}", text, _feature(name))
            if part.key == "all":
                yield _trend(part, "moments", f"core_{side}", text, _feature(name))


def _layers(part: Slice, full: bool) -> Iterator[Plot]:
    def widths(plane: str) -> Figure:
        values = [
            observables.layer_widths(s.summary.plane(plane))
            for s in (part.reference, part.generated)
        ]
        return plots.profile_plot(
            *values, labels=_labels(part), title=part.title, log=False,
            xlabel="layer", ylabel=f"width along {plane[0]} (cells)",
        )  # fmt: skip

    def hits(index: int) -> Figure:
        return plots.profile_plot(
            part.reference.summary.hits[:, :, index], part.generated.summary.hits[:, :, index],
            labels=_labels(part), title=part.title, log=False, xlabel="layer",
            ylabel=f"cells above {energy_text(scaling.HIT_THRESHOLDS_GEV[index])}",
        )  # fmt: skip

    def fluctuation() -> Figure:
        return plots.trend_plot(
            *[_relative_fluctuation(s) for s in (part.reference, part.generated)],
            labels=_labels(part), title=part.title, xlabel="layer", log_x=False,
            ylabel="share of the energy in a layer", bins=part.reference.summary.xz.shape[2],
        )  # fmt: skip

    for plane in ("xz", "yz"):
        caption = f"Transverse width along {plane[0]} in every layer. {part.note}"
        yield Plot("layers", f"depth_{plane[0]}_{part.key}", caption, partial(widths, plane))
    for index in range(len(scaling.HIT_THRESHOLDS_GEV)) if full else (0,):
        threshold = energy_text(scaling.HIT_THRESHOLDS_GEV[index])
        caption = f"Cells above {threshold} in every layer. {part.note}"
        yield Plot("layers", f"layer_hits_{index}_{part.key}", caption, partial(hits, index))
    caption = f"Mean and fluctuation of the energy share of every layer. {part.note}"
    yield Plot("layers", f"layer_fluctuation_{part.key}", caption, fluctuation)
    if full and part.key == "all":
        for layer in range(part.reference.summary.xz.shape[2]):
            text, name = f"energy share of layer {layer}", f"layer {layer}"
            yield _histogram(part, "layers", f"layer_{layer}", text, _feature(name), log=True)
            yield _trend(part, "layers", f"layer_{layer}", text, _feature(name))


def _relative_fluctuation(sample: Sample) -> tuple[AnyArray, AnyArray]:
    """Layer numbers and layer shares of all showers, flattened for a trend over layers."""
    shares = sample.features.of("layers").values
    layers = np.broadcast_to(np.arange(shares.shape[1], dtype=float), shares.shape)
    return layers.ravel(), shares.ravel()


def _hits(part: Slice, full: bool) -> Iterator[Plot]:
    for index, name in enumerate(n for n in part.reference.features.names if "hits >" in n):
        text = f"cells above {energy_text(scaling.HIT_THRESHOLDS_GEV[index])}"
        for log in (False, True) if full else (False,):
            yield _histogram(part, "hits", f"hits_{index}", text, _feature(name), log=log)
        if part.key == "all" and (full or index in (0, 3)):
            yield _trend(part, "hits", f"hits_{index}", text, _feature(name))

    def spectrum() -> Figure:
        return plots.spectrum_plot(
            part.reference.summary.spectrum, part.generated.summary.spectrum,
            np.array(scaling.CELL_SPECTRUM_EDGES_GEV), labels=_labels(part), title=part.title,
        )  # fmt: skip

    caption = f"Spectrum of the cell energies. {part.note}"
    yield Plot("hits", f"spectrum_{part.key}", caption, spectrum)


def _angles(part: Slice, full: bool) -> Iterator[Plot]:
    def residual(sample: Sample) -> AnyArray:
        return (sample.summary.measured_theta - sample.summary.theta) / degree

    def measured(sample: Sample) -> AnyArray:
        return sample.summary.measured_theta / degree

    def against_truth() -> Figure:
        pairs = [(s.summary.theta / degree, residual(s)) for s in (part.reference, part.generated)]
        return plots.trend_plot(
            *pairs, labels=_labels(part), title=part.title, xlabel="theta (degrees)", log_x=False,
            ylabel="measured - true angle (degrees)",
        )  # fmt: skip

    for log in (False, True) if full else (False,):
        yield _histogram(part, "angle", "angle_residual", "measured - true angle (degrees)",
                         residual, log=log)  # fmt: skip
        yield _histogram(part, "angle", "angle", "measured angle (degrees)", measured, log=log)
    if part.key == "all":
        yield _trend(part, "angle", "angle", "measured - true angle (degrees)", residual)
        caption = "Measured minus true angle against the true angle: mean and spread."
        yield Plot("angle", "angle_theta", caption, against_truth)


def _angle_bins(result: ValidationResult) -> Iterator[Plot]:
    for section, key, ylabel, limit in (
        ("response", "bias", "mean response / reference - 1", "response_bias"),
        ("angle", "angle_bias", "measured - true angle - reference's (degrees)", "angle_bias"),
    ):
        draw = partial(
            pictures.bin_summary_plot, result.angles, key, title="in bins of theta",
            ylabel=ylabel, ideal=0.0, band=scaling.LIMITS[limit][0], along_theta=True,
        )  # fmt: skip
        caption = f"{ylabel.capitalize()}, in bins of theta; inside the band it passes."
        yield Plot(section, f"{key}_theta_bins", caption, draw)


def _correlations(part: Slice) -> Iterator[Plot]:
    def draw(groups: tuple[str, ...], ticks: bool) -> Figure:
        tables = [s.features.of(*groups) for s in (part.reference, part.generated)]
        first, second = (observables.correlations(table.values) for table in tables)
        return pictures.correlation_plot(
            [first, second, second - first], names=tables[0].names, ticks=ticks,
            titles=[f"{name}, {part.title}" for name in _labels(part)] + ["difference"],
        )  # fmt: skip

    groups = tuple(group for group in GLOBAL_GROUPS if group != "layers")
    caption = f"Correlations between shower features. {part.note}"
    yield Plot("correlations", f"features_{part.key}", caption, partial(draw, groups, True))
    caption = f"Correlations between the energy shares of the layers. {part.note}"
    yield Plot("correlations", f"layers_{part.key}", caption, partial(draw, ("layers",), False))


def _images(comparison: Comparison, slices: list[Slice], full: bool) -> Iterator[Plot]:
    def mean(part: Slice, plane: str) -> Figure:
        return pictures.mean_projection_plot(
            part.reference.summary.plane(plane), part.generated.summary.plane(plane),
            labels=_labels(part), axes_names=(plane[0], plane[1]), title=f"mean, {part.title}",
        )  # fmt: skip

    for part in slices:
        for plane in observables.PLANES:
            caption = f"Mean shower, projected on {plane}. {part.note}"
            yield Plot("showers", f"mean_{plane}_{part.key}", caption, partial(mean, part, plane))
    samples = (comparison.reference, comparison.generated)
    for index, point in enumerate(scaling.EXAMPLE_ENERGIES_GEV):
        titles = [f"{s.label}, {s.example_energy[index]:.0f} GeV" for s in samples]
        showers = [s.examples[index] for s in samples]

        def flat(showers: list[AnyArray], titles: list[str], plane: str) -> Figure:
            images = [observables.projection(cells[None], plane)[0] for cells in showers]
            return pictures.projection_plot(
                images, titles=titles, axes_names=(plane[0], plane[1]), title="single showers"
            )

        for plane in observables.PLANES if full else ("yz",):
            caption = f"The shower nearest to {point:g} GeV of each sample, projected on {plane}."
            yield Plot("showers", f"single_{plane}_{point:g}GeV", caption,
                       partial(flat, showers, titles, plane))  # fmt: skip
        caption = f"The shower nearest to {point:g} GeV of each sample; cells above 1 keV."
        draw = partial(pictures.showers_3d_plot, showers, titles=titles, title="single showers")
        yield Plot("showers", f"single_3d_{point:g}GeV", caption, draw)


def _checks(comparison: Comparison, result: ValidationResult) -> Iterator[Plot]:
    labels = comparison.reference.label, comparison.generated.label
    colours = plots.REFERENCE, plots.GENERATED
    curves = [
        (f"{text} (AUC {found.value:.3f} ± {found.error:.3f})", found.probability,
         found.is_generated, colour)
        for text, found, colour in (
            ("shower features", result.high_level, plots.GENERATED),
            ("cells", result.low_level, plots.REFERENCE),
        )
    ]  # fmt: skip
    caption = "What trained classifiers find, on showers they were not trained on."
    yield Plot("checks", "roc", caption, partial(pictures.roc_plot, curves, title="classifiers"))
    for name, found in (("shower features", result.high_level), ("cells", result.low_level)):
        series = [
            (label, found.probability[found.is_generated == truth], colour)
            for truth, (label, colour) in enumerate(zip(labels, colours, strict=True))
        ]
        yield Plot(
            "checks", f"classifier_{name.replace(' ', '_')}",
            f"Calibrated probability of being generated, classifier on {name}.",
            partial(pictures.overlay_plot, series, title=f"classifier on {name}",
                    xlabel="probability of being generated"),
        )  # fmt: skip
    near = result.nearest
    for name, pair, text in (
        ("library", (near.reference_to_library, near.generated_to_library),
         "distance to the nearest known shower"),
        ("itself", (near.reference_to_itself, near.generated_to_itself),
         "distance to the nearest shower of the same sample"),
    ):  # fmt: skip
        series = list(zip(labels, pair, colours, strict=True))
        caption = (
            "Memorisation: generated showers must not be nearer to known ones than fresh ones are."
            if name == "library"
            else "Mode collapse: generated showers must not be nearer to each other than the "
            "reference's are."
        )
        draw = partial(pictures.overlay_plot, series, title="nearest neighbours", xlabel=text)
        yield Plot("checks", f"nearest_{name}", caption, draw)
    spread = {name: ratio for name, ratio in result.spread.items() if " in layer" not in name}
    yield Plot(
        "checks", "spread",
        "Spread of every feature at equal energy, over the reference's: below 1, showers are too "
        "alike. The band is 5 %.",
        partial(pictures.ratio_bars_plot, list(spread), np.array(list(spread.values())),
                title="spread at equal energy", xlabel=f"{labels[1]} / {labels[0]}"),
    )  # fmt: skip
