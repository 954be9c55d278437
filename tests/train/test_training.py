import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tests.conftest import make_showers, make_toy_detector  # noqa: E402
from tests.train.conftest import RECIPE  # noqa: E402

from caloforge import io  # noqa: E402
from caloforge.errors import ConfigError, InputError, OutputError, TrainingError  # noqa: E402
from caloforge.networks.factorised.fit.objective import FitOptions  # noqa: E402
from caloforge.networks.gan.objective import GanObjective  # noqa: E402
from caloforge.networks.gan.options import GanOptions  # noqa: E402
from caloforge.train.checkpoint import load_state, save_state  # noqa: E402
from caloforge.train.device import chosen_device  # noqa: E402
from caloforge.train.log import RunLog  # noqa: E402
from caloforge.train.loop import Training  # noqa: E402
from caloforge.train.recipe import Recipe, load_recipe  # noqa: E402
from caloforge.train.run import RunFolder  # noqa: E402
from caloforge.train.trained import load_trained  # noqa: E402


class Silent:
    def __init__(self):
        self.values, self.done = [], None

    def start(self, epochs, steps_per_epoch, batch_size, done):
        self.done = done

    def step(self, epoch, values):
        self.values.append(values)

    def epoch(self, epoch, score, best):
        pass


@pytest.fixture
def train(sample, recipe_file, tmp_path):
    def run(folder="run", epochs=None, edit=lambda text: text):
        recipe_file.write_text(edit(recipe_file.read_text()))
        reporter = Silent()
        recipe = load_recipe(recipe_file)
        if epochs:
            recipe = recipe.with_epochs(epochs)
        return Training(recipe, [sample], tmp_path / folder, reporter).run(), reporter

    return run


@pytest.fixture(scope="module")
def beside(tmp_path_factory):
    """A folder with the toy sample and recipe, for trainings that others are compared with."""
    folder = tmp_path_factory.mktemp("beside")
    io.write(folder / "toy.h5", make_showers(make_toy_detector(), 100))
    (folder / "toy.toml").write_text(RECIPE)
    return folder


def toy_training(beside, name, epochs=2):
    recipe, reporter = load_recipe(beside / "toy.toml").with_epochs(epochs), Silent()
    return Training(recipe, [beside / "toy.h5"], beside / name, reporter).run(), reporter


@pytest.fixture(scope="module")
def undisturbed(beside):
    """The run folder of a training that nothing stopped."""
    toy_training(beside, "undisturbed")
    return beside / "undisturbed"


@pytest.fixture(scope="module")
def one_epoch(beside):
    """What a training of one epoch found, and its reporter."""
    return toy_training(beside, "one_epoch", epochs=1)


def final_state(folder):
    state = load_state(folder / "checkpoint.safetensors")
    state["progress"].pop("seconds")
    return state


def same(one, other):
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[k], other[k]) for k in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return torch.equal(one, other) if isinstance(one, torch.Tensor) else one == other


def test_a_folder_that_only_tells_its_progress_is_new(train, tmp_path):
    """Reading many showers takes longer than the first line of `progress.log`."""
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "progress.log").write_text("reading the showers: 5 s so far\n")
    assert train(epochs=1)[0].epochs == 1


def log_lines(folder):
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [{k: v for k, v in line.items() if k != "showers_per_second"} for line in lines]


def test_a_training_leaves_log_best_epoch_and_record(train, tmp_path):
    trained, reporter = train()
    folder = tmp_path / "run"
    assert len(reporter.values) == 2 * 10
    lines = log_lines(folder)
    scores = {line["epoch"]: line["validation"] for line in lines if "validation" in line}
    assert trained.best_epoch == min(scores, key=scores.get)
    assert trained.best_score == min(scores.values())
    losses = [line for line in lines if "g_real" in line]
    assert [line["step"] for line in losses] == [3, 6, 9, 12, 15, 18]
    wanted = [values["g_ecal"] for values in reporter.values[3:6]]
    assert losses[1]["g_ecal"] == pytest.approx(np.mean(wanted))
    record = json.loads((folder / "record.json").read_text())
    assert record["verb"] == "train" and record["inputs"]["toy.h5"].startswith("sha256:")
    assert list((folder / "tensorboard").glob("events.*"))
    assert not list(folder.glob("*.partial"))


def test_tensorboard_shows_the_validation_number(train, tmp_path):
    reading = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    trained, _ = train(epochs=1)
    events = reading.EventAccumulator(str(tmp_path / "run" / "tensorboard")).Reload()
    (event,) = events.Scalars("validation")
    assert event.value == pytest.approx(trained.best_score, rel=1e-6) and event.step == 10


