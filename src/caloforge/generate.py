"""A model file as a source of showers: in memory, as a stream, or into a file that resumes."""

import time
from collections.abc import Callable
from collections.abc import Generator as Iteration
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

from caloforge.atomic import sole_writer
from caloforge.beam import Conditions, ConditionsLike
from caloforge.card import ModelCard
from caloforge.engine import AskedPrecision, Engine, read_card
from caloforge.engine.base import HitEngine
from caloforge.engine.checked import load_checked
from caloforge.engine.choose import advice, choose_plan
from caloforge.engine.runtimes import runtime_named
from caloforge.engine.turned import batches_of, hits_of
from caloforge.errors import InputError
from caloforge.hit_arrays import HitArrays
from caloforge.hits import Hits
from caloforge.impact import ImageImpact
from caloforge.io import ShowerWriter
from caloforge.io.hits_writer import HitsWriter
from caloforge.io.identity import identity_attributes
from caloforge.io.journal import Journal
from caloforge.provenance import file_digest, write_record
from caloforge.showers import Showers
from caloforge.source import ShowerSource, Sink, collected
from caloforge.typing import FloatArray
from caloforge.zoo import model_path

FLUSH_EVERY = 64
"""Batches between two entries of the journal that a killed generation resumes from."""

WRITERS: dict[str, type[ShowerWriter] | type[HitsWriter]] = {
    "gan3d": ShowerWriter,
    "hits": HitsWriter,
}
"""Layouts that showers are generated in -> what writes them."""


class Generator(ShowerSource):
    """A source of showers that runs a model file.

    Shower i under a seed is the same whatever the batch size, the streams and the cores.

    Attributes
    ----------
    engine : what computes; its ``plan`` says in which runtime and precision.
    path : the file that fixes the showers.
    notes : lines for the user: what does not suit this machine, and what is used instead.
    """

    def __init__(self, engine: Engine, path: Path, notes: tuple[str, ...] = ()) -> None:
        self.engine, self.path, self.notes = engine, path, notes

    @property
    def card(self) -> ModelCard:
        """The model's card: detector, ranges, training data, scores."""
        return self.engine.card

    @property
    def name(self) -> str:
        """The model's name and the engine that runs it."""
        return f"{self.card.name} ({self.engine.plan.runtime})"

    def sample(self, conditions: ConditionsLike, *, seed: int) -> Showers:
        """One shower for each condition; plain numbers are energies (GeV) of perpendicular ones.

        An impact point that is given says where in its pad the particle enters; the showers say it
        from the middle of their image, which may be another pad's.

        Raises
        ------
        InputError
            if an energy or angle is impossible.
        RangeError
            if an energy or angle is outside the model's range.
        """
        asked, card = Conditions.like(conditions), self.card
        make = partial(self.batches, asked, seed=seed)
        cells = collected(make, (len(asked), *card.cell_shape))
        impact = None
        if asked.impact is not None:
            impact = ImageImpact(card.detector, card.window).of_cells(cells, asked)
        return Showers(
            cells, asked.energy, asked.theta, card.detector, card.particle, card.calibration,
            asked.phi, impact,
        )  # fmt: skip

    def batches(
        self, conditions: Conditions, sink: Sink, *, seed: int, start: int = 0
    ) -> Iteration[int]:
        """Make the showers from ``start`` on, batch by batch, on all streams of the engine.

        As :meth:`caloforge.source.ShowerSource.batches`; errors, at once, as of :meth:`sample`.
        """
        self.card.validity.check(conditions)
        return batches_of(self.engine, conditions, sink, seed=seed, start=start)

    def hits(self, conditions: ConditionsLike, *, seed: int, start: int = 0) -> Iteration[Hits]:
        """The showers from ``start`` on as hits, batch by batch, in order; errors as sample."""
        asked, card = Conditions.like(conditions), self.card
        card.validity.check(asked)
        places = None if asked.impact is None else ImageImpact(card.detector, card.window)
        with closing(_hits(self.engine, asked, seed, start)) as batches:
            for first, hits in batches:
                part = asked[first : first + len(hits.offsets) - 1]
                yield Hits(
                    *hits, part.energy, part.theta, card.detector, card.window, card.particle,
                    card.calibration, part.phi,
                    None if places is None else places.of_hits(hits, part),
                )  # fmt: skip


def load(
    name_or_path: str | Path,
    *,
    runtime: str = "auto",
    precision: AskedPrecision = "auto",
    threads: int | None = None,
    streams: int | None = None,
    batch: int | None = None,
    aslant: bool = False,
) -> Generator:
    """Load a bundled model by name, or a model file, ready to make showers.

    ``threads`` is the number of cores to use (all if None), ``streams`` how many batches are
    computed side by side on them, ``batch`` the showers in a batch. ``runtime`` is a name of
    :data:`caloforge.engine.RUNTIMES`, or ``auto``: the fastest that is installed and runs the model
    rightly; the generator's notes say what was passed over. ``aslant``: what ``auto`` chooses must
    make showers of any phi.

    Raises
    ------
    ModelError
        if there is no such model, or the file is not a caloforge model.
    InputError
        if the runtime is unknown, the precision is not to be had here, or there are fewer threads
        than streams.
    MissingExtraError
        if a runtime is asked for that is not installed.
    """
    path = model_path(name_or_path)
    card = read_card(path)
    plan = choose_plan(
        path, card, runtime=runtime, precision=precision, threads=threads,
        streams=streams, batch=batch, aslant=aslant,
    )  # fmt: skip
    engine, passed_over = load_checked(path, plan, card, fixed=runtime != "auto")
    notes = (passed_over, advice(card, engine.plan))
    return Generator(engine, path, tuple(note for note in notes if note is not None))


