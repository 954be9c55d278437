"""An event loop in a process of its own, as Geant4 wants it."""

import multiprocessing
import os
import sys
from collections.abc import Generator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path

from caloforge.errors import SimulationError
from caloforge.simulate.in_situ.events import Events, SimulatedEvents
from caloforge.simulate.in_situ.loop import EventLoop

_loop: list[EventLoop] = []
"""That of this process."""


class LoopProcess:
    """Runs events in its process; errors as of :class:`EventLoop`, told by the first run."""

    def __init__(self, pool: ProcessPoolExecutor) -> None:
        self._pool = pool

    def run(self, first: int, stop: int) -> SimulatedEvents:
        """As of :meth:`EventLoop.run`.

        Raises
        ------
        SimulationError
            if the process dies.
        """
        try:
            return self._pool.submit(_run, first, stop).result()
        except BrokenProcessPool:
            msg = "Geant4's process died: is there memory enough?"
            raise SimulationError(msg) from None


@contextmanager
def loop_process(
    events: Events, model: Path | None = None, runtime: str = "auto"
) -> Generator[LoopProcess]:
    """An event loop, fast with a model and full without."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context) as pool:
        pool.submit(_open, events, model, runtime).result()
        yield LoopProcess(pool)


def _open(events: Events, model: Path | None, runtime: str) -> None:
    """Set up the loop of this process, in which Geant4 keeps its messages to itself."""
    os.environ |= events.production.data.environment() | {"OMP_NUM_THREADS": "1"}
    sys.stdout.flush()
    silent = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(silent, stream)
    _loop.append(EventLoop(events, model, runtime))


def _run(first: int, stop: int) -> SimulatedEvents:
    return _loop[0].run(first, stop)
