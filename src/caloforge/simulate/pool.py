"""Worker processes on this machine: shards handed out, lost workers replaced."""

import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from multiprocessing import Pipe
from multiprocessing.connection import wait

from caloforge.atomic import writing
from caloforge.errors import SimulationError
from caloforge.simulate import messages
from caloforge.simulate.shards import ShardFolder
from caloforge.simulate.telling import telling_words
from caloforge.typing import IntArray

WORKER_MODULE = "caloforge.simulate.worker"

MAX_LOSSES = 3
"""How often one shard (None: none yet) may lose its worker before the production is given up."""

OnShowers = Callable[[int], None]
"""Called with how many showers were finished (negative: lost with their worker)."""


class WorkerProcess:
    """A worker, its socket, and the shard it has in hand."""

    def __init__(self, folder: ShardFolder, number: int) -> None:
        self.log = folder.path / f"worker-{number}.log"
        self.connection, theirs = Pipe()
        production = folder.production
        environment = os.environ | production.data.environment() | {"OMP_NUM_THREADS": "1"}
        with theirs, writing(self.log), open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", WORKER_MODULE, str(theirs.fileno())],
                pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=environment, start_new_session=True,
            )  # fmt: skip
        self.ready = False
        self.shard: int | None = None
        self.events_done = 0
        self._send(messages.Job(production))

    def give(self, task: messages.Task) -> None:
        """Hand out a shard."""
        self.shard, self.events_done = task.number, 0
        self._send(task)

    def _send(self, message: messages.Job | messages.Task) -> None:
        """Tell the process; that it died meanwhile is noticed when it is listened to."""
        with suppress(BrokenPipeError, ConnectionResetError):
            self.connection.send(message)

    def stop(self) -> None:
        """End the process."""
        self.connection.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def last_words(self) -> str:
        """Why it died, as far as its log and exit status tell."""
        telling = telling_words(self.log.read_text(errors="replace"))
        status = self.process.wait()
        cause = f"killed by signal {-status}" if status < 0 else f"exit status {status}"
        return f"{cause}; {telling}" if telling else cause


class Pool:
    """Simulates shards, given by number and events, with a number of worker processes."""

    def __init__(
        self,
        folder: ShardFolder,
        shards: Mapping[int, IntArray],
        jobs: int,
        on_showers: OnShowers = lambda showers: None,
    ) -> None:
        self.folder, self.shards, self.on_showers = folder, shards, on_showers
        self.todo = deque(shards)
        self.losses: dict[int | None, int] = {}
        self._started = 0
        self.workers: list[WorkerProcess] = []
        self.jobs = min(jobs, len(self.todo))

    def run(self) -> None:
        """Simulate until every shard is on disk.

        Raises
        ------
        SimulationError
            if Geant4 does not start, or a shard lost its worker too often.
        OutputError
            if a worker's log cannot be written.
        CaloforgeError
            what a worker raised.
        """
        with self._running():
            while self.workers:
                for connection in wait([each.connection for each in self.workers]):
                    self._listen(next(w for w in self.workers if w.connection is connection))

    @contextmanager
    def _running(self) -> Iterator[None]:
        try:
            for _ in range(self.jobs):
                self._start()
            yield
        finally:
            for each in self.workers:
                each.stop()

    def _start(self) -> None:
        self.workers.append(WorkerProcess(self.folder, self._started))
        self._started += 1

    def _listen(self, sender: WorkerProcess) -> None:
        try:
            message = sender.connection.recv()
        except (EOFError, ConnectionResetError):
            self._bury(sender)
            return
        match message:
            case messages.Failed(error):
                raise error
            case messages.EventDone():
                sender.events_done += 1
                self.on_showers(1)
            case messages.Ready():
                sender.ready = True
                self._give_next(sender)
            case messages.ShardDone():
                self._give_next(sender)

    def _give_next(self, idle: WorkerProcess) -> None:
        if self.todo:
            shard = self.todo.popleft()
            idle.give(messages.Task(shard, self.shards[shard], self.folder.file(shard)))
            return
        idle.shard = None
        self.workers.remove(idle)
        idle.stop()

    def _bury(self, dead: WorkerProcess) -> None:
        """Give a lost worker's shard to a new one."""
        self.workers.remove(dead)
        words = dead.last_words()
        dead.stop()
        killed = dead.process.returncode == -signal.SIGKILL
        if not killed and not dead.ready:
            msg = f"Geant4 did not start ({words}); its messages: {dead.log}"
            raise SimulationError(msg)
        if dead.process.returncode == -signal.SIGABRT:
            msg = f"Geant4 gave up ({words}); its messages: {dead.log}"
            raise SimulationError(msg)
        self.losses[dead.shard] = self.losses.get(dead.shard, 0) + 1
        if self.losses[dead.shard] >= MAX_LOSSES:
            what = "no shard yet" if dead.shard is None else f"shard {dead.shard}"
            msg = f"workers with {what} were lost {MAX_LOSSES} times ({words}): {dead.log}"
            raise SimulationError(msg)
        self.on_showers(-dead.events_done)
        if dead.shard is not None:
            self.todo.appendleft(dead.shard)
        self._start()
