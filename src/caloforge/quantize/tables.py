"""What quantizing found out, as tables in the terminal."""

from collections.abc import Iterator

from rich.table import Table

from caloforge.engine import RUNTIMES
from caloforge.quantize.run import Outcome

PUBLISHED_METRIC = "published 3DGAN, half of it in INT8: 1.73-1.8x faster, score 0.053, was 0.061"


def outcome_tables(outcome: Outcome) -> Iterator[Table]:
    """Tuning log, sensitivity of the layers and the formats on this machine."""
    yield _log(outcome)
    if outcome.sensitivity:
        yield _sensitivity(outcome)
    yield _formats(outcome)


def _log(outcome: Outcome) -> Table:
    kept = f"float32 + {outcome.max_drop:.2g} is allowed; floor {outcome.floor:.3g}"
    slower = ", ".join(outcome.slower) or "none"
    caption = f"left in float because INT8 is slower there: {slower}\n{PUBLISHED_METRIC}"
    table = _table(f"tuning log: {outcome.score} (0 is perfect), {kept}", caption)
    table.add_column("step", justify="right")
    table.add_column("layers in INT8", justify="right")
    table.add_column("taken back to float", overflow="fold")
    for heading in ("score", "ms/shower"):
        table.add_column(heading, justify="right")
    everything = max((step.quantized for step in outcome.log), key=len, default=())
    for step in outcome.log:
        back = [layer for layer in everything if layer not in step.quantized]
        what = ", ".join(back) if step.quantized else "all"
        count = f"{len(step.quantized)} of {step.layers}"
        table.add_row(str(step.step), count, what, f"{step.score:.4g}", f"{step.ms:.3g}")
    return table


def _sensitivity(outcome: Outcome) -> Table:
    table = _table("each layer alone in INT8, against float32 at equal random numbers")
    table.add_column("layer", overflow="fold")
    for heading in ("score", "cells (GeV/shower)", "most affected"):
        table.add_column(heading, justify="right")
    for found in sorted(outcome.sensitivity, key=lambda found: -found.score):
        worst = found.most_affected
        change = f"{worst} {found.observables[worst]:+.2%}"
        table.add_row(found.layer, f"{found.score:+.2g}", f"{found.pixel_gev:.3g}", change)
    return table


def _formats(outcome: Outcome) -> Table:
    table = _table(f"formats on this machine ({outcome.machine})")
    for heading in ("format", "runs in"):
        table.add_column(heading)
    for heading in ("score", "ms/shower", "faster than float32"):
        table.add_column(heading, justify="right")
    plain = outcome.formats[0]
    for found in outcome.formats:
        mark = " (recommended)" if found.name == outcome.recommended else ""
        title = RUNTIMES[found.runtime].title
        gain = f"{plain.ms / found.ms:.2f}x"
        table.add_row(f"{found.name}{mark}", title, f"{found.score:.4g}", f"{found.ms:.3g}", gain)
    return table


def _table(title: str, caption: str | None = None) -> Table:
    return Table(title=title, caption=caption, title_justify="left", caption_justify="left")
