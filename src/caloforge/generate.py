"""A model file as a source of showers: in memory, as a stream, or into a file that resumes."""

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from caloforge.atomic import partial_path, writing
from caloforge.beam import Conditions
from caloforge.card import ModelCard
from caloforge.engine import Engine, Runtime, load_engine
from caloforge.engine.latent import draw_latent
from caloforge.errors import InputError
from caloforge.io import ShowerWriter
from caloforge.provenance import array_digest, file_digest, write_record
from caloforge.showers import Showers
from caloforge.typing import FloatArray
from caloforge.zoo import model_path

DEFAULT_BATCH = 128
FLUSH_EVERY = 64
"""Batches between two entries of the journal that a killed generation resumes from."""


class Generator:
    """A ShowerSource that runs a model file.

    Shower i under a seed is the same whatever the batch size and the number of cores.
    """

    def __init__(self, engine: Engine, path: Path, *, batch: int = DEFAULT_BATCH) -> None:
        if batch < 1:
            msg = f"the batch must be at least 1 shower, got {batch}"
            raise InputError(msg)
        self.engine, self.path, self.batch = engine, path, batch

    @property
    def card(self) -> ModelCard:
        """The model's card: detector, ranges, training data, scores."""
        return self.engine.card

    @property
    def name(self) -> str:
        """The model's name and the engine that runs it."""
        return f"{self.card.name} ({self.engine.runtime})"

    def sample(
        self, energy: Conditions | ArrayLike, theta: ArrayLike = np.pi / 2, *, seed: int
    ) -> Showers:
        """One shower for each energy (GeV) and theta (rad), or for each of the conditions.

        Raises
        ------
        RangeError
            if an energy or angle is outside the model's range.
        """
        conditions = energy if isinstance(energy, Conditions) else Conditions.of(energy, theta)
        cells = np.empty((len(conditions), *self.card.cell_shape), np.float32)
        for start, part in self.stream(conditions, seed=seed):
            cells[start : start + len(part)] = part
        return Showers(cells, conditions.energy, conditions.theta, self.card.detector)

    def stream(
        self, conditions: Conditions, *, seed: int, start: int = 0
    ) -> Iterator[tuple[int, FloatArray]]:
        """Batches of cells (n, X, Y, Z) in GeV with the number of their first shower.

        ``start`` (a multiple of the batch) leaves out the showers before it. The random numbers
        of the next batch are drawn while one is computed.
        """
        self.card.check_range(conditions)
        starts = range(start, len(conditions), self.batch)
        with ThreadPoolExecutor(1) as pool:
            coming = pool.submit(self._latent, seed, start)
            for first in starts:
                latent = coming.result()
                coming = pool.submit(self._latent, seed, first + self.batch)
                rows = np.arange(first, first + self.batch).clip(max=len(conditions) - 1)
                cells = self.engine.run(latent, conditions.energy[rows], conditions.theta[rows])
                yield first, cells[: len(conditions) - first]

    def _latent(self, seed: int, first: int) -> FloatArray:
        return draw_latent(self.card.latent, seed, first, first + self.batch)


def load(
    name_or_path: str | Path,
    *,
    runtime: Runtime = "auto",
    threads: int | None = None,
    batch: int = DEFAULT_BATCH,
) -> Generator:
    """Load a bundled model by name, or a model file, ready to make showers.

    Raises
    ------
    ModelError
        if there is no such model, or the file is not a caloforge model.
    """
    engine = load_engine(name_or_path, runtime=runtime, threads=threads)
    return Generator(engine, model_path(name_or_path), batch=batch)


def generate_file(
    generator: Generator,
    conditions: Conditions,
    path: Path,
    *,
    seed: int,
    compression: str | None = None,
    on_progress: Callable[[int], None] = lambda done: None,
) -> float:
    """Generate showers into an HDF5 file and return the seconds that it took.

    Written to ``PATH.partial`` with a journal beside it; after a kill the same call goes on
    where the journal ends and gives the file of an undisturbed run.

    Raises
    ------
    RangeError
        if the conditions leave the model's range.
    OutputError
        if the file cannot be written.
    """
    generator.card.check_range(conditions)
    began = time.perf_counter()
    request = _request(generator, conditions, seed, compression)
    journal = _Journal(path, request)
    shape = generator.card.cell_shape
    about = {"generator": "caloforge", "particle": generator.card.particle, **request}
    with ShowerWriter(
        path, generator.card.detector, shape, len(conditions),
        compression=compression, attributes=about, resume=journal.done > 0,
    ) as writer:  # fmt: skip
        done = journal.done if writer.resumed else 0
        on_progress(done)
        with journal:
            for start, cells in generator.stream(conditions, seed=seed, start=done):
                stop = start + len(cells)
                writer.write(start, cells, conditions[start:stop])
                on_progress(stop)
                if (stop // generator.batch) % FLUSH_EVERY == 0:
                    writer.flush()
                    journal.note(stop)
            writer.finish()
    seconds = time.perf_counter() - began
    write_record(
        path.with_suffix(".record.json"), verb="generate", config=request,
        inputs={str(generator.path): request["model_digest"]}, seed=seed, seconds=seconds,
    )  # fmt: skip
    return seconds


def _request(
    generator: Generator, conditions: Conditions, seed: int, compression: str | None
) -> dict[str, Any]:
    """What fixes the content of a generated file."""
    return {
        "model": generator.card.name,
        "model_digest": file_digest(generator.path),
        "conditions_digest": array_digest(conditions.energy, conditions.theta),
        "seed": seed,
        "runtime": generator.engine.runtime,
        "batch": generator.batch,
        "compression": compression or "none",
    }


class _Journal:
    """How far a generation has come; it outlives a kill and goes when the work is done."""

    def __init__(self, path: Path, request: dict[str, Any]) -> None:
        self.path = partial_path(path).with_suffix(".partial.json")
        self.request = request
        self.done = self._read()

    def _read(self) -> int:
        try:
            found = json.loads(self.path.read_text())
        except (OSError, json.JSONDecodeError):
            return 0
        return int(found["done"]) if found.get("request") == self.request else 0

    def note(self, done: int) -> None:
        with writing(self.path):
            fresh = self.path.with_suffix(".new")
            fresh.write_text(json.dumps({"request": self.request, "done": done}))
            fresh.replace(self.path)

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None or not issubclass(kind, KeyboardInterrupt):
            self.path.unlink(missing_ok=True)
