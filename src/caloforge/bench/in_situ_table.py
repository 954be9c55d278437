"""The in-situ run as tables in the terminal."""

from collections.abc import Iterator

from rich.table import Table

from caloforge.bench.in_situ import InSituReport, LoopTiming
from caloforge.bench.in_situ_observables import Agreement


def in_situ_tables(report: InSituReport) -> Iterator[Table]:
    """Events a second, then what the sensitive detectors saw."""
    yield _speed(report)
    yield _agreement(report)


def _speed(report: InSituReport) -> Table:
    many = f"{report.particles} particles" if report.particles > 1 else "one particle"
    phi = "" if report.phi is None else f", phi {report.phi}"
    title = (
        f"{report.model} ({report.runtime}) in Geant4's event loop: {report.energy} GeV, "
        f"theta {report.theta}{phi} degrees, {many} an event"
    )
    caption = "processor time of one core; everything between two events is in it"
    table = Table(title=title, caption=caption, title_justify="left", caption_justify="left")
    table.add_column("simulation")
    for heading in ("events", "events/s", "ms/event", "speed-up"):
        table.add_column(heading, justify="right")
    median, low, high = report.speed_up
    table.add_row("full", *_timing(report.full), "1")
    table.add_row("fast", *_timing(report.fast), f"{median:,.0f} ({low:,.0f}-{high:,.0f})")
    if report.taken < 1:
        table.add_row(f"  {report.taken:.1%} of the particles by the model", "", "", "", "")
    return table


def _timing(timing: LoopTiming) -> tuple[str, str, str]:
    spread = f"{timing.median_ms:.3g} ({timing.low_ms:.3g}-{timing.high_ms:.3g})"
    return f"{timing.events:,}", f"{timing.events_per_second:,.3g}", spread


def _agreement(report: InSituReport) -> Table:
    title = f"what the sensitive detectors saw of the same {report.full.events} events"
    table = Table(title=title, title_justify="left")
    table.add_column("mean over events")
    for heading in ("full", "fast", "difference"):
        table.add_column(heading, justify="right")
    for row in report.agreement:
        table.add_row(row.what, f"{row.full:.4g}", f"{row.fast:.4g}", _difference(row))
    return table


def _difference(row: Agreement) -> str:
    if row.relative:
        return f"{row.difference:+.1%} ± {row.error:.1%}"
    return f"{row.difference:+.2f} ± {row.error:.2f}"
