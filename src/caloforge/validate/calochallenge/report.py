"""The protocol's tables: scores with floors, and the published entries beside this sample."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources

from jinja2 import Environment, StrictUndefined

from caloforge.card import with_error
from caloforge.provenance import versions
from caloforge.validate.calochallenge.figures import protocol_figures
from caloforge.validate.calochallenge.published import REFERENCE, Entry, published_entries
from caloforge.validate.calochallenge.result import (
    IN_THOUSANDTHS,
    TITLES,
    ProtocolResult,
    ProtocolScore,
)

TEMPLATE = "report.html.jinja"
PUBLISHED_HEADINGS = (
    "entry",
    "CPU ms at batch 1/100/10000",
    "AUC voxels/ features/ResNet",
    TITLES["fpd"],
    TITLES["kpd"],
)


def score_rows(result: ProtocolResult) -> list[tuple[str, str, str, str]]:
    """Title, score, floor and showers a side of every score, as text."""
    return [
        (_title(name), *_pair(name, score), f"{score.showers} ({score.floor_showers})")
        for name, score in result.scores.items()
    ]


def published_rows(result: ProtocolResult) -> list[tuple[str, ...]]:
    """The published entries; this sample and its floor above them only where they compare.

    An AUC grows, FPD and KPD shrink with the number of showers: a smaller sample than the
    Challenge's does not stand in one table with its entries.
    """
    if result.dataset.published is None:
        return []
    rows = [_entry_row(entry) for entry in published_entries(result.dataset.published)]
    return _own_rows(result) + rows if result.comparable else rows


def _own_rows(result: ProtocolResult) -> list[tuple[str, ...]]:
    labels = result.labels[1], f"{result.labels[0]}, two halves"
    rows = []
    for side, label in zip(("value", "floor"), labels, strict=True):
        numbers = {name: getattr(score, side) for name, score in result.scores.items()}
        aucs = [numbers.get(name) for name in ("auc_low", "auc_high", "auc_resnet")]
        rows.append(_row(label, [None] * 3, aucs, 1000 * numbers["fpd"], 1000 * numbers["kpd"]))
    return rows


def published_remark(result: ProtocolResult) -> str:
    """What the published entries are, and whether this sample compares with them."""
    dataset = result.dataset
    if dataset.published is None:
        return "No published entries: these are not the voxels of one of the Challenge's datasets."
    source = (
        f"Published entries of dataset {dataset.name} (arXiv 2410.21611), judged on "
        f"{dataset.showers} showers a side: means over ten trainings; CPU times on the Challenge's "
        "machine."
    )
    if result.comparable:
        return source
    return (
        f"{source} This sample is not among them: it was judged on {result.showers}, and an AUC "
        "grows with the number of showers."
    )


def render_protocol(result: ProtocolResult) -> str:
    """The report as HTML, one file."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True,
                              lstrip_blocks=True)  # fmt: skip
    source = (resources.files(__package__) / TEMPLATE).read_text(encoding="utf-8")
    return environment.from_string(source).render(
        result=result,
        scores=score_rows(result),
        published=published_rows(result),
        headings=PUBLISHED_HEADINGS,
        remark=published_remark(result),
        figures=list(protocol_figures(result)),
        versions=versions(),
    )


def _title(name: str) -> str:
    return TITLES.get(name, name[0].upper() + name[1:])


def _pair(name: str, score: ProtocolScore) -> tuple[str, str]:
    """Score and floor as text, in the unit of the Challenge's tables."""
    unit = 1000.0 if name in IN_THOUSANDTHS else 1.0
    value, floor = (
        with_error(unit * value, None if error is None else unit * error)
        for value, error in ((score.value, score.error), (score.floor, score.floor_error))
    )
    return value, floor


def _entry_row(entry: Entry) -> tuple[str, ...]:
    name = "Geant4, published" if entry.entry == REFERENCE else entry.entry
    times = [entry.cpu_ms_1, entry.cpu_ms_100, entry.cpu_ms_10000]
    aucs = [entry.auc_low, entry.auc_high, entry.auc_resnet]
    return _row(name, times, aucs, entry.fpd_e3, entry.kpd_e3)


def _row(
    name: str,
    times: Sequence[float | None],
    aucs: Sequence[float | None],
    fpd: float | None,
    kpd: float | None,
) -> tuple[str, ...]:
    def text(number: float | None, places: int) -> str:
        return "-" if number is None else f"{number:.{places}f}"

    cpu = "/".join(text(ms, 0 if ms is None or ms >= 10 else 1) for ms in times)
    auc = "/".join(text(number, 3).removeprefix("0") for number in aucs)
    return name, cpu, auc, text(fpd, 1), text(kpd, 2)
