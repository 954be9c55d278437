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
    """The Dask scheduler at an address; ``say`` hears that there are no workers.

    Raises
    ------
    MissingExtraError
        if ``distributed`` is not installed.
    ClusterError
        if the scheduler does not answer or is lost, or a task failed for good.
    """

    address: str
    say: Callable[[str], None] = lambda line: None

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
            lost, since = Counter[int](), time.monotonic()
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
                    since = self._wait(client, since)

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

    def _wait(self, client: Any, since: float) -> float:
        """Wait a little; return since when there are no workers, as far as that was not said."""
        time.sleep(POLL_SECONDS)
        try:
            workers = len(client.scheduler_info()["workers"])
        except (OSError, TimeoutError) as error:
            msg = f"the Dask scheduler at {self.address} was lost: {error or 'no answer'}"
            raise ClusterError(f"{msg}; the same command goes on with what is missing") from None
        now = time.monotonic()
        if workers:
            return now
        if now - since >= REMIND_SECONDS:
            self.say(f"no worker at {self.address} for {REMIND_SECONDS:g} s: waiting for one")
            return now
        return since
