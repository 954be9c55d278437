"""Work shared out over an engine's streams, with the results in order."""

import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from typing import Any, Protocol, TypeVar


class Stream(Protocol):
    """What computes in one thread at a time, keeping to its cores (any, where there are none)."""

    cores: Any


Result = TypeVar("Result")
Worker = TypeVar("Worker", bound=Stream)
AHEAD = 2
"""Batches handed out for each stream: one in work, one waiting."""


def over_streams(
    workers: Sequence[Worker], starts: range, task: Callable[[Worker, int], Result]
) -> Iterator[Result]:
    """``task(worker, start)`` for each start, at once on all streams; results in order of start.

    A failing task ends the iteration with its error; leaving the iteration early waits for the
    tasks in work and drops the others.
    """
    free: SimpleQueue[Worker] = SimpleQueue()
    for worker in workers:
        free.put(worker)
    mine = threading.local()

    def enter() -> None:
        mine.worker = free.get()
        _keep_to(mine.worker)

    def work(start: int) -> Result:
        return task(mine.worker, start)

    waiting: deque[Future[Result]] = deque()
    pool = ThreadPoolExecutor(len(workers), initializer=enter)
    try:
        for start in starts:
            waiting.append(pool.submit(work, start))
            if len(waiting) >= AHEAD * len(workers):
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _keep_to(worker: Worker) -> None:
    """Pin the calling thread to the worker's cores, where the system can."""
    if worker.cores and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, worker.cores)