def test_kill_9_in_the_middle_of_an_epoch_changes_nothing(
    train, undisturbed, sample, recipe_file, tmp_path
):
    folder = tmp_path / "killed"
    command = [sys.executable, "-m", "caloforge", "train", str(recipe_file)]
    command += ["--data", str(sample), "-o", str(folder), "--threads", "1"]
    child = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not (folder / "log.jsonl").exists() and time.monotonic() < deadline:
        time.sleep(0.002)
    os.kill(child.pid, signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL
    _, reporter = train("killed")
    assert 0 < reporter.done < 20
    assert same(final_state(folder), final_state(undisturbed))
    assert log_lines(folder) == log_lines(undisturbed)
    best = [load_state(run / "best.safetensors") for run in (folder, undisturbed)]
    assert same(best[0]["generator"], best[1]["generator"])


@pytest.mark.parametrize("stop", [1, 10, 13])
def test_a_run_stopped_anywhere_resumes_exactly(train, undisturbed, tmp_path, monkeypatch, stop):
    plain, taken = GanObjective.step, []

    def stopping(self, batch):
        if len(taken) == stop:
            raise KeyboardInterrupt
        taken.append(1)
        return plain(self, batch)

    boards, close = [], RunLog.close
    monkeypatch.setattr(RunLog, "close", lambda log: (boards.append(log), close(log)))
    monkeypatch.setattr(GanObjective, "step", stopping)
    with pytest.raises(KeyboardInterrupt):
        train("stopped")
    assert len(boards) == 1
    monkeypatch.setattr(GanObjective, "step", plain)
    _, reporter = train("stopped")
    assert reporter.done == stop
    assert same(final_state(tmp_path / "stopped"), final_state(undisturbed))


def test_a_kill_between_validation_and_checkpoint_leaves_no_line_twice(
    train, undisturbed, tmp_path, monkeypatch
):
    plain = RunFolder.save

    def dying(self, objective, progress):
        if progress.epoch == 1 and progress.step == 0:
            raise KeyboardInterrupt
        plain(self, objective, progress)

    monkeypatch.setattr(RunFolder, "save", dying)
    with pytest.raises(KeyboardInterrupt):
        train("stopped")
    monkeypatch.setattr(RunFolder, "save", plain)
    train("stopped")
    assert log_lines(tmp_path / "stopped") == log_lines(undisturbed)


def test_more_epochs_continue_a_finished_training(train, tmp_path):
    train("long", epochs=3)
    train("short", epochs=1)
    again, reporter = train("short", epochs=1)
    assert reporter.values == [] and again.epochs == 1
    train("short", epochs=3)
    assert same(final_state(tmp_path / "short"), final_state(tmp_path / "long"))


def test_another_recipe_or_a_foreign_folder_is_refused(train, tmp_path):
    train(epochs=1)
    with pytest.raises(OutputError, match=r"recipe\.objective\.label_flips is 0\.05 there and 0"):
        train(edit=lambda text: text.replace('"gan"', '"gan"\nlabel_flips = 0.0'))
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "thesis.tex").write_text("x")
    with pytest.raises(OutputError, match="not a training run"):
        train("foreign")
    with pytest.raises(OutputError, match=r"cannot use .* as run folder"):
        train("toy.h5")


def test_a_run_folder_of_before_an_option_came_goes_on(train, tmp_path):
    train(epochs=1)
    place = tmp_path / "run" / "run.json"
    stored = json.loads(place.read_text())
    del stored["recipe"]["objective"]["label_smoothing"]
    place.write_text(json.dumps(stored))
    again, _ = train(epochs=1)
    assert again.epochs == 1


def test_nan_is_named_within_the_step_and_the_last_good_checkpoint_kept(
    train, tmp_path, monkeypatch
):
    train(epochs=1)
    good = final_state(tmp_path / "run")
    plain = GanObjective.step

    def poisoned(self, batch):
        if self.steps == 14:
            with torch.no_grad():
                next(self.generator.parameters())[0] = float("nan")
        return plain(self, batch)

    monkeypatch.setattr(GanObjective, "step", poisoned)
    with pytest.raises(TrainingError, match=r"epoch 2, step 5: d_fake is nan; the last good check"):
        train()
    kept = final_state(tmp_path / "run")
    assert kept["progress"]["step"] == 4 and kept["objective"]["steps"][0] == 14
    monkeypatch.setattr(GanObjective, "step", plain)
    train()
    assert same(good["objective"]["generator"].keys(), kept["objective"]["generator"].keys())


