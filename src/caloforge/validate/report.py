"""The HTML report: one file that holds its table, its figures and its style."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import resources

from jinja2 import Environment, StrictUndefined

from caloforge import scaling
from caloforge.card import with_error
from caloforge.provenance import versions
from caloforge.validate import figure_style
from caloforge.validate.catalogue import SECTIONS, catalogue
from caloforge.validate.comparison import Comparison
from caloforge.validate.result import ValidationResult
from caloforge.validate.slices import energy_span

TEMPLATE = "report.html.jinja"
VERDICT_TEXT = {
    "pass": "pass",
    "floor": "at floor",
    "near": "near",
    "fail": "fail",
    "undecided": "undecided",
}
WIDE_PIXELS = 700


@dataclass(frozen=True)
class Picture:
    """A figure, rendered."""

    section: str
    name: str
    caption: str
    data: str
    width: int
    height: int
    file: bytes = b""
    """The figure as a file of its own, if that was asked for."""

    @property
    def wide(self) -> bool:
        """Whether it takes a whole row."""
        return self.width > WIDE_PIXELS


def render_figures(
    comparison: Comparison,
    result: ValidationResult,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    ending: str | None = None,
) -> list[Picture]:
    """Draw every figure of the catalogue, also as files where an `ending` is given.

    `on_progress` gets how many are done, and of how many.
    """
    pictures = []
    planned = list(catalogue(comparison, result))
    with figure_style.style():
        for number, plot in enumerate(planned):
            figure = plot.draw()
            width, height = (int(side * figure.dpi) for side in figure.get_size_inches())
            data = base64.b64encode(figure_style.to_webp(figure)).decode()
            file = figure_style.to_file(figure, ending) if ending else b""
            pictures.append(
                Picture(plot.section, plot.name, plot.caption, data, width, height, file)
            )
            on_progress(number + 1, len(planned))
    return pictures


def render_report(result: ValidationResult, pictures: list[Picture]) -> str:
    """The report as HTML."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True,
                              lstrip_blocks=True)  # fmt: skip
    environment.globals["with_error"] = with_error
    environment.globals["span"] = energy_span
    source = (resources.files("caloforge.validate") / TEMPLATE).read_text(encoding="utf-8")
    sections = {
        key: [picture for picture in pictures if picture.section == key] for key in SECTIONS
    }
    return environment.from_string(source).render(
        result=result,
        sections={key: found for key, found in sections.items() if found},
        titles=SECTIONS,
        verdicts=VERDICT_TEXT,
        sigmas=scaling.FLOOR_SIGMAS,
        meaningless=scaling.MEANINGLESS_ERROR,
        figures=len(pictures),
        versions=versions(),
        made=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )
