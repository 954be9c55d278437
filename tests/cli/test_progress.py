"""Progress without a terminal: lines every so often, into a log too."""

import io
import re
import threading
from pathlib import Path

import pytest
from rich.progress import TextColumn

from caloforge.cli import progress as progress_module
from caloforge.cli.progress import (
    Heartbeat,
    LongConsole,
    LongProgress,
    RateColumn,
    ShowerCount,
    line_of,
    spoken,
)


class Heard(io.StringIO):
    """A stream that tells when it has got a line."""

    def __init__(self) -> None:
        super().__init__()
        self.line = threading.Event()

    def write(self, text: str) -> int:
        written = super().write(text)
        self.line.set()
        return written


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress_module, "FIRST_PAUSE_S", 0.01)


def batch(stream: io.StringIO) -> LongConsole:
    return LongConsole(file=stream, force_terminal=False, width=200)


@pytest.mark.usefixtures("impatient")
def test_lines_with_rate_and_time_left_go_to_the_batch_log_and_to_the_folder(
    tmp_path: Path,
) -> None:
    stream, log = Heard(), tmp_path / "progress.log"
    with LongProgress(
        TextColumn("bar"), console=batch(stream), unit="showers", log=log
    ) as progress:
        count = ShowerCount(progress, "simulating a.h5", 1000)
        count(100)
        count(300)
        stream.line.clear()
        assert stream.line.wait(30)
    line = stream.getvalue().splitlines()[-1]
    form = r"\S+ \S+ simulating a.h5: 300 of 1,000 showers, [\d.,e+]+ showers/s, .* left"
    assert re.fullmatch(form, line)
    assert line in log.read_text().splitlines()


@pytest.mark.usefixtures("impatient")
def test_a_status_is_told_in_lines() -> None:
    stream = Heard()
    with batch(stream).status("quantizing toy.onnx") as status:
        assert stream.line.wait(30)
        status.update("step 2")
        stream.line.clear()
        assert stream.line.wait(30)
    first, *_, last = stream.getvalue().splitlines()
    assert "quantizing toy.onnx: 0 s so far" in first and "step 2: " in last


def test_what_an_earlier_run_left_is_not_in_the_rate() -> None:
    with LongProgress(console=batch(io.StringIO()), unit="showers") as progress:
        clock = iter([0.0])
        progress.get_time = lambda: next(clock, 10.0)
        count = ShowerCount(progress, "simulating", 1000)
        count(900)
        count(950)
        line = line_of(progress.tasks[0], "showers")
        assert line == "simulating: 950 of 1,000 showers, 5 showers/s, 10 s left"
        count(1000)
        assert line_of(progress.tasks[0], "showers").endswith("1,000 of 1,000 showers, finishing")
        progress.add_task("reading", total=None)
        assert line_of(progress.tasks[1], "showers") == "reading: 0 s so far"


def test_the_bars_rate_leaves_out_what_an_earlier_run_made() -> None:
    with LongProgress(console=batch(io.StringIO()), unit="showers") as progress:
        count = ShowerCount(progress, "generating", 1000)
        count(600)
        count(700)
    task = progress.tasks[0]
    task.finished_time, task.total = 10.0, 700
    assert count.before == 600
    assert RateColumn("showers").render(task).plain == "10.0 showers/s"


def test_short_work_says_nothing(tmp_path: Path) -> None:
    stream = io.StringIO()
    with LongProgress(console=batch(stream), unit="showers", log=tmp_path / "a.log") as progress:
        ShowerCount(progress, "simulating", 10)(10)
    assert stream.getvalue() == "" and not (tmp_path / "a.log").exists()


@pytest.mark.usefixtures("impatient")
def test_lines_come_ever_more_rarely(monkeypatch: pytest.MonkeyPatch) -> None:
    heartbeat, pauses = Heartbeat(lambda: None), []

    def wait(pause: float) -> bool:
        pauses.append(pause)
        return len(pauses) == 16

    monkeypatch.setattr(heartbeat._over, "wait", wait)
    heartbeat._beat()
    assert pauses[:3] == [0.01, 0.02, 0.04] and pauses[-1] == 60


def test_times_are_spoken() -> None:
    assert [spoken(s) for s in (3, 99, 100, 5999, 6000)] == [
        "3 s",
        "99 s",
        "2 min",
        "100 min",
        "1.7 h",
    ]
