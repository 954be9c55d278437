"""What a worker process and its parent say to each other."""

from dataclasses import dataclass
from pathlib import Path

from caloforge.errors import CaloforgeError
from caloforge.simulate.request import Production
from caloforge.typing import IntArray


@dataclass(frozen=True)
class Job:
    """What a worker needs to know first."""

    production: Production


@dataclass(frozen=True)
class Task:
    """A shard to simulate: the numbers of its events and the file to write."""

    number: int
    events: IntArray
    path: Path


@dataclass(frozen=True)
class Ready:
    """Geant4 is initialised."""


@dataclass(frozen=True)
class EventDone:
    """One event is simulated."""

    shard: int


@dataclass(frozen=True)
class ShardDone:
    """A shard is on disk."""

    shard: int


@dataclass(frozen=True)
class Failed:
    """An error that the user can mend."""

    error: CaloforgeError
