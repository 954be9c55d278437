"""Shards: finished parts of a production, on disk beside the output until it is whole."""

import json
import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from caloforge.atomic import replacing, writing
from caloforge.errors import InputError, OutputError
from caloforge.simulate.request import Production
from caloforge.simulate.scoring import ScoredHits
from caloforge.typing import Float64Array, FloatArray, IntArray

REQUEST_FILE = "request.json"


@dataclass(frozen=True)
class Shard:
    """Simulated showers: their numbers, hits and processor seconds, Geant4's version, impact points
    (n, 2) in mm from the images' middles, and how many events it aborted, which were made again."""

    events: IntArray
    hits: list[ScoredHits]
    seconds: Float64Array
    geant4: str
    impact: FloatArray
    aborted: int = 0

    def save(self, path: Path) -> None:
        """Write beside the place and rename, so that a shard on disk is always whole.

        Raises
        ------
        OutputError
            if the file cannot be written.
        """
        counts = [len(hits.index) for hits in self.hits]
        with replacing(path) as partial, open(partial, "wb") as stream:
            np.savez(
                stream,
                events=self.events,
                seconds=self.seconds,
                geant4=np.array(self.geant4),
                aborted=np.array(self.aborted),
                impact=self.impact,
                counts=np.array(counts),
                index=np.concatenate([hits.index for hits in self.hits]),
                energy=np.concatenate([hits.energy for hits in self.hits]),
                beside=np.array([hits.beside for hits in self.hits]),
            )

    @classmethod
    def load(cls, path: Path) -> "Shard":
        """Read a shard.

        Raises
        ------
        InputError
            if the file is damaged, as a machine that crashed may leave it.
        """
        try:
            with np.load(path) as data:
                ends = np.cumsum(data["counts"])[:-1]
                parts = np.split(data["index"], ends), np.split(data["energy"], ends)
                of_each = zip(*parts, data["beside"].tolist(), strict=True)
                hits = [ScoredHits(*each) for each in of_each]
                version, aborted = str(data["geant4"]), int(data["aborted"])
                return cls(data["events"], hits, data["seconds"], version, data["impact"], aborted)
        except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as problem:
            msg = f"{path} is damaged: remove it, and the same command makes it again ({problem})"
            raise InputError(msg) from None


class ShardFolder:
    """The folder of a production's shards; one that is there already is continued.

    Raises
    ------
    OutputError
        if it holds shards of another production, or cannot be written.
    """

    def __init__(self, path: Path, production: Production) -> None:
        self.path, self.production = path, production
        request = path / REQUEST_FILE
        wanted = json.dumps(production.description, indent=2) + "\n"
        with writing(path):
            path.mkdir(exist_ok=True)
            if request.exists() and request.read_text() == wanted:
                return
            if any(path.glob("shard-*.npz")):
                msg = (
                    f"{path} holds shards of another production: finish it with its own "
                    "options, remove the folder, or choose another output"
                )
                raise OutputError(msg)
            with replacing(request) as partial:
                partial.write_text(wanted)

    def file(self, number: int) -> Path:
        """Where a shard is."""
        return self.path / f"shard-{number:05d}.npz"

    def missing(self) -> list[int]:
        """Numbers of the shards that are not there yet."""
        return [n for n in range(len(self.production.shards)) if not self.file(n).exists()]

    def load(self, number: int) -> Shard:
        """Read a finished shard.

        Raises
        ------
        InputError
            if it is damaged, or another version of caloforge has cut the production otherwise.
        """
        shard = Shard.load(self.file(number))
        if not np.array_equal(shard.events, self.production.shards[number]):
            msg = f"{self.file(number)} holds other events than it should: remove {self.path}"
            raise InputError(msg)
        return shard

    def remove(self) -> None:
        """Remove the folder with everything in it."""
        shutil.rmtree(self.path, ignore_errors=True)


def shards_path(output: Path) -> Path:
    """Folder of the shards of an output file."""
    return output.with_name(output.name + ".shards")
