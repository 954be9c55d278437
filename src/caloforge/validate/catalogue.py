"""Every figure of a report, declared: section, name, caption and how to draw it.

A handful of functions cover all of them: quantity x slice x scale. The quick level shows the
figures that one looks at first, the full level every combination.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
from matplotlib.figure import Figure

from caloforge import scaling
from caloforge.physics import observables
from caloforge.physics.features import GLOBAL_GROUPS, energy_text
from caloforge.typing import AnyArray
from caloforge.validate import figure_style, pictures
from caloforge.validate.comparison import Comparison
from caloforge.validate.distributions import (
    angle_bin_plots,
    angle_plots,
    hit_plots,
    layer_plots,
    moment_plots,
    profile_plots,
    response_plots,
)
from caloforge.validate.planned import Plot
from caloforge.validate.result import ValidationResult
from caloforge.validate.slices import (
    Slice,
    angle_slices,
    energy_number,
    energy_slices,
    everything,
)

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


def catalogue(comparison: Comparison, result: ValidationResult) -> Iterator[Plot]:
    """The figures of a comparison, at the level that `result` has."""
    full = result.level == "full"
    whole = everything(comparison)
    energies, angles = energy_slices(comparison), angle_slices(comparison)
    slices = [whole, *energies, *angles] if full else [whole]
    yield from response_plots(whole, energies, result, full)
    for part in slices:
        yield from profile_plots(part, "xyz", (False, True))
    if not full:
        for part in energies:
            yield from profile_plots(part, "z", (False,))
        for part in angles:
            yield from profile_plots(part, "y", (False,))
    for part in slices:
        yield from moment_plots(part, full)
        yield from layer_plots(part, full)
        yield from hit_plots(part, full)
    if comparison.tilted:
        for part in [whole, *angles, *(energies if full else [])]:
            yield from angle_plots(part, full)
        yield from angle_bin_plots(result)
    for part in slices if full else [whole]:
        yield from _correlations(part)
    yield from _images(comparison, slices, full)
    yield from _checks(comparison, result)


def _correlations(part: Slice) -> Iterator[Plot]:
    def draw(groups: tuple[str, ...], ticks: bool) -> Figure:
        tables = [s.features.of(*groups) for s in (part.reference, part.generated)]
        first, second = (observables.correlations(table.values) for table in tables)
        return pictures.correlation_plot(
            [first, second, second - first], names=tables[0].names, ticks=ticks,
            titles=[f"{name}, {part.title}" for name in part.labels] + ["difference"],
        )  # fmt: skip

    groups = tuple(group for group in GLOBAL_GROUPS if group != "layers")
    caption = f"Correlations between shower features. {part.note}"
    yield Plot("correlations", f"features_{part.key}", caption, partial(draw, groups, True))
    caption = f"Correlations between the energy shares of the layers. {part.note}"
    yield Plot("correlations", f"layers_{part.key}", caption, partial(draw, ("layers",), False))


def _images(comparison: Comparison, slices: list[Slice], full: bool) -> Iterator[Plot]:
    in_rings = comparison.reference.summary.in_rings

    def names(plane: str) -> tuple[str, str]:
        first, second = (pictures.axis_label(axis, in_rings=in_rings) for axis in plane)
        return first, second

    def mean(part: Slice, plane: str) -> Figure:
        return pictures.mean_projection_plot(
            part.reference.summary.plane(plane), part.generated.summary.plane(plane),
            labels=part.labels, axes_names=names(plane), title=f"mean, {part.title}",
        )  # fmt: skip

    def single(showers: list[AnyArray], titles: list[str], plane: str) -> Figure:
        images = [observables.projection(cells[None], plane)[0] for cells in showers]
        return pictures.projection_plot(
            images, titles=titles, axes_names=names(plane), title="single showers"
        )

    for part in slices:
        for plane in observables.PLANES:
            caption = f"Mean shower, projected on {plane}. {part.note}"
            yield Plot("showers", f"mean_{plane}_{part.key}", caption, partial(mean, part, plane))
    hit = energy_text(scaling.HIT_THRESHOLDS_GEV[0])
    samples = (comparison.reference, comparison.generated)
    for index, point in enumerate(scaling.EXAMPLE_ENERGIES_GEV):
        titles = [f"{s.label}, {energy_number(s.example_energy[index])} GeV" for s in samples]
        showers = [s.examples[index] for s in samples]
        for plane in observables.PLANES if full else ("yz",):
            caption = f"The shower nearest to {point:g} GeV of each sample, projected on {plane}."
            yield Plot("showers", f"single_{plane}_{point:g}GeV", caption,
                       partial(single, showers, titles, plane))  # fmt: skip
        caption = f"The shower nearest to {point:g} GeV of each sample; cells above {hit}."
        draw = partial(pictures.showers_3d_plot, showers, titles=titles, title="single showers")
        yield Plot("showers", f"single_3d_{point:g}GeV", caption, draw)


def _checks(comparison: Comparison, result: ValidationResult) -> Iterator[Plot]:
    labels = comparison.labels
    colours = figure_style.REFERENCE, figure_style.GENERATED
    curves = [
        (f"{text} (AUC {found.value:.3f} ± {found.error:.3f}, floor {floor.value:.3f})",
         found.probability, found.is_generated, colour)
        for text, found, floor, colour in (
            ("shower features", result.high_level, result.floors["high"], figure_style.GENERATED),
            ("cells", result.low_level, result.floors["low"], figure_style.REFERENCE),
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
    band = scaling.LIMITS["spread"][0]
    spread = {
        name: ratio
        for name, ratio in result.spread.items()
        if " in layer" not in name and np.isfinite(ratio)
    }
    yield Plot(
        "checks", "spread",
        "Spread of every feature at equal energy, over the reference's: below 1, showers are too "
        f"alike. The band is {100 * band:g} %.",
        partial(pictures.ratio_bars_plot, list(spread), np.array(list(spread.values())),
                title="spread at equal energy", xlabel=f"{labels[1]} / {labels[0]}", band=band),
    )  # fmt: skip
