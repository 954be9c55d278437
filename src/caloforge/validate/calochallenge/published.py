"""The Challenge's published results, each of its entries a row (arXiv 2410.21611).

The ``*.csv`` hold the means and standard deviations over ten trainings that stand in the
Challenge's result files (https://github.com/CaloChallenge/homepage, final_results); CPU times in
ms a shower at batch sizes 1, 100 and 10 000, on the Challenge's machine.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass, fields
from importlib import resources

REFERENCE = "Geant4"
"""The row of Geant4 against itself."""


@dataclass(frozen=True)
class Entry:
    """A row of a result file; None is what was not measured. FPD and KPD are times 1000."""

    entry: str
    cpu_ms_1: float | None
    cpu_ms_100: float | None
    cpu_ms_10000: float | None
    auc_low: float | None
    auc_low_error: float | None
    auc_high: float | None
    auc_high_error: float | None
    auc_resnet: float | None
    auc_resnet_error: float | None
    fpd_e3: float | None
    fpd_e3_error: float | None
    kpd_e3: float | None
    kpd_e3_error: float | None


def published_entries(file: str) -> list[Entry]:
    """The entries of a dataset, in the order of the Challenge's paper, Geant4 itself first.

    >>> {e.entry: e.auc_low for e in published_entries("dataset_2.csv")}["CaloDREAM"]
    0.5308
    """
    text = (resources.files(__package__) / file).read_text(encoding="utf-8")
    names = [field.name for field in fields(Entry)[1:]]
    return [
        Entry(row["entry"], **{name: float(row[name]) if row[name] else None for name in names})
        for row in csv.DictReader(text.splitlines())
    ]
