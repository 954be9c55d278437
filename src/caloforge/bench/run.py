"""The benchmark: cases in, report out."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from caloforge.beam import Conditions
from caloforge.bench.baseline import LiveGeant4, recorded
from caloforge.bench.cases import Case
from caloforge.bench.measure import (
    ToDisk,
    alone,
    fitting_count,
    in_rounds,
    kilojoules_per_million,
)
from caloforge.bench.report import Machine, Report, Row, Timing
from caloforge.io import Opens, open_showers
from caloforge.physics.distances import validation_number
from caloforge.ranges import draw
from caloforge.showers import Showers
from caloforge.units import degree

MOST_COMPARED = 2000
"""Showers of the Geant4 sample that the validation number is taken from."""


def bench(
    cases: list[Case],
    *,
    geant4: Path | None,
    showers: int,
    seconds: float,
    repeats: int,
    disk: Path | None,
    cores: int,
    live: int = 0,
    opens: Opens = open_showers,
    on_step: Callable[[str], None] = lambda what: None,
) -> Report:
    """Time the cases over the first model's range of conditions, energies uniform.

    ``geant4`` is a sample with its recorded time; with ``live``, so many showers are simulated in
    the same rounds instead, on all the cores. Each measurement makes at most ``showers``
    in about ``seconds``, ``repeats`` times; ``disk`` is a folder for files, None for no files.

    Raises
    ------
    DetectorError
        if a model and the Geant4 sample belong to different detectors.
    InputError
        if the Geant4 sample is of another particle or calibration, or has no time recorded.
    """
    card = cases[0].source.card
    energy = f"{card.energy_range_gev[0]:g}:{card.energy_range_gev[1]:g}"
    angles = [f"{angle / degree:.6g}" for angle in card.theta_range_rad]
    conditions = draw(showers, energy, ":".join(angles), seed=0)
    reference, baseline = None, None
    if geant4 is not None:
        with opens(geant4) as sample:
            for case in cases:
                sample.check_model(case.source.card)
            baseline = None if live else recorded(sample, conditions, cores)
            reference = sample.read(0, MOST_COMPARED)
    beside = LiveGeant4(card, conditions, live, cores, repeats) if live else None
    rows = _rows(cases, conditions, seconds, repeats, disk, on_step, beside)
    if beside is not None:
        baseline = beside.baseline
    floor = None
    if reference is not None:
        on_step("comparing with Geant4")
        floor = _number(reference[::2], reference[1::2])
        rows = _with_numbers(rows, cases, reference)
    return Report(
        machine=Machine.here(), energy=energy, geant4=baseline, floor=floor, rows=tuple(rows)
    )


def _rows(
    cases: list[Case],
    conditions: Conditions,
    seconds: float,
    repeats: int,
    disk: Path | None,
    on_step: Callable[[str], None],
    geant4: LiveGeant4 | None,
) -> list[Row]:
    on_step("warming up")
    counts = [fitting_count(case, conditions, seconds) for case in cases]
    parts = [conditions[:count] for count in counts]
    on_step("timing generation" if geant4 is None else "timing generation and Geant4")
    jobs = [partial(alone, case, part) for case, part in zip(cases, parts, strict=True)]
    beside = (lambda number: None) if geant4 is None else geant4.simulate
    timings = in_rounds(jobs, counts, repeats, beside)
    written: list[Timing | None] = [None] * len(cases)
    sizes: list[float | None] = [None] * len(cases)
    if disk is not None:
        on_step("timing generation to disk")
        files = [ToDisk(case, part, disk) for case, part in zip(cases, parts, strict=True)]
        written = [*in_rounds(files, counts, repeats)]
        sizes = [file.bytes / count for file, count in zip(files, counts, strict=True)]
    return [
        Row(
            source=case.source.card.name, runtime=case.runtime, format=case.format,
            streams=case.plan.streams, threads=case.plan.threads, batch=case.plan.batch,
            layout=case.layout, alone=timing, to_disk=file, bytes_a_shower=size,
            kilojoules_per_million=kilojoules_per_million(case, part),
        )
        for case, part, timing, file, size in zip(
            cases, parts, timings, written, sizes, strict=True
        )
    ]  # fmt: skip


def _with_numbers(rows: list[Row], cases: list[Case], reference: Showers) -> list[Row]:
    """The rows with their validation number; streams do not change it, so once per format."""
    known: dict[tuple[str, str, str], float] = {}
    found = []
    for row, case in zip(rows, cases, strict=True):
        key = (row.source, row.runtime, row.format)
        if key not in known:
            known[key] = _number(reference, case.source.sample(reference.conditions, seed=0))
        found.append(row.model_copy(update={"validation_number": known[key]}))
    return found


def _number(reference: Showers, other: Showers) -> float:
    return validation_number(reference.cells, other.cells, reference.energy, other.energy)
