"""A search: its space, its workers (one of them killed) and what it leaves."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
import tomllib
from collections import Counter

import pytest
from tests.command import call

torch = pytest.importorskip("torch")
pytest.importorskip("optuna")

from optuna import TrialPruned  # noqa: E402
from optuna.trial import TrialState  # noqa: E402
from tests.conftest import make_showers  # noqa: E402
from tests.train.conftest import RECIPE  # noqa: E402

from caloforge import io  # noqa: E402
from caloforge.errors import ConfigError, InputError, OutputError  # noqa: E402
from caloforge.lock import hold  # noqa: E402
from caloforge.search.queue import TrialQueue  # noqa: E402
from caloforge.search.space import RecipeSpace  # noqa: E402
from caloforge.search.trial import TrialReporter, Worker  # noqa: E402
from caloforge.train.loop import Training  # noqa: E402

SPACE = """
recipe = "toy.toml"
trials = 4
sampler = "random"

[space]
"objective.generator_learning_rate" = {low = 1e-4, high = 1e-2, log = true}
"network.channels" = {choices = [16, 32]}
"objective.generator_steps" = {low = 1, high = 2}
"""


@pytest.fixture
def files(tmp_path, toy_detector):
    """A space, its recipe and showers; gives their folder."""
    io.write(tmp_path / "toy.h5", make_showers(toy_detector, 60))
    (tmp_path / "toy.toml").write_text(RECIPE)
    (tmp_path / "space.toml").write_text(SPACE)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield tmp_path
    torch.set_num_threads(before)


def make_worker(files, edit=lambda text: text, folder="search"):
    (files / "space.toml").write_text(edit(SPACE))
    space = RecipeSpace(files / "space.toml")
    return Worker(space, TrialQueue(files / folder, space), [files / "toy.h5"])


def epochs_trained(folder):
    """How often each epoch of each trial stands in the logs of the trainings."""
    counts = Counter()
    for log in folder.glob("trial-*/log.jsonl"):
        for line in map(json.loads, log.read_text().splitlines()):
            counts[log.parent.name, line["epoch"]] += "validation" in line
    return counts


def test_a_search_trains_each_trial_once_and_leaves_recipe_front_and_plot(files, capsys):
    folder = files / "search"
    command = ["search", str(files / "space.toml"), "--data", str(files / "toy.h5")]
    command += ["-o", str(folder), "--threads", "1"]
    assert call(*command) == 0 and "Pareto front" in capsys.readouterr().out
    results = json.loads((folder / "search.json").read_text())
    assert [trial["state"] for trial in results["trials"]] == ["complete"] * 4
    best = min(results["trials"], key=lambda trial: trial["score"])
    recipe = tomllib.loads((folder / "best.toml").read_text())
    assert recipe["network"]["channels"] == best["values"]["network.channels"]
    trained = json.loads((folder / f"trial-{best['number']:04}/run.json").read_text())["recipe"]
    rate = best["values"]["objective.generator_learning_rate"]
    assert recipe["objective"]["generator_learning_rate"] == rate
    assert trained["objective"]["generator_learning_rate"] == rate
    assert results["front"][-1] == best["number"]
    assert results["trials"][0]["values"] == {
        "objective.generator_learning_rate": 0.001,
        "network.channels": 16,
        "objective.generator_steps": 2,
    }
    assert (folder / "front.png").stat().st_size > 1000
    assert set(epochs_trained(folder).values()) == {1}
    before = (folder / "journal.log").read_text()
    assert call(*command) == 0
    assert before.count('"op_code":4') == (folder / "journal.log").read_text().count('"op_code":4')


def test_an_abandoned_trial_is_taken_up_where_it_stood(files, monkeypatch):
    plain, taken = Training._train_epoch, []

    def dying(self, progress):
        plain(self, progress)
        taken.append(progress.epoch)
        if len(taken) == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(Training, "_train_epoch", dying)
    with pytest.raises(KeyboardInterrupt):
        make_worker(files).run(print)
    worker = make_worker(files, lambda text: text.replace("trials = 4", "trials = 1"))
    (left,) = worker.queue.study.trials
    assert left.state is TrialState.RUNNING
    with hold(files / "search/trial-0000.lock"), worker.queue.next() as trial:
        assert trial is None
    worker.run(lambda trial, what: None)
    (trial,) = worker.queue.study.trials
    assert trial.state is TrialState.COMPLETE and trial.params == left.params
    assert taken == [1, 2]


def test_networks_over_the_budget_are_not_trained(files, capsys):
    worker = make_worker(files, lambda text: "budget_ms = 1e-9\n" + text)
    said = []
    worker.run(lambda trial, what: said.append(what))
    assert len(said) == 4 and all("over the budget of 1e-09" in what for what in said)
    assert {trial.state for trial in worker.queue.study.trials} == {TrialState.PRUNED}
    assert not epochs_trained(files / "search")
    folder, space, sample = (str(files / name) for name in ("search", "space.toml", "toy.h5"))
    assert call("search", space, "--data", sample, "-o", folder) == 0
    said = capsys.readouterr()
    assert "no trial has been trained" in " ".join(said.err.split())
    assert said.out == "" and not (files / "search" / "best.toml").exists()


def test_impossible_trials_are_told_and_the_search_goes_on(files):
    def edit(text):
        text = text.replace("trials = 4", "trials = 2")
        return text.split('"objective.')[0] + '"training.batch_size" = {choices = [500]}'

    worker = make_worker(files, edit)
    worker.run(lambda trial, what: None)
    for trial in worker.queue.study.trials:
        assert trial.state is TrialState.FAIL
        assert "fewer than one batch of 500" in trial.user_attrs["problem"]


def test_what_stays_worse_than_the_others_ends_early_and_what_gets_better_does_not(files):
    queue = make_worker(files, lambda text: text.replace("trials = 4", "trials = 9")).queue

    def train(scores):
        with queue.next() as trial:
            watch = TrialReporter(trial)
            for epoch, score in enumerate(scores, start=1):
                watch.epoch(epoch, score, True)
            queue.study.tell(trial, min(scores))

    for _ in range(5):
        train([0.9, 0.5, 0.3, 0.2, 0.1, 0.1, 0.1, 0.1])
    train([9.0 - epoch for epoch in range(8)])
    train([0.9, 0.5, 0.05, 5.0, 5.0, 5.0, 5.0, 5.0])
    with pytest.raises(TrialPruned):
        train([5.0, 9.0, 6.0, 5.5, 7.0, 8.0])


def test_a_torn_last_line_is_cut_off_and_said(files):
    folder, said = files / "search", []
    queue = make_worker(files).queue
    with queue.next() as trial:
        queue.study.tell(trial, 0.5)
    whole = (folder / "journal.log").read_bytes()
    with (folder / "journal.log").open("ab") as journal:
        journal.write(b'{"op_code":4,"wor')  # while this worker is at work, by one that was killed
    with queue.next() as trial:
        queue.study.tell(trial, 0.4)
    assert (folder / "journal.log").read_bytes().startswith(whole)
    assert [json.loads(line) for line in (folder / "journal.log").read_bytes().splitlines()]
    with (folder / "journal.log").open("ab") as journal:
        journal.write(b"x" * 10_000)
    again = TrialQueue(folder, RecipeSpace(files / "space.toml"), said.append)
    assert said == [f"{folder / 'journal.log'}: a torn last line (10000 bytes) was cut off"]
    assert [trial.value for trial in again.study.trials] == [0.5, 0.4]


def test_a_damaged_journal_names_its_line(files):
    make_worker(files)
    with (files / "search/journal.log").open("ab") as journal:
        journal.write(b'{"op_code":4,"wor{"op_code":4}\n')
    lines = (files / "search/journal.log").read_bytes().count(b"\n")
    with pytest.raises(InputError, match=f"journal.log is damaged in line {lines}: take that line"):
        make_worker(files)


def test_a_file_system_without_locks_is_one_line(tmp_path, monkeypatch):
    def none_here(stream, how):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", none_here)
    with pytest.raises(OutputError, match="lock: No locks available"):
        hold(tmp_path / "lock")
    with pytest.raises(OutputError, match="No such file"):
        hold(tmp_path / "nowhere" / "lock")


def test_what_does_not_fit_is_one_line(files):
    with pytest.raises(ConfigError, match=r"unknown key .*genrator_steps.* did you mean"):
        make_worker(files, lambda text: text.replace("generator_steps", "genrator_steps"))
    with pytest.raises(ConfigError, match="low < high"):
        make_worker(files, lambda text: text.replace("high = 2", "high = 0"))
    with pytest.raises(ConfigError, match="needs a whole step"):
        make_worker(files, lambda text: text.replace("high = 2", "high = 2, step = 0.5"))
    with pytest.raises(ConfigError, match="holds no other keys"):
        make_worker(files, lambda text: text + '"seed.first" = { low = 1, high = 2 }\n')
    make_worker(files)
    with pytest.raises(OutputError, match="holds another search"):
        make_worker(files, lambda text: text.replace("16, 32", "16, 48"))
    with pytest.raises(OutputError, match=r"cannot use .* as search folder"):
        make_worker(files, folder="toy.h5")


@pytest.mark.slow
@pytest.mark.parametrize("sampler", ["tpe", "cmaes"])
def test_thirty_trials_by_two_processes_one_of_them_killed(files, sampler):
    text = SPACE.replace("trials = 4", "trials = 30").replace('"random"', f'"{sampler}"')
    (files / "space.toml").write_text(text)
    folder = files / "search"
    command = [sys.executable, "-m", "caloforge", "search", files / "space.toml"]
    command += ["--data", files / "toy.h5", "-o", folder, "--threads", "1"]
    workers = [
        subprocess.Popen([str(word) for word in command], stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    while len(list(folder.glob("trial-*/checkpoint.safetensors"))) < 8:
        assert all(worker.poll() is None for worker in workers)
        time.sleep(0.01)
    os.kill(workers[1].pid, signal.SIGKILL)
    workers[1].communicate()
    errors = workers[0].communicate(timeout=600)[1]
    assert workers[0].returncode == 0, errors
    results = json.loads((folder / "search.json").read_text())["trials"]
    assert [trial["number"] for trial in results] == list(range(30))
    assert {trial["state"] for trial in results} <= {"complete", "pruned"}
    epochs = epochs_trained(folder)
    assert set(epochs.values()) == {1}
    for trial in results:
        trained = [epoch for name, epoch in epochs if name == f"trial-{trial['number']:04}"]
        assert sorted(trained) == list(range(1, len(trained) + 1))
        assert trial["state"] == "pruned" or len(trained) == 2


def test_a_gpu_that_is_not_there_is_refused_before_a_trial_is_begun(files, monkeypatch, capsys):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    arguments = ["--data", files / "toy.h5", "--device", "cuda", "-o", files / "search"]
    assert call("search", files / "space.toml", *arguments) == 2
    assert "--device cuda needs a GPU" in capsys.readouterr().err
    assert not (files / "search").exists()
