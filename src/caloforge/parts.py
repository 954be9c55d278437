"""Datasets of any size: a folder of part files, each a function of (model, seed, part) alone.

The folder holds what was asked for (``dataset.json``), the model, the parts, a note beside each
that is whole, and at the end the manifest. Parts are made by one process or many, here or on a
cluster that sees the folder, in any order; what is there is never made again.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field

from caloforge.atomic import replacing, writing
from caloforge.beam import Conditions
from caloforge.cluster import Cluster
from caloforge.config import FrozenModel, build
from caloforge.engine.plan import Precision
from caloforge.engine.runtimes import runtime_named
from caloforge.errors import InputError, OutputError
from caloforge.generate import Generator, generate_file, load
from caloforge.io.journal import begun_with_another
from caloforge.io.parts import REQUEST, Manifest, Part, read_json, save_manifest
from caloforge.lock import claimed
from caloforge.provenance import file_digest
from caloforge.ranges import draw

MODEL = "model.onnx"
BEGIN_SECONDS = 60.0
"""Seconds that a job waits for another one that begins the same dataset."""
PATIENCE = 3600.0
"""Seconds that a task of a cluster waits for another one that makes the same part: of a worker that
the scheduler has lost from sight."""


class DatasetRequest(FrozenModel):
    """What fixes the content of a dataset in parts.

    Attributes
    ----------
    model, model_digest : its name and the SHA-256 of its file.
    showers, parts, seed : their numbers, and the seed of all.
    energy, theta, phi, impact : as of :func:`caloforge.ranges.draw`, in GeV, degrees and mm.
    layout, compression : of each part, as of :func:`caloforge.generate.generate_file`.
    runtime, precision : of the engine.
    sampler : name and version of what draws the showers, where that is not the model's graph.
    """

    model: str
    model_digest: str
    showers: Annotated[int, Field(ge=1)]
    parts: Annotated[int, Field(ge=1)]
    seed: Annotated[int, Field(ge=0)]
    energy: str
    theta: str
    phi: str | None = None
    impact: str | None = None
    layout: str
    compression: Literal["none", "lzf", "gzip"]
    runtime: str
    precision: Precision
    sampler: str | None = None

    def showers_of(self, part: int) -> int:
        """Showers of a part; the first ones have one more where it does not come out even."""
        each, more = divmod(self.showers, self.parts)
        return each + (part < more)

    def seed_of(self, part: int) -> int:
        """The seed of a part's energies, angles and showers: 63 bits from (seed, part).

        ``caloforge generate --seed`` makes the same showers with it.
        """
        return int(np.random.SeedSequence([self.seed, part]).generate_state(1, np.uint64)[0] >> 1)

    def conditions_of(self, part: int) -> Conditions:
        """The conditions of a part's showers, drawn by its seed."""
        ranges = self.energy, self.theta, self.phi, self.impact
        return draw(self.showers_of(part), *ranges, seed=self.seed_of(part))