def generate_file(
    generator: Generator,
    conditions: Conditions,
    path: Path,
    *,
    seed: int,
    layout: str = "gan3d",
    compression: str | None = None,
    on_progress: Callable[[int], None] = lambda done: None,
) -> float:
    """Generate showers into an HDF5 file and return the seconds that it took.

    ``layout`` is one of :data:`WRITERS`.  Written to ``PATH.partial`` with a journal beside it;
    after a kill the same call goes on where that ends and gives the file of an undisturbed run.

    Raises
    ------
    InputError
        if there is no such layout, or the unfinished file is of another version of the sampler.
    RangeError
        if the conditions leave the model's range.
    OutputError
        if the file cannot be written, or another process is writing it.
    """
    if layout not in WRITERS:
        msg = f"showers are generated in the layouts {', '.join(WRITERS)}, got '{layout}'"
        raise InputError(f"{msg}: caloforge convert writes others")
    generator.card.validity.check(conditions)
    began = time.perf_counter()
    request = _request(generator, conditions, seed, layout, compression)
    with sole_writer(path):
        _write(generator, conditions, path, request, on_progress)
    seconds = time.perf_counter() - began
    write_record(
        path.with_suffix(".record.json"), verb="generate", config=request,
        inputs={str(generator.path): request["model_digest"]}, seed=seed, seconds=seconds,
    )  # fmt: skip
    return seconds


def _write(
    generator: Generator,
    conditions: Conditions,
    path: Path,
    request: dict[str, Any],
    on_progress: Callable[[int], None],
) -> None:
    """Write what the request asks for, from where its journal ends."""
    journal = Journal(path, request)
    journal.check_same("sampler")
    card = generator.card
    identity = identity_attributes(card.detector, card.particle, card.calibration)
    about = {"generator": "caloforge", **identity, **request}
    about.pop("layout")
    compression = None if request["compression"] == "none" else request["compression"]
    with WRITERS[request["layout"]](
        path, card.detector, card.cell_shape, len(conditions),
        compression=compression, attributes=about, resume=journal.found,
        has_phi=conditions.phi is not None, has_impact=conditions.impact is not None,
    ) as writer:  # fmt: skip
        done = writer.goes_on_at(journal.done)
        on_progress(done)
        with journal:
            journal.note(done)
            writer.write_conditions(0, conditions)
            entered = _ImpactWriter(writer, card, conditions)
            made = _made(generator.engine, conditions, entered, request["seed"], done)
            with closing(made) as batches:
                for number, stop in enumerate(batches, 1):
                    on_progress(stop)
                    if number % FLUSH_EVERY == 0:
                        writer.flush()
                        journal.note(stop)
            writer.finish()


def _hits(
    engine: Engine, conditions: Conditions, seed: int, start: int
) -> Iteration[tuple[int, HitArrays]]:
    """As of HitEngine, also from an engine that makes cells."""
    if isinstance(engine, HitEngine):
        yield from hits_of(engine, engine.card, conditions, seed=seed, start=start)
        return
    found: dict[int, HitArrays] = {}

    def keep(first: int, cells: FloatArray) -> None:
        found[first] = HitArrays.of(cells)

    for stop in batches_of(engine, conditions, keep, seed=seed, start=start):
        while start < stop:
            batch = found.pop(start)
            yield start, batch
            start += len(batch.offsets) - 1


class _ImpactWriter:
    """Writes batches, and with them where their particles entered if the conditions say it."""

    def __init__(
        self, writer: ShowerWriter | HitsWriter, card: ModelCard, conditions: Conditions
    ) -> None:
        self.writer, self._conditions = writer, conditions
        told = conditions.impact is not None
        self._places = ImageImpact(card.detector, card.window) if told else None

    def cells(self, first: int, cells: FloatArray) -> None:
        """Write the cells (n, X, Y, Z) in GeV of showers from ``first`` on."""
        if self._places is not None:
            part = self._conditions[first : first + len(cells)]
            self.writer.write_impact(first, self._places.of_cells(cells, part))
        self.writer.write_cells(first, cells)

    def hits(self, first: int, hits: HitArrays) -> None:
        """Write the hits of showers from ``first`` on; the writer takes hits."""
        assert isinstance(self.writer, HitsWriter)
        if self._places is not None:
            part = self._conditions[first : first + len(hits.offsets) - 1]
            self.writer.write_impact(first, self._places.of_hits(hits, part))
        self.writer.write(first, hits)


def _made(
    engine: Engine, conditions: Conditions, into: _ImpactWriter, seed: int, start: int
) -> Iteration[int]:
    """Hand the showers from ``start`` on to the writer, as hits where both deal in them."""
    writer = into.writer
    if not (isinstance(writer, HitsWriter) and isinstance(engine, HitEngine)):
        yield from batches_of(engine, conditions, into.cells, seed=seed, start=start)
        return
    with closing(hits_of(engine, engine.card, conditions, seed=seed, start=start)) as batches:
        for first, hits in batches:
            into.hits(first, hits)
            yield writer.done


def _request(
    generator: Generator, conditions: Conditions, seed: int, layout: str, compression: str | None
) -> dict[str, Any]:
    """What fixes the content of a generated file."""
    runtime = generator.engine.plan.runtime
    sampler = runtime_named(runtime).sampler_version
    return ({"sampler": sampler} if sampler else {}) | {
        "model": generator.card.name,
        "model_digest": file_digest(generator.path),
        "conditions_digest": conditions.digest,
        "seed": seed,
        "runtime": runtime,
        "precision": generator.engine.plan.precision,
        "layout": layout,
        "compression": compression or "none",
    }
