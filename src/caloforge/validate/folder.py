"""The folder of a validation: written beside its place, renamed when whole."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from caloforge.atomic import partial_path, writing
from caloforge.errors import OutputError
from caloforge.lock import claimed

METRICS, REPORT, RECORD, FIGURES = "metrics.json", "report.html", "record.json", "figures"
LOG = "progress.log"
"""What a run that was stopped may have left."""

_FILES = {METRICS, REPORT, RECORD, FIGURES, LOG}


def check_folder(folder: Path) -> None:
    """Refuse a folder that cannot become a report, before any work is spent.

    Raises
    ------
    OutputError
        if it is a file, holds foreign files, its parent cannot be written, or another process is
        writing it.
    """
    if folder.name in ("", ".."):
        msg = f"cannot write '{folder}': give the report's folder a name"
        raise OutputError(msg)
    if folder.is_dir():
        foreign = sorted({p.name for p in folder.iterdir()} - _FILES)
        if foreign:
            msg = f"{folder} holds something else than a report ({foreign[0]}): give a new folder"
            raise OutputError(msg)
    elif folder.exists():
        msg = f"cannot write {folder}: it is a file, a folder is needed"
        raise OutputError(msg)
    with claimed(folder), writing(folder):
        partial = partial_path(folder)
        partial.mkdir(exist_ok=True)
        shutil.rmtree(partial)


@contextmanager
def report_folder(folder: Path) -> Iterator[Path]:
    """An empty folder to fill, which takes the place of `folder` when the context ends well.

    Raises
    ------
    OutputError
        if it cannot be written.
    """
    partial = partial_path(folder)
    with claimed(folder), writing(folder):
        shutil.rmtree(partial, ignore_errors=True)
        try:
            partial.mkdir()
            yield partial
            if folder.exists():
                shutil.rmtree(folder)
            partial.rename(folder)
        finally:
            shutil.rmtree(partial, ignore_errors=True)


def write_metrics(folder: Path, metrics: dict[str, Any]) -> None:
    """Write metrics.json, which holds no number that JSON does not know."""
    text = json.dumps(metrics, indent=2, allow_nan=False) + "\n"
    (folder / METRICS).write_text(text, encoding="utf-8")