@dataclass(frozen=True)
class Dataset:
    """A folder of parts, finished or not, and its request."""

    folder: Path
    request: DatasetRequest

    @classmethod
    def at(cls, folder: Path) -> Self:
        """The dataset that a folder holds.

        Raises
        ------
        InputError
            if it holds none, or what was asked for is damaged.
        """
        place = folder / REQUEST
        if not place.is_file():
            msg = f"{folder} holds no dataset in parts: it has no {REQUEST}"
            raise InputError(msg)
        request = build(DatasetRequest, read_json(place), where=str(place), error=InputError)
        return cls(folder, request)

    @classmethod
    def begin(cls, folder: Path, request: DatasetRequest, model: Path) -> Self:
        """The dataset in a folder, made or, where it is the same, continued.

        Raises
        ------
        OutputError
            if the folder holds another dataset or something else, or cannot be written.
        """
        with writing(folder):
            folder.mkdir(exist_ok=True)
        with claimed(folder / "dataset", wait=BEGIN_SECONDS):
            held = {each.name for each in folder.iterdir()}
            if REQUEST not in held:
                return cls._new(folder, request, model, held)
        found = cls.at(folder)
        if found.request != request:
            mine, theirs = request.model_dump(), found.request.model_dump()
            other = next(key for key in mine if mine[key] != theirs[key])
            msg = f"{folder} holds another dataset: its {other} is {theirs[other]}"
            raise OutputError(f"{msg}, not {mine[other]}; choose another folder")
        return found

    @classmethod
    def _new(cls, folder: Path, request: DatasetRequest, model: Path, held: set[str]) -> Self:
        if foreign := sorted(name for name in held if not name.startswith((MODEL, "dataset"))):
            msg = f"{folder} holds something else than a dataset ({foreign[0]}): give a new folder"
            raise OutputError(msg)
        with replacing(folder / MODEL) as place:
            shutil.copyfile(model, place)
        with replacing(folder / REQUEST) as place:
            place.write_text(request.model_dump_json(indent=2) + "\n")
        return cls(folder, request)

    @property
    def model(self) -> Path:
        """The dataset's copy of the model file."""
        return self.folder / MODEL

    def file(self, part: int) -> Path:
        """Where a part is."""
        return self.folder / f"part-{part:05d}.h5"

    def note(self, part: int) -> Path:
        """Where a note says that a part is whole, with its digest."""
        return self.file(part).with_suffix(".json")

    def noted(self, part: int) -> Part:
        """What the note beside a part says; InputError if it is damaged."""
        place = self.note(part)
        return build(Part, read_json(place), where=str(place), error=InputError)

    def missing(self) -> list[int]:
        """Numbers of the parts that are not there yet."""
        return [n for n in range(self.request.parts) if not self._is_there(n)]

    def _is_there(self, part: int) -> bool:
        return self.note(part).exists() and self.file(part).exists()

    def load(self, *, threads: int | None = None, batch: int | None = None) -> Generator:
        """The model in the engine that the request names; errors as of load."""
        asked = self.request
        if file_digest(self.model) != asked.model_digest:
            msg = f"{self.model} is not the model that {REQUEST} names: restore it"
            raise InputError(msg)
        sampler = runtime_named(asked.runtime).sampler_version
        if sampler != asked.sampler:
            raise begun_with_another("sampler", asked.sampler, sampler, self.folder)
        return load(
            self.model, runtime=asked.runtime, precision=asked.precision, threads=threads,
            batch=batch,
        )  # fmt: skip

    def make(
        self,
        part: int,
        load_generator: Callable[[], Generator],
        *,
        wait: float = 0.0,
        on_progress: Callable[[int], None] = lambda done: None,
    ) -> None:
        """Make a part, unless it is there; one that was begun goes on.

        Raises
        ------
        InputError
            if there is no such part.
        OutputError
            if it cannot be written, or another process still makes it after ``wait`` seconds.
        """
        asked, file = self.request, self.file(part)
        if not 0 <= part < asked.parts:
            msg = f"there is no part {part}: the dataset has parts 0-{asked.parts - 1}"
            raise InputError(msg)
        with claimed(self.folder / f"part-{part:05d}", wait=wait):
            if self._is_there(part):
                return
            self.note(part).unlink(missing_ok=True)
            compression = None if asked.compression == "none" else asked.compression
            if not file.exists():
                generate_file(
                    load_generator(), asked.conditions_of(part), file, seed=asked.seed_of(part),
                    layout=asked.layout, compression=compression, on_progress=on_progress,
                )  # fmt: skip
            note = Part(
                file=file.name, showers=asked.showers_of(part), bytes=file.stat().st_size,
                digest=file_digest(file),
            )  # fmt: skip
            with replacing(self.note(part)) as place:
                place.write_text(note.model_dump_json() + "\n")

    def finish(self) -> bool:
        """Write the manifest if all parts are there, and say whether they are."""
        if self.missing():
            return False
        parts = tuple(self.noted(part) for part in range(self.request.parts))
        save_manifest(self.folder, Manifest(parts=parts))
        return True

    def make_here(
        self, parts: list[int], generator: Generator, on_showers: Callable[[int], None]
    ) -> None:
        """Make parts in this process; ``on_showers`` hears how many showers are done."""
        done = 0
        for part in parts:
            self.make(part, lambda: generator, on_progress=partial(_plus, on_showers, done))
            done += self.request.showers_of(part)
            on_showers(done)

    def make_on(
        self, cluster: Cluster, *, threads: int | None, on_showers: Callable[[int], None]
    ) -> None:
        """Make the missing parts on a cluster whose workers see the folder; errors as of both."""
        tasks = {part: (str(self.folder.resolve()), part, threads or 1) for part in self.missing()}
        done = 0
        for part, _ in cluster.results(make_part, tasks):
            done += self.request.showers_of(part)
            on_showers(done)


def _plus(on_showers: Callable[[int], None], before: int, done: int) -> None:
    on_showers(before + done)


def make_part(folder: str, part: int, threads: int) -> None:
    """Make a part of the dataset in a folder, with an engine of its own; errors as Dataset.make."""
    dataset = Dataset.at(Path(folder))
    dataset.make(part, lambda: dataset.load(threads=threads), wait=PATIENCE)
