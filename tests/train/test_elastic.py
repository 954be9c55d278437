"""What ends a training from outside: killed processes, a full disk; every resume is exact."""

import os
import random
import resource
import signal
import subprocess
import sys
import time

import pytest

torch = pytest.importorskip("torch")

from tests.train.test_training import Silent, final_state, log_lines, same  # noqa: E402

from caloforge.errors import OutputError  # noqa: E402
from caloforge.lock import hold  # noqa: E402
from caloforge.train import run  # noqa: E402
from caloforge.train.loop import Training  # noqa: E402
from caloforge.train.recipe import load_recipe  # noqa: E402

needs_two_cores = pytest.mark.skipif(
    len(os.sched_getaffinity(0)) < 2, reason="two ranks need two cores"
)


@pytest.fixture
def started(sample, recipe_file):
    """Starts a training of ten epochs and gives its process."""
    recipe_file.write_text(recipe_file.read_text().replace("epochs = 2", "epochs = 10"))
    train = ["-m", "caloforge", "train", recipe_file, "--data", sample, "--threads", 1]

    def start(folder, *launcher, ranks=1, limit=None):
        command = [sys.executable, *launcher, *train, "-o", folder]
        command += ["--ranks", ranks] if ranks > 1 else []
        return subprocess.Popen(
            [str(word) for word in command],
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=limit,
        )

    return start


def finish(process):
    message = process.communicate(timeout=300)[1]
    assert process.returncode == 0, message


def children(process):
    listed = subprocess.run(
        ["ps", "-o", "pid=,args=", "--ppid", str(process.pid)], capture_output=True, text=True
    )
    lines = [line.split() for line in listed.stdout.splitlines() if "resource_tracker" not in line]
    return [int(line[0]) for line in lines]


def wait_for_steps(process, folder, steps):
    """Wait until the training has logged so many steps (or has ended)."""
    log = folder / "log.jsonl"
    while process.poll() is None:
        if log.exists() and len(log.read_text().splitlines()) > steps // 3:
            return
        time.sleep(0.005)


def assert_equal(folder, undisturbed):
    assert same(final_state(folder), final_state(undisturbed))
    assert log_lines(folder) == log_lines(undisturbed)


@pytest.mark.slow
@needs_two_cores
def test_ten_kills_at_random_moments_change_nothing(started, tmp_path):
    rng = random.Random(1)
    for ranks in (1, 2):
        undisturbed, folder = tmp_path / f"undisturbed{ranks}", tmp_path / f"killed{ranks}"
        finish(started(undisturbed, ranks=ranks))
        for _ in range(5):
            process = started(folder, ranks=ranks)
            done = len(log_lines(folder)) if (folder / "log.jsonl").exists() else 0
            wait_for_steps(process, folder, 3 * done + rng.randrange(20))
            time.sleep(rng.uniform(0, 0.3))
            victims = [process.pid, *children(process)]
            os.kill(rng.choice(victims), signal.SIGKILL)
            process.communicate(timeout=60)
            assert process.returncode != 0
        finish(started(folder, ranks=ranks))
        assert_equal(folder, undisturbed)


@pytest.mark.slow
@needs_two_cores
def test_torchrun_restarts_after_a_killed_rank(started, tmp_path):
    undisturbed, folder = tmp_path / "undisturbed", tmp_path / "killed"
    finish(started(undisturbed, ranks=2))
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    process = started(folder, *torchrun, "--max-restarts=1")
    wait_for_steps(process, folder, 40)
    os.kill(children(process)[1], signal.SIGKILL)
    finish(process)
    assert_equal(folder, undisturbed)


@pytest.mark.slow
@needs_two_cores
def test_a_full_disk_ends_all_ranks_with_one_line_and_the_training_goes_on(started, tmp_path):
    """Files may not become as large as a checkpoint: the system refuses the write."""
    undisturbed, folder = tmp_path / "undisturbed", tmp_path / "full"
    finish(started(undisturbed, ranks=2))
    room = (undisturbed / "checkpoint.safetensors").stat().st_size - 1

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))

    process = started(folder, ranks=2, limit=limit)
    message = process.communicate(timeout=120)[1]
    assert process.returncode == 2
    assert "cannot write" in message and "File too large" in message
    assert "Traceback" not in message
    finish(started(folder, ranks=2))
    assert_equal(folder, undisturbed)


def test_two_trainings_cannot_share_a_folder(sample, recipe_file, tmp_path, monkeypatch):
    monkeypatch.setattr(run, "PATIENCE_SECONDS", 0.1)
    folder = tmp_path / "run"
    folder.mkdir()
    training = Training(load_recipe(recipe_file), [sample], folder, Silent())
    with hold(folder / "lock"), pytest.raises(OutputError, match="another process is training in"):
        training.run()
    training.run()
