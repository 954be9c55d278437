"""Tasks on a Dask cluster whose workers come late, die at any time and are replaced by others."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import CancelledError
from dataclasses import dataclass
from typing import Any

from caloforge._extras import require
from caloforge.errors import CaloforgeError, ClusterError

CONNECT_SECONDS = 30
POLL_SECONDS = 0.1
REMIND_SECONDS = 60.0
"""How often a line says that there are still no workers."""
MAX_RESUBMISSIONS = 3
"""How often a task is sent again that Dask gave up (whose own limit is 3 lost workers)."""


@dataclass(frozen=True)
class Cluster:
    """The Dask scheduler at an address.

    ``say`` hears where there is no worker; after ``wait`` seconds without one it is given up, never
    if None.

    Raises
    ------
    MissingExtraError
        if ``distributed`` is not installed.
    ClusterError
        if the scheduler does not answer or is lost, no worker came in time, or a task failed for
        good.
    """

    address: str
    say: Callable[[str], None] = lambda line: None
    wait: float | None = None

    def results(
        self, function: Callable[..., Any], tasks: Mapping[int, tuple[Any, ...]]
    ) -> Iterator[tuple[int, Any]]:
        """Numbers and results ``function(*arguments)`` of the tasks, as they are finished.

        Errors as of the class, and what a task raises for the user.
        """
        distributed = require("distributed")
        with self._client(distributed) as client:

            def submit(number: int) -> Any:
                return client.submit(function, *tasks[number], pure=False)

            numbers = {submit(number): number for number in tasks}
            finished = distributed.as_completed(numbers)
            lost, absence = Counter[int](), Absence(self)
            while numbers:
                batch = finished.next_batch(block=False)
                for future in batch:
                    number = numbers.pop(future)
                    if self._is_lost(future, number, lost):
                        again = submit(number)
                        numbers[again] = number
                        finished.add(again)
                    else:
                        yield number, future.result()
                if not batch:
                    absence.check(self._workers(client))
                    time.sleep(POLL_SECONDS)

    def _client(self, distributed: Any) -> Any:
        try:
            return distributed.Client(self.address, timeout=CONNECT_SECONDS)
        except (OSError, ValueError) as error:
            msg = f"no Dask scheduler answers at {self.address}: {error}"
            raise ClusterError(msg) from None

    def _is_lost(self, future: Any, number: int, lost: Counter[int]) -> bool:
        """Whether a task was lost with its workers and should be sent again."""
        error = future.exception() if future.status == "error" else None
        if error is None and future.status == "finished":
            return False
        if isinstance(error, CaloforgeError):
            raise error
        killed = (require("distributed").KilledWorker, CancelledError)
        if error is None or isinstance(error, killed):
            lost[number] += 1
            if lost[number] <= MAX_RESUBMISSIONS:
                return True
        msg = f"task {number} failed on the cluster: {error or future.status}"
        raise ClusterError(msg) from error

    def _workers(self, client: Any) -> int:
        try:
            return len(client.scheduler_info()["workers"])
        except (OSError, TimeoutError) as error:
            msg = f"the Dask scheduler at {self.address} was lost: {error or 'no answer'}"
            raise ClusterError(f"{msg}; the same command goes on with what is missing") from None


class Absence:
    """How long there have been no workers; says so, and gives up when that was too long."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.since: float | None = None
        self.said = 0.0

    def check(self, workers: int) -> None:
        """Take note of how many workers there are now; ClusterError after ``wait`` seconds."""
        now, wait = time.monotonic(), self.cluster.wait
        if workers:
            self.since = None
            return
        if self.since is None:
            self.since, self.said = now, -REMIND_SECONDS
        waited = now - self.since
        if wait is not None and waited >= wait:
            msg = (
                f"no worker joined the Dask scheduler at {self.cluster.address} within {wait:g} s: "
                "the same command goes on with what is missing"
            )
            raise ClusterError(msg)
        if waited - self.said >= REMIND_SECONDS:
            self.said = waited
            bound = "as long as it takes" if wait is None else f"at most {wait:g} s"
            since = f" for {waited:.0f} s" if waited >= 1 else ""
            self.cluster.say(
                f"no worker at {self.cluster.address}{since}: waiting for one, {bound}"
            )
