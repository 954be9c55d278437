"""A model's showers in a file: what a killed generation leaves is continued to the same bytes."""

import time
from collections.abc import Callable
from collections.abc import Generator as Iteration
from contextlib import closing
from pathlib import Path
from typing import Any

from caloforge.atomic import sole_writer
from caloforge.beam import Conditions
from caloforge.card import ModelCard
from caloforge.engine import Engine
from caloforge.engine.base import HitEngine
from caloforge.engine.runtimes import runtime_named
from caloforge.engine.turned import batches_of, hits_of
from caloforge.errors import InputError
from caloforge.generate.generator import Generator
from caloforge.hit_arrays import HitArrays
from caloforge.impact import ImageImpact
from caloforge.io import ShowerWriter
from caloforge.io.hits_writer import HitsWriter
from caloforge.io.identity import identity_attributes
from caloforge.io.journal import Journal
from caloforge.provenance import file_digest, write_record
from caloforge.typing import FloatArray

FLUSH_EVERY = 64
"""Batches between two entries of the journal that a killed generation resumes from."""

WRITERS: dict[str, type[ShowerWriter] | type[HitsWriter]] = {
    "gan3d": ShowerWriter,
    "hits": HitsWriter,
}
"""Layouts that showers are generated in -> what writes them."""


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
