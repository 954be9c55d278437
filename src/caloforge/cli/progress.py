"""Progress of long work: bars in a terminal, in a batch log a line every so often.

Lines come after 5, 15, 35 and 75 seconds and then each minute, with the rate and the time left
where the end is known. Where the work has a folder they go into a log there, too.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread
from types import TracebackType
from typing import Any

from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.status import Status
from rich.text import Text

from caloforge.errors import CaloforgeError

FIRST_PAUSE_S, LONGEST_PAUSE_S = 5.0, 60.0
LOG_NAME = "progress.log"


class Heartbeat:
    """Calls ``say`` every so often, in a thread of its own, between start and stop."""

    def __init__(self, say: Callable[[], None]) -> None:
        self.say, self._over = say, Event()
        self._thread = Thread(target=self._beat, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, after what is being said."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()

    def _beat(self) -> None:
        pause = FIRST_PAUSE_S
        while not self._over.wait(pause):
            self.say()
            pause = min(2 * pause, LONGEST_PAUSE_S)


class RateColumn(ProgressColumn):
    """What is made a second since the start, without what an earlier run left."""

    def __init__(self, unit: str) -> None:
        super().__init__()
        self.unit = unit

    def render(self, task: Task) -> Text:
        rate = rate_of(task)
        return Text(f"{rate:,.1f} {self.unit}/s" if rate else f"-- {self.unit}/s")


class LongProgress(Progress):
    """A bar that leaves the last line to an error's message; without a terminal, lines.

    ``log`` is a file that gets the lines once its folder exists.
    """

    def __init__(
        self,
        *columns: ProgressColumn,
        console: Console,
        unit: str,
        log: Path | None = None,
        transient: bool = False,
    ) -> None:
        lines = not console.is_terminal
        super().__init__(*columns, console=console, disable=lines, transient=transient)
        self.unit, self.log_path = unit, log
        self._heartbeat = Heartbeat(self._say)

    def start(self) -> None:
        super().start()
        self._heartbeat.start()

    def stop(self) -> None:
        self._heartbeat.stop()
        if not self.disable:
            super().stop()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if isinstance(error, CaloforgeError):
            self.live.transient = True
            for task in self.task_ids:
                self.update(task, visible=False)
        super().__exit__(kind, error, trace)

    def _say(self) -> None:
        for task in self.tasks:
            line = stamped(line_of(task, self.unit))
            if self.disable:
                self.console.print(line, highlight=False, markup=False, soft_wrap=True)
            if self.log_path is not None and not self.console.quiet:
                with suppress(OSError), open(self.log_path, "a") as log:  # a log must end no work
                    log.write(line + "\n")


class StatusLines(Status):
    """What a status says, as lines."""

    def __init__(self, status: RenderableType, *, console: Console) -> None:
        super().__init__(status, console=console)
        self._printer, self._began = console, time.monotonic()
        self._heartbeat = Heartbeat(self._say)

    def start(self) -> None:
        self._heartbeat.start()

    def stop(self) -> None:
        self._heartbeat.stop()

    def _say(self) -> None:
        line = f"{self.status}: {spoken(time.monotonic() - self._began)} so far"
        self._printer.print(stamped(line), highlight=False, markup=False, soft_wrap=True)


class LongConsole(Console):
    """A console where a message is one line, and whose status is told in lines where it is no
    terminal."""

    def print(self, *what: Any, soft_wrap: bool | None = True, **options: Any) -> None:
        """As rich's, unbroken: a path that is cut in two can be neither read nor copied."""
        super().print(*what, soft_wrap=soft_wrap, **options)

    def status(self, status: RenderableType, **options: Any) -> Status:
        """As rich's."""
        if self.is_terminal:
            return super().status(status, **options)
        return StatusLines(status, console=self)


class ShowerCount:
    """Tells a bar how many showers there are; ``before``: those that an earlier run left.

    To be called with the number of showers so far, first of all before any is made.
    """

    def __init__(self, progress: Progress, description: str, total: int) -> None:
        self.progress, self.before = progress, 0
        self.task = progress.add_task(description, total=total)
        self.started = False

    def __call__(self, done: int) -> None:
        if not self.started:
            self.before, self.started = done, True
        self.progress.update(self.task, completed=done, before=self.before)


stderr = LongConsole(stderr=True)


def shower_progress(log: Path | None = None) -> LongProgress:
    """Progress with count, rate and time left, on stderr."""
    return LongProgress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        RateColumn("showers"),
        TimeRemainingColumn(),
        console=stderr,
        unit="showers",
        log=log,
    )


def step_progress(unit: str, log: Path | None = None) -> LongProgress:
    """Progress through steps of which some have a known number of parts, on stderr."""
    return LongProgress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=stderr,
        unit=unit,
        log=log,
        transient=True,
    )


def rate_of(task: Task) -> float | None:
    """What is made a second since the start, None before anything is."""
    elapsed = task.finished_time if task.finished else task.elapsed
    made = task.completed - task.fields.get("before", 0)
    return made / elapsed if elapsed and made > 0 else None


def line_of(task: Task, unit: str) -> str:
    """A task's progress in a line."""
    if task.total is None:
        return f"{task.description}: {spoken(task.elapsed or 0.0)} so far"
    count = f"{task.description}: {task.completed:,.0f} of {task.total:,.0f} {unit}"
    if task.completed >= task.total:
        return f"{count}, finishing"
    rate = rate_of(task)
    if rate is None:
        return f"{count}, {spoken(task.elapsed or 0.0)} so far"
    return f"{count}, {rate:,.3g} {unit}/s, {spoken((task.total - task.completed) / rate)} left"


def spoken(seconds: float) -> str:
    """A time as one says it.

    >>> spoken(42.2), spoken(600), spoken(9000)
    ('42 s', '10 min', '2.5 h')
    """
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 100 * 60 else f"{seconds / 3600:.1f} h"


def stamped(line: str) -> str:
    """A line after the time of the day."""
    return f"{time.strftime('%Y-%m-%d %H:%M:%S')} {line}"
