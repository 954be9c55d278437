"""Sample files into a folder of results: metrics.json, report.html and record.json."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Protocol

from caloforge import scaling
from caloforge.io import Opens, ShowerFile, open_showers
from caloforge.io.parts import sample_digest
from caloforge.provenance import write_record
from caloforge.showers import Showers
from caloforge.validate.alike import SampleKind
from caloforge.validate.comparison import compare, reduce_showers
from caloforge.validate.folder import (
    FIGURES,
    RECORD,
    REPORT,
    check_folder,
    report_folder,
    write_metrics,
)
from caloforge.validate.report import Picture, render_figures, render_report
from caloforge.validate.result import Level, ValidationResult
from caloforge.validate.suite import score


class OnStep(Protocol):
    """Hears how far the work is: a step's name, and how much of it is done."""

    def __call__(self, step: str, done: int = 0, total: int | None = None) -> None: ...


def silent(step: str, done: int = 0, total: int | None = None) -> None:
    """A reporter that says nothing."""


def validate_files(
    reference: Path,
    generated: Path,
    folder: Path,
    *,
    level: Level = "quick",
    seed: int = 0,
    training: Path | None = None,
    figures: str | None = None,
    opens: Opens = open_showers,
    on_progress: OnStep = silent,
) -> ValidationResult:
    """Compare two sample files and write metrics.json, report.html and record.json to `folder`.

    At most scaling.VALIDATION_MAX_SHOWERS of each file are read. `training` is what the model was
    trained on, for the memorisation check. `figures` (png, pdf or svg) writes each figure as a file
    of its own, too. `opens` opens the files.

    Raises
    ------
    InputError, DetectorError
        if a file cannot be read, has too few showers, or belongs to another detector or particle,
        or its cells mean something else.
    OutputError
        if the folder cannot be written, or holds something else than a former report.
    """
    start = time.perf_counter()
    check_folder(folder)
    inputs = [path for path in (reference, generated, training) if path is not None]
    result, pictures = _work(
        reference, generated, training, level, seed, figures, opens, on_progress
    )
    with report_folder(folder) as partial:
        (partial / REPORT).write_text(render_report(result, pictures), encoding="utf-8")
        if figures:
            (partial / FIGURES).mkdir()
            for picture in pictures:
                (partial / FIGURES / f"{picture.name}.{figures}").write_bytes(picture.file)
        write_metrics(partial, result.to_dict())
        write_record(
            partial / RECORD, verb="validate", config={"level": level},
            inputs={str(path): sample_digest(path) for path in inputs},
            seed=seed, seconds=time.perf_counter() - start,
        )  # fmt: skip
    return result


def _work(
    reference: Path,
    generated: Path,
    training: Path | None,
    level: Level,
    seed: int,
    figures: str | None,
    opens: Opens,
    on_progress: OnStep,
) -> tuple[ValidationResult, list[Picture]]:
    with opens(reference) as first, opens(generated) as second:
        kind, labels = kind_of(first), sample_labels(first, second)
        kind.check(kind_of(second), labels)
        if training is not None:
            _check_training(training, kind, labels[0], opens)
        on_progress("reading")
        comparison = compare(_chunks(first), _chunks(second), labels)
        notes = tuple(chain.from_iterable(map(_cut, (first, second))))
    library = None
    if training is not None:
        with opens(training) as known:
            chunks = kind.convert(_chunks(known))
            library = reduce_showers(chunks, "the training sample")[0].summary
    result = score(comparison, level=level, seed=seed, library=library, on_progress=on_progress)
    result = replace(result, notes=(*result.notes, *notes))
    pictures = render_figures(
        comparison, result, lambda done, total: on_progress("figures", done, total), figures
    )
    return result, pictures


def kind_of(file: ShowerFile) -> SampleKind:
    """The kind of showers that a sample holds."""
    return SampleKind(file.detector, tuple(file.cell_shape), file.particle, file.calibration)


def _check_training(training: Path, kind: SampleKind, label: str, opens: Opens) -> None:
    """Refuse a training sample whose showers cannot be compared with the reference's."""
    with opens(training) as known:
        kind.check(kind_of(known), (label, str(training)))


def _chunks(file: ShowerFile) -> Iterator[Showers]:
    return file.chunks(stop=scaling.VALIDATION_MAX_SHOWERS)


def _cut(file: ShowerFile) -> list[str]:
    most = scaling.VALIDATION_MAX_SHOWERS
    if len(file) <= most:
        return []
    return [f"{file.path.name} holds {len(file)} showers: the first {most} were compared."]


def sample_labels(reference: ShowerFile, generated: ShowerFile) -> tuple[str, str]:
    """How the samples are called: Geant4 where the file says so, else the files' names."""
    names = [
        "Geant4" if str(file.attributes.get("generator", "")).startswith("Geant4")
        else file.path.stem
        for file in (reference, generated)
    ]  # fmt: skip
    if names[0] == names[1]:
        names = [file.path.stem for file in (reference, generated)]
    if names[0] == names[1]:
        names[1] += " (2)"
    return names[0], names[1]