def test_a_damaged_run_folder_is_one_line(train, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").write_text("{half")
    with pytest.raises(OutputError, match=r"run\.json is damaged, name a new folder"):
        train()
    (tmp_path / "run" / "run.json").unlink()
    train(epochs=1)
    save_state(tmp_path / "run" / "checkpoint.safetensors", {"objective": {}, "progress": {}})
    with pytest.raises(InputError, match="of another version of caloforge"):
        train()


def test_a_full_disk_is_one_line(train, tmp_path, monkeypatch):
    from caloforge.train import log

    def full(self, step, epoch, values):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(log.RunLog, "write", full)
    with pytest.raises(OutputError, match=r"cannot write to .*run: No space left on device"):
        train()


NETWORK = re.compile(r"\[network\](\n\w.*)*\n")
OPTIONS = {
    "bfloat16": ("batch_size = 8", 'batch_size = 8\nprecision = "bfloat16"'),
    "r1": ('name = "gan"', 'name = "gan"\nr1_weight = 1.0\nr1_every = 4'),
    "spectral norm": ('name = "gan"', 'name = "gan"\nspectral_norm = true'),
    "adam": ('name = "gan"', 'name = "gan"\noptimiser = "adam"\nwarmup_epochs = 2'),
    "smoothing": ('name = "gan"', 'name = "gan"\nlabel_smoothing = 0.1\ngenerator_steps = 1'),
    "conv2d": ("layered2d", "conv2d"),
}


@pytest.mark.parametrize("option", OPTIONS)
def test_every_option_trains_and_changes_the_result(train, one_epoch, option):
    plain, reference = one_epoch
    changed, reporter = train("changed", epochs=1, edit=lambda text: text.replace(*OPTIONS[option]))
    assert all(np.isfinite(list(values.values())).all() for values in reporter.values)
    assert changed.best_score != plain.best_score
    assert ("d_r1" in reporter.values[0]) == (option == "r1")
    assert ("d_r1" in reporter.values[1]) is False
    assert reference.values[0].keys() <= reporter.values[0].keys() | {"d_r1"}


def test_networks_and_objectives_that_do_not_fit_are_refused(train):
    with pytest.raises(ConfigError, match=r"weights\.theta must be 0.*does not measure theta"):
        train(edit=lambda text: text.replace("[data]", "[objective.weights]\ntheta = 1.0\n[data]"))
    with pytest.raises(ConfigError, match="objective is 'factorised', got 'gan'"):
        train("other", edit=lambda text: NETWORK.sub('[network]\nname = "factorised"\n', text))


def test_warm_up_decay_and_batch_size_set_the_learning_rates(train, sample, recipe_file, tmp_path):
    text = recipe_file.read_text()
    options = 'name = "gan"\nwarmup_epochs = 3\nlearning_rate_decay = 0.5\nrates_for_batch = 4\n'
    recipe_file.write_text(text.replace('name = "gan"', options))
    training = Training(load_recipe(recipe_file), [sample], tmp_path / "run", Silent())
    rates = []
    for epoch in range(6):
        training.objective.start_epoch(epoch)
        rates.append(training.objective.generator_optimiser.param_groups[0]["lr"])
    assert rates == pytest.approx([0.5e-3, 1e-3, 1.5e-3, 2e-3, 1e-3, 0.5e-3])


def test_training_lowers_the_generator_losses(train):
    _, reporter = train(epochs=4)
    first, last = reporter.values[:5], reporter.values[-5:]
    assert np.mean([v["g_ecal"] for v in last]) < 0.5 * np.mean([v["g_ecal"] for v in first])


def test_the_trained_generator_is_the_averaged_one_of_the_best_epoch(train, tmp_path):
    trained, _ = train()
    generator, card = load_trained(tmp_path / "run")
    assert not generator.training
    best = load_state(trained.best)
    assert same(dict(generator.state_dict()), best["generator"])
    assert card.training.epochs == trained.best_epoch
    assert card.scores["validation_number"].value == trained.best_score
    assert card.training.data[0].showers == 100 and card.detector.name == "toy"


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("augment", "augmnet", r"unknown key 'data.augmnet': did you mean 'augment'"),
        ("latent", "latnt", r"unknown key 'network.*latnt': did you mean 'latent'"),
        ('"layered2d"', '"layerd2d"', "network: .*layerd2d.*layered2d"),
        ("channels = 16", "channels = 20", "channels.*multiple of 16, got 20"),
        ("epochs = 2", "epochs = 0", "epochs.*greater than 0, got 0"),
        ("epochs = 2", "", "key 'training.epochs' is missing"),
    ],
)
def test_a_wrong_recipe_names_the_key(recipe_file, before, after, message):
    recipe_file.write_text(recipe_file.read_text().replace(before, after, 1))
    with pytest.raises(ConfigError, match=message):
        load_recipe(recipe_file)


