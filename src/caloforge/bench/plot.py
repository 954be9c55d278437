"""The figure of a benchmark: speed against fidelity, with the published speeds."""

from pathlib import Path

from caloforge.bench.published import PUBLISHED
from caloforge.bench.report import Report
from caloforge.bench.table import in_layout
from caloforge.errors import InputError
from caloforge.figures import save_figure

MARKERS = "osD^v"
"""One for each runtime in the figure."""


def plot_report(report: Report, path: Path) -> None:
    """Draw ms a shower against the validation number; published speeds are vertical lines.

    Raises
    ------
    InputError
        if nothing was compared with Geant4.
    OutputError
        if the ending names no figure format, or the file cannot be written.
    """
    if report.floor is None:
        msg = "the plot needs the fidelity: give a Geant4 sample with --geant4"
        raise InputError(msg)
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.add_subplot()
    compared = [row for row in report.rows if row.validation_number is not None]
    sources = dict.fromkeys(row.source for row in compared)
    colours = {source: f"C{number}" for number, source in enumerate(sources)}
    markers = dict(zip(dict.fromkeys(row.runtime for row in compared), MARKERS, strict=False))
    for row in compared:
        assert row.validation_number is not None
        place = (row.alone.median_ms, row.validation_number)
        marker, colour = markers[row.runtime], colours[row.source]
        axes.plot(*place, marker, color=colour, markersize=8, alpha=0.8)
        axes.annotate(
            f"{in_layout(row)}, {row.streams} x {row.threads}", place, xytext=(0, 9),
            textcoords="offset points", rotation=90, fontsize=6, ha="center",
        )  # fmt: skip
    for source, colour in colours.items():
        axes.plot([], [], "o", color=colour, label=source)
    for runtime, marker in markers.items():
        axes.plot([], [], marker, color="grey", label=runtime)
    axes.axhline(report.floor, color="grey", linestyle="--", label="half of Geant4 against half")
    for found in PUBLISHED:
        if found.ms is not None and found.speed_up != 1:
            axes.axvline(found.ms, color="tab:brown", linewidth=0.8, alpha=0.6)
            axes.text(
                found.ms, 0.98, found.what, rotation=90, fontsize=6, va="top", ha="right",
                transform=axes.get_xaxis_transform(),
            )  # fmt: skip
    axes.set(
        xscale="log", yscale="log", xlabel="ms a shower", ylabel="validation number (0 is perfect)",
        title=f"{report.machine.cpu}, {report.machine.cores} cores",
    )  # fmt: skip
    axes.margins(y=0.4)
    axes.legend(fontsize=7, loc="best")
    save_figure(figure, path)
