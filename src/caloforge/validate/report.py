"""The HTML report: one file that holds its table, its figures and its style."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import resources

from jinja2 import Environment, StrictUndefined

from caloforge import scaling
from caloforge.provenance import versions
from caloforge.validate import plots
from caloforge.validate.catalogue import SECTIONS, catalogue
from caloforge.validate.comparison import Comparison
from caloforge.validate.result import ValidationResult

TEMPLATE = "report.html.jinja"
VERDICT_TEXT = {
    "pass": "pass",
    "floor": "at the floor",
    "near": "near",
    "fail": "fail",
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

    @property
    def wide(self) -> bool:
        """Whether it takes a whole row."""
        return self.width > WIDE_PIXELS


def render_figures(
    comparison: Comparison,
    result: ValidationResult,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Picture]:
    """Draw every figure of the catalogue; `on_progress` gets how many are done, and of how many."""
    pictures = []
    planned = list(catalogue(comparison, result))
    with plots.style():
        for number, plot in enumerate(planned):
            figure = plot.draw()
            width, height = (int(side * figure.dpi) for side in figure.get_size_inches())
            data = base64.b64encode(plots.to_webp(figure)).decode()
            pictures.append(Picture(plot.section, plot.name, plot.caption, data, width, height))
            on_progress(number + 1, len(planned))
    return pictures


def render_report(result: ValidationResult, pictures: list[Picture]) -> str:
    """The report as HTML."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True,
                              lstrip_blocks=True)  # fmt: skip
    environment.filters["number"] = number
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
        figures=len(pictures),
        versions=versions(),
        made=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )


def number(value: float) -> str:
    """A score in as many digits as it deserves.

    >>> number(0.51234), number(0.00012345), number(12.0)
    ('0.512', '0.00012', '12.0')
    """
    size = abs(value)
    if size >= 10:
        return f"{value:.1f}"
    if size >= 0.1 or size == 0:
        return f"{value:.3f}"
    return f"{value:.4f}" if size >= 0.001 else f"{value:.5f}"
