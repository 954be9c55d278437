"""A production from request to file: shards, resumed where they are there, then one sample."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import NamedTuple, Protocol

import numpy as np

from caloforge.atomic import check_room, check_writable, sole_writer
from caloforge.calibration import DEPOSITED
from caloforge.errors import DetectorError, InputError
from caloforge.io import ShowerWriter
from caloforge.io.gan3d_writer import sample_bytes
from caloforge.io.identity import identity_attributes
from caloforge.provenance import write_record
from caloforge.showers import Showers
from caloforge.simulate.pool import OnShowers, Pool
from caloforge.simulate.request import PHYSICS, PRODUCTION_CUT_MM, Production
from caloforge.simulate.shards import Shard, ShardFolder, shards_path
from caloforge.typing import Float64Array

IMAGE_BYTES = 2**26
"""Most bytes of images that are unfolded at a time when the sample is written."""

OnProgress = Callable[[int], None]
"""Called with how many showers of the production are finished."""


class Runner(Protocol):
    """Makes the missing shards of a folder, on this machine or elsewhere."""

    def __call__(self, folder: ShardFolder, on_showers: OnShowers) -> None:
        """Return when every shard is on disk."""
        ...


@dataclass(frozen=True)
class LocalRunner:
    """Worker processes on this machine."""

    jobs: int = 1

    def __call__(self, folder: ShardFolder, on_showers: OnShowers) -> None:
        shards = folder.production.shards
        Pool(folder, {n: shards[n] for n in folder.missing()}, self.jobs, on_showers).run()


@dataclass(frozen=True)
class ProductionSummary:
    """What a production took: processor seconds of each shower (N,), and seconds of the call.

    ``ms_per_gev`` is *the* number for Geant4's speed, here and in ``caloforge bench``: the median
    over the showers of one core's milliseconds per GeV of primary energy. The record beside the
    sample has it as ``geant4_ms_per_GeV``, samples of others as an attribute; ours hold no times,
    so that their bytes depend on nothing but the request. ``aborted`` counts the events that
    Geant4 aborted and that were made again, ``empty`` the showers that left nothing in a cell.
    ``beside`` is the share of the energy beside the image, as far as it is scored: out to twice the
    detector's largest window, and in a cylinder nowhere.
    """

    seconds_per_shower: Float64Array
    seconds: float
    ms_per_gev: float
    aborted: int
    empty: int
    beside: float = 0.0


class Assembled(NamedTuple):
    """Of the shards' showers: processor seconds (N,), how many events were aborted, how many
    showers are empty, and which share of the energy lies beside the image."""

    seconds: Float64Array
    aborted: int
    empty: int
    beside: float


def produce(
    production: Production,
    output: Path,
    *,
    runner: Runner | None = None,
    compression: str | None = None,
    on_progress: OnProgress = lambda done: None,
) -> ProductionSummary:
    """Simulate a production into an HDF5 sample, continuing what is there already.

    The sample is the same, byte for byte, whatever the number of jobs and interruptions; the
    seconds of each shower, which are not, go into the record beside it (``.record.json``).

    Raises
    ------
    OutputError
        if the output cannot be written, another process is writing it, or shards of another
        production are in its way.
    SimulationError
        if Geant4 gives up.
    """
    began = perf_counter()
    check_output(production, output, compression)
    with sole_writer(output):
        folder = ShardFolder(shards_path(output), production)
        _fill(folder, runner or LocalRunner(), on_progress)
        found = assemble(folder, output, compression)
        rate = float(np.median(1e3 * found.seconds / production.conditions.energy))
        summary = ProductionSummary(
            found.seconds, perf_counter() - began, rate, found.aborted, found.empty, found.beside
        )
        _record(production, output, summary)
        folder.remove()
    return summary


def _fill(folder: ShardFolder, runner: Runner, on_progress: OnProgress) -> None:
    """Make the shards that are missing; a folder that a refused detector leaves empty goes."""
    production, missing = folder.production, folder.missing()
    done = len(production) - sum(len(production.shards[n]) for n in missing)
    on_progress(done)

    def count(showers: int) -> None:
        nonlocal done
        done += showers
        on_progress(done)

    if missing:
        try:
            runner(folder, count)
        except (DetectorError, InputError):
            if len(folder.missing()) == len(production.shards):
                folder.remove()
            raise


def _record(production: Production, output: Path, summary: ProductionSummary) -> None:
    """Note beside the sample how it came to be, with the seconds that its showers took."""
    per_shower = summary.seconds_per_shower
    write_record(
        output.with_suffix(".record.json"),
        verb="simulate",
        config={
            **production.description,
            "geant4_seconds": round(float(per_shower.sum()), 3),
            "geant4_ms_per_GeV": round(summary.ms_per_gev, 4),
            "aborted_events_made_again": summary.aborted,
            "empty_showers": summary.empty,
            "energy_beside_window": round(summary.beside, 6),
            "seconds_per_shower": [round(float(each), 6) for each in per_shower],
        },
        inputs={},
        seed=production.seed,
        seconds=summary.seconds,
    )


def replay(production: Production, event: int) -> tuple[Showers, float]:
    """Simulate one shower of a production again; return it, and its seconds.

    Raises
    ------
    InputError
        if the production has no such event.
    SimulationError
        if Geant4 gives up.
    """
    if not 0 <= event < len(production):
        msg = f"there is no event {event}: the production has events 0-{len(production) - 1}"
        raise InputError(msg)
    with TemporaryDirectory(prefix="caloforge-") as path:
        folder = ShardFolder(Path(path), production)
        Pool(folder, {0: np.array([event])}, jobs=1).run()
        shard = Shard.load(folder.file(0))
    cells = shard.hits[0].image(production.cell_shape)[None]
    condition = production.conditions[event]
    shower = Showers(
        cells, condition.energy, condition.theta, production.detector, production.particle,
        phi=condition.phi, impact=shard.impact if _has_impact(production) else None,
    )  # fmt: skip
    return shower, float(shard.seconds[0])


def assemble(folder: ShardFolder, output: Path, compression: str | None) -> Assembled:
    """Write the sample from its shards; what they say of it."""
    production = folder.production
    shape = production.cell_shape
    seconds, aborted, empty = np.zeros(len(production)), 0, 0
    inside = beside = 0.0
    version = folder.load(0).geant4
    at_once = max(1, IMAGE_BYTES // (4 * math.prod(shape)))
    attributes = {
        "generator": f"Geant4 {version}, {PHYSICS}, {PRODUCTION_CUT_MM} mm cut",
        "geant4_data": production.data.title,
        **identity_attributes(production.detector, production.particle, DEPOSITED),
        "seed": production.seed,
        "window": production.window,
    }
    with ShowerWriter(
        output, production.detector, shape, len(production),
        compression=compression, attributes=attributes,
        has_phi=production.conditions.phi is not None, has_impact=_has_impact(production),
    ) as writer:  # fmt: skip
        for number, events in enumerate(production.shards):
            shard = folder.load(number)
            for first in range(0, len(events), at_once):
                part = events[first : first + at_once]
                hits = shard.hits[first : first + at_once]
                cells = np.stack([each.image(shape) for each in hits])
                writer.write(int(part[0]), cells, production.conditions[part])
            if _has_impact(production):
                writer.write_impact(int(events[0]), shard.impact)
            seconds[events] = shard.seconds
            aborted += shard.aborted
            empty += sum(each.index.size == 0 for each in shard.hits)
            inside += sum(float(each.energy.sum(dtype=np.float64)) for each in shard.hits)
            beside += sum(each.beside for each in shard.hits)
        writer.finish()
    return Assembled(seconds, aborted, empty, beside / max(inside + beside, 1e-30))


def _has_impact(production: Production) -> bool:
    """Whether showers tell where their particles entered: in a cylinder it is always its axis."""
    return production.detector.readout == "pads"


def check_output(production: Production, output: Path, compression: str | None) -> None:
    """Refuse an output before hours are spent on it.

    Raises
    ------
    OutputError
        if it cannot be written, or the disk has no room for an uncompressed sample.
    """
    check_writable(output)
    if compression is None:
        n = len(production)
        check_room(output, sample_bytes(n, production.cell_shape), f"{n} showers")
