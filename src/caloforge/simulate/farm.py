"""A production on a Dask cluster: every shard a task, collected as they finish.

The workers need caloforge with the ``simulate`` extra, no shared file system and no data. Each
task starts its own Geant4 process there, from what it is sent alone: workers may come late, be
killed at any time and be replaced by others, and no shard is lost or saved twice.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from caloforge._extras import require
from caloforge.atomic import replacing
from caloforge.errors import CaloforgeError, SimulationError
from caloforge.simulate.pool import OnShowers, Pool
from caloforge.simulate.request import Production
from caloforge.simulate.shards import Shard, ShardFolder
from caloforge.simulate.tables import cache_folder

CONNECT_SECONDS = 30
POLL_SECONDS = 0.1
REMIND_SECONDS = 60.0
"""How often a line says that there are still no workers."""
MAX_RESUBMISSIONS = 3
"""How often a shard is sent again after Dask gave it up (whose own limit is 3 lost workers)."""


@dataclass(frozen=True)
class DaskRunner:
    """Sends the missing shards to the Dask scheduler at an address.

    ``wait``: for how many seconds it waits for a worker where there is none, for ever if None;
    ``say`` hears that it does.

    Raises
    ------
    MissingExtraError
        if ``distributed`` is not installed.
    SimulationError
        if the scheduler does not answer, no worker came in time, or a shard failed for good.
    OutputError
        if a shard cannot be written here.
    """

    address: str
    wait: float | None = None
    say: Callable[[str], None] = lambda line: None

    def __call__(self, folder: ShardFolder, on_showers: OnShowers) -> None:
        shards = folder.production.shards
        with self._client() as client:
            for number, content in self._collected(client, folder):
                _save(folder, number, content)
                on_showers(len(shards[number]))

    def _client(self) -> Any:
        distributed = require("distributed")
        try:
            return distributed.Client(self.address, timeout=CONNECT_SECONDS)
        except (OSError, ValueError) as error:
            msg = f"no Dask scheduler answers at {self.address}: {error}"
            raise SimulationError(msg) from None

    def _collected(self, client: Any, folder: ShardFolder) -> Iterator[tuple[int, bytes]]:
        """Numbers and bytes of the missing shards, in the order in which they are finished."""
        distributed = require("distributed")
        production = folder.production

        def submit(number: int) -> Any:
            part = production.part(production.shards[number])
            return client.submit(simulate_remotely, part, pure=False)

        numbers = {submit(number): number for number in folder.missing()}
        finished = distributed.as_completed(numbers)
        gone, lost = Absence(self), Counter[int]()
        while numbers:
            batch = finished.next_batch(block=False)
            for future in batch:
                number = numbers.pop(future)
                content = _result(future, number, lost)
                if content is not None:
                    yield number, content
                    continue
                again = submit(number)
                numbers[again] = number
                finished.add(again)
            if not batch:
                gone.check(self._workers(client))
                time.sleep(POLL_SECONDS)

    def _workers(self, client: Any) -> int:
        try:
            return len(client.scheduler_info()["workers"])
        except (OSError, TimeoutError) as error:
            msg = (
                f"the Dask scheduler at {self.address} was lost: {error or 'no answer'}; "
                "the same command goes on with what is missing"
            )
            raise SimulationError(msg) from None


class Absence:
    """How long there have been no workers; says so, and gives up when that was too long."""

    def __init__(self, runner: DaskRunner) -> None:
        self.runner = runner
        self.since: float | None = None
        self.said = 0.0

    def check(self, workers: int) -> None:
        """Take note of how many workers there are now; SimulationError after ``wait`` seconds."""
        now, wait = time.monotonic(), self.runner.wait
        if workers:
            self.since = None
            return
        if self.since is None:
            self.since, self.said = now, -REMIND_SECONDS
        waited = now - self.since
        if wait is not None and waited >= wait:
            msg = (
                f"no worker joined the Dask scheduler at {self.runner.address} within {wait:g} s: "
                "the same command goes on with what is missing"
            )
            raise SimulationError(msg)
        if waited - self.said >= REMIND_SECONDS:
            self.said = waited
            bound = "as long as it takes" if wait is None else f"at most {wait:g} s"
            since = f" for {waited:.0f} s" if waited >= 1 else ""
            self.runner.say(f"no worker at {self.runner.address}{since}: waiting for one, {bound}")


def simulate_remotely(part: Production) -> bytes:
    """Simulate a shard in a Geant4 process of this machine; return the bytes of its file.

    Built-in tables are those of this machine's cache.
    """
    here = cache_folder()
    tables = here if part.data.kind == "built-in" else part.data.tables
    local = replace(part, data=replace(part.data, tables=tables, built_in=here))
    with TemporaryDirectory(prefix="caloforge-") as path:
        folder = ShardFolder(Path(path), local)
        file, events = folder.file(0), np.arange(len(part))
        Pool(folder, {0: events}, jobs=1).run()
        replace(Shard.load(file), events=part.first + events).save(file)
        return file.read_bytes()


def _result(future: Any, number: int, lost: Counter[int]) -> bytes | None:
    """The bytes of a shard, None if it was lost with its workers and should be sent again."""
    killed = require("distributed").KilledWorker, CancelledError
    try:
        return bytes(future.result())
    except CaloforgeError:
        raise
    except Exception as error:
        lost[number] += isinstance(error, killed)
        if isinstance(error, killed) and lost[number] <= MAX_RESUBMISSIONS:
            return None
        msg = f"shard {number} failed on the cluster: {error}"
        raise SimulationError(msg) from error


def _save(folder: ShardFolder, number: int, content: bytes) -> None:
    with replacing(folder.file(number)) as partial:
        partial.write_bytes(content)