FACTORISED = Recipe.model_validate(
    {
        "name": "toy",
        "network": {"name": "factorised", "flow_steps": 2, "flow_width": 8, "rings": 4},
        "training": {"epochs": 4, "batch_size": 8},
    }
)
TRAINED = 3 * 11
"""Steps of the epochs before the one that measures."""


def trained_in(folder, sample, epochs, stop_after=None, **options):
    """The toy factorised training for some epochs, stopped after some steps of this call."""

    class Stop(Silent):
        def step(self, epoch, values):
            super().step(epoch, values)
            if len(self.values) == stop_after:
                raise KeyboardInterrupt

    training = FACTORISED.training.model_copy(update={"epochs": epochs, **options})
    recipe = FACTORISED.model_copy(update={"training": training})
    with contextlib.suppress(KeyboardInterrupt):
        return Training(recipe, [sample], folder, Stop()).run()


def halted_in(folder, sample, measured):
    """The training halted after so many steps of its measurement, each of which it has kept."""
    trained_in(folder, sample, 4, stop_after=TRAINED + 1)
    trained_in(folder, sample, 4, stop_after=measured, checkpoint_every_seconds=0)


def best_of(folder):
    return load_state(folder / "best.safetensors")["generator"]


@pytest.fixture(scope="module")
def straight(beside):
    """The run folder of the toy factorised training that nothing halted, and what it found."""
    return beside / "straight", trained_in(beside / "straight", beside / "toy.h5", 4)


def test_only_the_epoch_that_measures_is_validated_and_it_says_so(straight):
    folder, trained = straight
    assert (trained.epochs, trained.best_epoch) == (4, 4)
    lines = log_lines(folder)
    assert [line["epoch"] for line in lines if "validation" in line] == [4]
    assert [line["epoch"] for line in lines if line.get("phase") == "measuring"] == [4]


@pytest.mark.parametrize("measured", [pytest.param(1, marks=pytest.mark.slow), 11])
def test_a_measurement_that_was_halted_goes_on_exactly(straight, sample, tmp_path, measured):
    halted_in(tmp_path / "halted", sample, measured)
    trained_in(tmp_path / "halted", sample, 4)
    assert same(best_of(tmp_path / "halted"), best_of(straight[0]))


def test_fewer_epochs_than_the_recipe_s_end_with_a_model(sample, tmp_path):
    assert trained_in(tmp_path / "run", sample, 3).best_epoch == 3
    generator, card = load_trained(tmp_path / "run")
    assert generator.deposits.table.max() > 0 and card.training.epochs == 3


def test_training_on_after_the_measurement_trains_and_measures_anew(straight, sample, tmp_path):
    shutil.copytree(straight[0], tmp_path / "run")
    four = best_of(straight[0])
    trained_in(tmp_path / "run", sample, 6)
    state = load_state(tmp_path / "run" / "checkpoint.safetensors")
    assert state["progress"]["epoch"] == 6 and state["progress"]["phase"] == "measured"
    trained = state["objective"]["generator"]
    assert not torch.equal(trained["pattern.log_sigma"], four["pattern.log_sigma"])
    seen = state["objective"]["measured"]["deposits"]["cells"].sum()
    assert seen == 11 * 8 * 5 * 5 * 4  # of one epoch, not of two


@pytest.mark.slow
def test_a_measurement_that_becomes_a_training_epoch_is_forgotten(sample, tmp_path):
    """Halted while it measures, then asked for more epochs: nothing is counted twice."""
    halted_in(tmp_path / "run", sample, 5)
    trained_in(tmp_path / "run", sample, 5)
    state = load_state(tmp_path / "run" / "checkpoint.safetensors")["objective"]
    assert state["measured"]["deposits"]["cells"].sum() == 11 * 8 * 5 * 5 * 4


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (GanOptions(), "needs a GPU a rank, got 0 for 1"),
        (FitOptions(), "'factorised' trains on the processor only"),
    ],
)
def test_a_gpu_that_is_not_there_or_of_no_use_is_refused(options, line, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(ConfigError, match=line):
        chosen_device("cuda", options)
    assert chosen_device("auto", options) == chosen_device("cpu", options) == "cpu"


def test_the_last_epoch_is_kept_where_the_recipe_says_so(train, tmp_path):
    numbers = iter([0.1, 0.3])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("caloforge.train.validation.Validator.score", lambda *_: next(numbers))
        trained, _ = train(edit=lambda text: text + '\nkeep = "last"\n')
    assert (trained.best_epoch, trained.best_score) == (2, 0.3)
    state = load_state(tmp_path / "run" / "best.safetensors")
    assert state["progress"]["best_epoch"] == 2
