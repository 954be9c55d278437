"""A benchmark's report as tables in the terminal."""

from collections.abc import Iterator
from pathlib import Path

from rich.table import Table

from caloforge.bench.published import PUBLISHED
from caloforge.bench.report import Report, Row, Timing
from caloforge.engine.tune import Trial

NUMBERS = ("ms/shower", "to disk", "kB", "speed-up", "to disk", "validation")


def report_tables(report: Report) -> Iterator[Table]:
    """Our rows with the Geant4 baseline, then the published figures."""
    yield measured_table(report)
    yield published_table()


def measured_table(report: Report) -> Table:
    """A row for each source: median ms a shower with half the spread, and what it is worth."""
    machine = report.machine
    title = f"{machine.cpu}, {machine.cores} cores ({machine.capabilities}), {report.energy} GeV"
    caption = (
        "streams x threads of each, batch; kB of a shower in the file; speed-up over Geant4 on as "
        "many cores"
    )
    table = Table(title=title, caption=caption, title_justify="left", caption_justify="left")
    table.add_column("source", overflow="fold")
    table.add_column("runs in", overflow="fold")
    energy_known = any(row.kilojoules_per_million is not None for row in report.rows)
    for heading in (*NUMBERS, *(("kJ/million",) if energy_known else ())):
        table.add_column(heading, justify="right")
    if report.geant4 is not None:
        cores = f"{report.geant4.cores} cores, {report.geant4.origin}"
        floor = "" if report.floor is None else f"floor {report.floor:.2g}"
        table.add_row("Geant4", cores, f"{report.geant4.ms:.0f}", "", "", "1", "", floor)
    for row in report.rows:
        table.add_row(*_cells(report, row, energy_known))
    return table


def published_table() -> Table:
    """What others have published, on their machines and against their Geant4."""
    table = Table(title="published, on other machines", title_justify="left", style="dim")
    table.add_column("source", overflow="fold")
    table.add_column("where", overflow="fold")
    for heading in "ms/shower", "speed-up":
        table.add_column(heading, justify="right")
    for found in PUBLISHED:
        table.add_row(found.what, found.source, _number(found.ms), _times(found.speed_up))
    return table


def tuning_table(path: Path, trials: list[Trial]) -> Table:
    """The plans that were tried for a model, fastest first."""
    table = Table(title=f"{path.name}: the first is used from now on", title_justify="left")
    for heading in ("runtime", "precision", "streams", "threads", "batch", "ms/shower"):
        table.add_column(
            heading, justify="left" if heading in ("runtime", "precision") else "right"
        )
    for plan, ms in trials:
        shared = (str(value) for value in (plan.streams, plan.threads, plan.batch))
        table.add_row(plan.runtime, plan.precision, *shared, f"{ms:.4g}")
    return table


def _cells(report: Report, row: Row, energy_known: bool) -> list[str]:
    cells = [
        row.source,
        f"{row.runtime} {in_layout(row)}, {row.streams} x {row.threads}, {row.batch}",
        str(row.alone),
        _disk(row.to_disk),
        _number(None if row.bytes_a_shower is None else row.bytes_a_shower / 1e3),
        _times(report.speed_up(row.alone)),
        _times(report.speed_up(row.to_disk)),
        _number(row.validation_number),
    ]
    return [*cells, _number(row.kilojoules_per_million)] if energy_known else cells


def in_layout(row: Row) -> str:
    """The number format of a row, and its layout where that is not all cells."""
    return row.format if row.layout == "gan3d" else f"{row.format} {row.layout}"


def _disk(timing: Timing | None) -> str:
    return "" if timing is None else str(timing)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


def _times(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}"
