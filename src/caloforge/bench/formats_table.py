"""The formats of a model as a table, with the published figures beside them."""

from rich.table import Table

from caloforge.bench.formats import FormatRow

PUBLISHED = (
    ("Geant4 (published)", "", "12.00 1.45", "13.85 4.62", ""),
    ("3DGAN float32", "0.061", "12.02 1.46", "13.81 4.50", "0"),
    ("3DGAN float16, TFLite", "0.254", "", "", "0.133"),
    ("3DGAN plain INT8, TFLite", "0.340", "", "", "4.054"),
    ("3DGAN accuracy-driven INT8", "0.053", "12.03 1.45", "13.91 4.48", "1.550"),
)
"""Name, metric (theirs), y and z mean and width in cells, summed cell difference (their unit)."""


def formats_table(rows: list[FormatRow]) -> Table:
    """One row a format; the published ones have another metric and other machines."""
    table = Table(
        title="formats of one model, same random numbers", title_justify="left",
        caption="y and z: mean and width in cells, from 100 GeV", caption_justify="left",
    )  # fmt: skip
    table.add_column("format", overflow="fold")
    table.add_column("runs in")
    for heading in ("validation", "y", "z", "cells (GeV)", "file MB", "peak MB", "ms/shower"):
        table.add_column(heading, justify="right")
    for row in rows:
        table.add_row(
            row.name, row.runtime, f"{row.score:.4g}", f"{row.y_mean:.2f} {row.y_std:.2f}",
            f"{row.z_mean:.2f} {row.z_std:.2f}", _cost(row.pixel_gev, ".3g"),
            _cost(row.file_mb, ".2f"), _cost(row.peak_mb, ".0f"), _cost(row.ms, ".3g"),
        )  # fmt: skip
    table.add_section()
    for name, *figures in PUBLISHED:
        table.add_row(name, "", *figures, style="dim")
    return table


def _cost(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)
