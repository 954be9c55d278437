"""The figures of a slice: distributions, profiles and trends of what is measured in showers.

The quick level (not ``full``) has the figures that one looks at first, the full level all.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
from matplotlib.figure import Figure

from caloforge import scaling
from caloforge.physics.features import energy_text, moment_units
from caloforge.typing import AnyArray
from caloforge.units import degree
from caloforge.validate import pictures, plots
from caloforge.validate.comparison import Sample
from caloforge.validate.planned import Plot, feature, histogram, trend
from caloforge.validate.result import ValidationResult
from caloforge.validate.slices import Slice

MOMENT_TRENDS = (
    ("centre z", "first moment along z"),
    ("width x", "width along x"),
    ("width y", "width along y"),
    ("width z", "width along z"),
)


def response_plots(
    whole: Slice, energies: list[Slice], result: ValidationResult, full: bool
) -> Iterator[Plot]:
    """Deposited over primary energy: against energy, in bins of it, and its distribution."""
    response = feature("response")
    yield trend(whole, "response", "response", "deposited / primary energy", response)
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
    yield histogram(whole, "response", "response", "deposited / primary energy", response)
    for part in [whole, *energies] if full else []:
        for log in (False, True):
            if log or part is not whole:
                text = "deposited / primary energy"
                yield histogram(part, "response", "response", text, response, log=log)
            text = "deposited energy (GeV)"
            yield histogram(part, "response", "ecal", text, lambda s: s.summary.deposited, log=log)


def profile_plots(part: Slice, axes: str, scales: tuple[bool, ...]) -> Iterator[Plot]:
    """Mean energy along each of the axes, on a linear (False) or logarithmic (True) scale."""

    def draw(axis: str, log: bool) -> Figure:
        shares = [
            1e3 * s.summary.profile(axis) / s.summary.energy[:, None]
            for s in (part.reference, part.generated)
        ]
        return plots.profile_plot(
            *shares, labels=part.labels, title=part.title, log=log,
            xlabel=pictures.axis_label(axis, in_rings=part.reference.summary.in_rings),
            ylabel="deposited energy (MeV per GeV)",
        )  # fmt: skip

    for axis in axes:
        for log in scales:
            name = f"profile_{axis}_{part.key}_{'log' if log else 'lin'}"
            caption = f"Energy along {axis}, mean of the showers in units of Ep. {part.note}"
            yield Plot("profiles", name, caption, partial(draw, axis, log))


def moment_plots(part: Slice, full: bool) -> Iterator[Plot]:
    """Centre and width along each axis, and the share of the energy in the core."""
    units = moment_units(part.reference.summary)
    for axis, unit in units.items():
        for moment, text in (("centre", "first moment"), ("width", "second moment (width)")):
            xlabel = f"{text} along {axis} ({unit})"
            quantity = feature(f"{moment} {axis}")
            for log in (False, True) if full else (False,):
                yield histogram(part, "moments", f"{moment}_{axis}", xlabel, quantity, log=log)
    if part.key == "all":
        for name, text in MOMENT_TRENDS if full else MOMENT_TRENDS[:1]:
            unit = units[name[-1]]
            yield trend(part, "moments", name.replace(" ", "_"), f"{text} ({unit})", feature(name))
    for side in scaling.CORE_SIDES if full else (3,):
        name = f"core {side}x{side}"
        if name in part.reference.features.names:
            text = f"energy share of the middle {side} x {side} towers"
            yield histogram(part, "moments", f"core_{side}", text, feature(name))
            if part.key == "all":
                yield trend(part, "moments", f"core_{side}", text, feature(name))


def layer_plots(part: Slice, full: bool) -> Iterator[Plot]:
    """Width, hits and energy share in every layer."""

    units = moment_units(part.reference.summary)

    def widths(axis: str) -> Figure:
        values = [s.features.layers(f"width {axis}") for s in (part.reference, part.generated)]
        return plots.profile_plot(
            *values, labels=part.labels, title=part.title, log=False,
            xlabel="layer", ylabel=f"width along {axis} ({units[axis]})",
        )  # fmt: skip

    def hits(index: int) -> Figure:
        return plots.profile_plot(
            part.reference.summary.hits[:, :, index], part.generated.summary.hits[:, :, index],
            labels=part.labels, title=part.title, log=False, xlabel="layer",
            ylabel=f"cells above {energy_text(scaling.HIT_THRESHOLDS_GEV[index])}",
        )  # fmt: skip

    def fluctuation() -> Figure:
        return plots.trend_plot(
            *[_relative_fluctuation(s) for s in (part.reference, part.generated)],
            labels=part.labels, title=part.title, xlabel="layer", log_x=False,
            ylabel="share of the energy in a layer", bins=part.reference.summary.xz.shape[2],
        )  # fmt: skip

    for axis in "xy":
        caption = f"Transverse width along {axis} in every layer. {part.note}"
        yield Plot("layers", f"depth_{axis}_{part.key}", caption, partial(widths, axis))
    for index in range(len(scaling.HIT_THRESHOLDS_GEV)) if full else (0,):
        threshold = energy_text(scaling.HIT_THRESHOLDS_GEV[index])
        caption = f"Cells above {threshold} in every layer. {part.note}"
        yield Plot("layers", f"layer_hits_{index}_{part.key}", caption, partial(hits, index))
    caption = f"Mean and fluctuation of the energy share of every layer. {part.note}"
    yield Plot("layers", f"layer_fluctuation_{part.key}", caption, fluctuation)
    if full and part.key == "all":
        for layer in range(part.reference.summary.xz.shape[2]):
            text, name = f"energy share of layer {layer}", f"layer {layer}"
            yield histogram(part, "layers", f"layer_{layer}", text, feature(name), log=True)
            yield trend(part, "layers", f"layer_{layer}", text, feature(name))


def _relative_fluctuation(sample: Sample) -> tuple[AnyArray, AnyArray]:
    """Layer numbers and layer shares of all showers, flattened for a trend over layers."""
    shares = sample.features.of("layers").values
    layers = np.broadcast_to(np.arange(shares.shape[1], dtype=float), shares.shape)
    return layers.ravel(), shares.ravel()


def hit_plots(part: Slice, full: bool) -> Iterator[Plot]:
    """Cells above each threshold, and the spectrum of their energies."""
    for index, name in enumerate(n for n in part.reference.features.names if "hits >" in n):
        text = f"cells above {energy_text(scaling.HIT_THRESHOLDS_GEV[index])}"
        for log in (False, True) if full else (False,):
            yield histogram(part, "hits", f"hits_{index}", text, feature(name), log=log)
        if part.key == "all" and (full or index in (0, 3)):
            yield trend(part, "hits", f"hits_{index}", text, feature(name))

    def spectrum() -> Figure:
        return plots.spectrum_plot(
            part.reference.summary.spectrum, part.generated.summary.spectrum,
            np.array(scaling.CELL_SPECTRUM_EDGES_GEV), labels=part.labels, title=part.title,
        )  # fmt: skip

    caption = f"Spectrum of the cell energies. {part.note}"
    yield Plot("hits", f"spectrum_{part.key}", caption, spectrum)


def angle_plots(part: Slice, full: bool) -> Iterator[Plot]:
    """The measured angle, and how far it is from the true one."""

    def residual(sample: Sample) -> AnyArray:
        return (sample.summary.measured_theta - sample.summary.theta) / degree

    def measured(sample: Sample) -> AnyArray:
        return sample.summary.measured_theta / degree

    def against_truth() -> Figure:
        pairs = [(s.summary.theta / degree, residual(s)) for s in (part.reference, part.generated)]
        return plots.trend_plot(
            *pairs, labels=part.labels, title=part.title, xlabel="theta (degrees)", log_x=False,
            ylabel="measured - true angle (degrees)",
        )  # fmt: skip

    for log in (False, True) if full else (False,):
        yield histogram(part, "angle", "angle_residual", "measured - true angle (degrees)",
                         residual, log=log)  # fmt: skip
        yield histogram(part, "angle", "angle", "measured angle (degrees)", measured, log=log)
    if part.key == "all":
        yield trend(part, "angle", "angle", "measured - true angle (degrees)", residual)
        caption = "Measured minus true angle against the true angle: mean and spread."
        yield Plot("angle", "angle_theta", caption, against_truth)


def angle_bin_plots(result: ValidationResult) -> Iterator[Plot]:
    """Response and measured angle in bins of theta."""
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
