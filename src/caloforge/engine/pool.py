"""Work shared out over an engine's streams, with the results in order."""

import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from typing import Protocol, TypeVar


class Pinned(Protocol):
    """What computes in one thread at a time, and the cores that it keeps to (none: any)."""

    @property
    def cores(self) -> Sequence[int]:
        """Numbers of the cores to keep to."""
        ...


Result = TypeVar("Result")
Stream = TypeVar("Stream", bound=Pinned)
AHEAD = 2
"""Batches handed out for each stream: one in work, one waiting."""


def over_streams(
    streams: Sequence[Stream], starts: range, task: Callable[[Stream, int], Result]
) -> Iterator[Result]:
    """``task(stream, start)`` for each start, at once on all streams; results in order of start.

    A failing task ends the iteration with its error; leaving the iteration early waits for the
    tasks in work and drops the others.
    """
    free: SimpleQueue[Stream] = SimpleQueue()
    for stream in streams:
        free.put(stream)
    mine = threading.local()

    def enter() -> None:
        mine.stream = free.get()
        _keep_to(mine.stream)

    def work(start: int) -> Result:
        return task(mine.stream, start)

    waiting: deque[Future[Result]] = deque()
    pool = ThreadPoolExecutor(len(streams), initializer=enter)
    try:
        for start in starts:
            waiting.append(pool.submit(work, start))
            if len(waiting) >= AHEAD * len(streams):
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _keep_to(stream: Pinned) -> None:
    """Pin the calling thread to its cores, where the system can."""
    if stream.cores and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, stream.cores)
