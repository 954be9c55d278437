"""The benchmark: cases in, report out."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from caloforge.beam import Conditions, draw
from caloforge.bench.cases import Case
from caloforge.bench.measure import (
    alone,
    fitting_count,
    in_rounds,
    kilojoules_per_million,
    to_disk,
)
from caloforge.bench.report import Baseline, Machine, Report, Row, Timing
from caloforge.card import ModelCard
from caloforge.engine.produce import collected
from caloforge.errors import InputError
from caloforge.io import Opens, ShowerFile, open_showers
from caloforge.physics.distances import validation_number
from caloforge.showers import Showers
from caloforge.units import degree

GEANT4_ATTRIBUTE = "geant4_ms_per_GeV"
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

    ``geant4`` is a sample with its recorded time; with ``live``, so many showers are simulated
    here and now instead, on all the cores. Each measurement makes at most ``showers``
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
            baseline = None if live else _recorded(sample, conditions, cores)
            reference = sample.read(0, MOST_COMPARED)
    if live:
        on_step(f"simulating {live} showers with Geant4")
        baseline = _simulated(card, conditions, live, cores)
    rows = _rows(cases, conditions, seconds, repeats, disk, on_step)
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
) -> list[Row]:
    on_step("warming up")
    counts = [fitting_count(case, conditions, seconds) for case in cases]
    parts = [conditions[:count] for count in counts]
    on_step("timing generation")
    jobs = [partial(alone, case, part) for case, part in zip(cases, parts, strict=True)]
    timings = in_rounds(jobs, counts, repeats)
    files: dict[int, Timing] = {}
    if disk is not None:
        on_step("timing generation to disk")
        writing = [i for i, case in enumerate(cases) if case.generator is not None]
        jobs = [partial(to_disk, cases[i], parts[i], disk) for i in writing]
        written = in_rounds(jobs, [counts[i] for i in writing], repeats)
        files = dict(zip(writing, written, strict=True))
    return [
        Row(
            source=case.source.card.name, runtime=case.runtime, format=case.format,
            streams=case.streams, threads=case.threads, batch=case.batch, alone=timings[i],
            to_disk=files.get(i), kilojoules_per_million=kilojoules_per_million(case, parts[i]),
        )
        for i, case in enumerate(cases)
    ]  # fmt: skip


def _recorded(sample: ShowerFile, conditions: Conditions, cores: int) -> Baseline:
    try:
        recorded = float(sample.attributes[GEANT4_ATTRIBUTE])
    except (KeyError, TypeError, ValueError):
        msg = (
            f"{sample.path} does not record how long Geant4 took "
            f"(attribute {GEANT4_ATTRIBUTE}): give another sample with --geant4"
        )
        raise InputError(msg) from None
    return Baseline(
        ms_per_gev=recorded, mean_energy_gev=float(conditions.energy.mean()),
        cores=cores, origin=f"recorded in {sample.path.name} (one core)",
    )  # fmt: skip


def _simulated(card: ModelCard, conditions: Conditions, n: int, cores: int) -> Baseline:
    from caloforge.simulate.source import Geant4Source

    source = Geant4Source(card.detector, card.window, card.particle, jobs=cores)
    _, summary = source.sample_timed(conditions[:n], seed=0)
    return Baseline(
        ms_per_gev=summary.ms_per_gev, mean_energy_gev=float(conditions.energy.mean()),
        cores=cores, origin=f"{n} showers in this run",
    )  # fmt: skip


def _with_numbers(rows: list[Row], cases: list[Case], reference: Showers) -> list[Row]:
    """The rows with their validation number; streams do not change it, so once per format."""
    known: dict[tuple[str, str, str], float] = {}
    found = []
    for row, case in zip(rows, cases, strict=True):
        key = (row.source, row.runtime, row.format)
        if key not in known:
            known[key] = _number(reference, _sample(case, reference.conditions))
        found.append(row.model_copy(update={"validation_number": known[key]}))
    return found


def _sample(case: Case, conditions: Conditions) -> Showers:
    card = case.source.card
    make = partial(case.source.batches, conditions, seed=0)
    cells = collected(make, (len(conditions), *card.cell_shape))
    return Showers(
        cells, conditions.energy, conditions.theta, card.detector, card.particle, card.calibration
    )


def _number(reference: Showers, other: Showers) -> float:
    return validation_number(reference.cells, other.cells, reference.energy, other.energy)
