"""Time to train and the scaling model."""

import json
import math

import pytest
from tests.command import call

torch = pytest.importorskip("torch")

from tests.conftest import make_showers  # noqa: E402
from tests.train.conftest import RECIPE  # noqa: E402

from caloforge import io  # noqa: E402
from caloforge.bench.scaling import Scaling, plot_scaling  # noqa: E402
from caloforge.bench.scaling_steps import measure_scaling  # noqa: E402
from caloforge.bench.training import time_to_train  # noqa: E402
from caloforge.errors import InputError  # noqa: E402
from caloforge.train.files import ShowerFiles  # noqa: E402
from caloforge.train.recipe import load_recipe  # noqa: E402


@pytest.fixture
def files(tmp_path, toy_detector):
    io.write(tmp_path / "toy.h5", make_showers(toy_detector, 60))
    (tmp_path / "toy.toml").write_text(RECIPE)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield tmp_path
    torch.set_num_threads(before)


def test_time_to_train_stops_at_the_target_and_counts_showers(files):
    recipe = load_recipe(files / "toy.toml")
    easy = time_to_train(recipe, [files / "toy.h5"], target=1e9, seeds=2)
    assert [run.seed for run in easy.runs] == [3, 4]
    assert [(run.epochs, run.showers) for run in easy.runs] == [(1, 48), (1, 48)]
    assert all(run.seconds > 0 and math.isfinite(run.best) for run in easy.runs)
    assert easy.runs[0].best != easy.runs[1].best
    hard = time_to_train(recipe, [files / "toy.h5"], target=0.0, seeds=1)
    (run,) = hard.runs
    assert (run.seconds, run.showers, run.epochs) == (None, None, 2)


def scaling(**changes):
    return Scaling(
        **{
            "recipe": "toy", "batch_size": 8, "step_seconds": {8: (0.1,) * 4},
            "message_bytes": (1_000_000, 1000), "latency_us": 10.0, "gbit_per_second": 80.0,
            **changes,
        }
    )  # fmt: skip


def test_messages_follow_the_formula():
    modelled = scaling()
    assert modelled.messages(1) == 0.0 and modelled.efficiency(1) == 1.0
    by_hand = 2 * (2 * 3 * 10e-6) + 2 * 7 / 8 * 1_001_000 / 10e9
    assert modelled.messages(8) == pytest.approx(by_hand)
    assert modelled.efficiency(8) == pytest.approx(0.1 / (0.1 + by_hand))


def test_the_slowest_of_many_ranks_is_the_slowest_step_measured():
    modelled = scaling(step_seconds={8: (0.1, 0.1, 0.1, 0.2)}, message_bytes=())
    assert modelled.slowest(1) == pytest.approx(0.125)
    assert modelled.slowest(2) == pytest.approx(0.1 * 9 / 16 + 0.2 * 7 / 16)
    assert modelled.slowest(256) == pytest.approx(0.2)


def test_strong_scaling_shares_the_batch():
    modelled = scaling(step_seconds={8: (0.1,), 4: (0.06,), 2: (0.05,)}, strong=True)
    assert modelled.ranks == [1, 2, 4]
    assert modelled.showers_per_second(1) == pytest.approx(8 / 0.1)
    messages = modelled.messages(4)
    assert messages > 0
    assert modelled.efficiency(4) == pytest.approx(0.1 / 4 / (0.05 + messages))
    assert len(modelled.table().rows) == 3


def test_energy_scores_scale_too(files):
    text = RECIPE.replace('name = "gan"', 'name = "energy_score"\nmade = 16')
    (files / "toy.toml").write_text(text.replace("batch_size = 8", "batch_size = 16"))
    recipe, data = load_recipe(files / "toy.toml"), [files / "toy.h5"]
    found = measure_scaling(recipe, data, 20.0, 100.0, strong=True, steps=2)
    assert {size: len(steps) for size, steps in found.step_seconds.items()} == {16: 2, 8: 2}
    assert found.ranks == [1, 2]


def test_no_more_showers_are_read_than_are_timed(files, monkeypatch):
    read, run = set(), ShowerFiles.read_run

    def noted(self, start, stop):
        read.update(range(start, stop))
        return run(self, start, stop)

    monkeypatch.setattr(ShowerFiles, "read_run", noted)
    recipe = load_recipe(files / "toy.toml")
    found = measure_scaling(recipe, [files / "toy.h5"], 20.0, 100.0, steps=1)
    assert [len(seconds) for seconds in found.step_seconds.values()] == [1]
    assert len(read) == 4 * 8 / 0.8 < 60


def test_bench_measures_a_recipe_and_draws_its_scaling(files, capsys):
    command = ["bench", "scaling", str(files / "toy.toml"), "--data", str(files / "toy.h5")]
    command += ["-o", str(files / "scaling.json"), "--plot", str(files / "scaling.png")]
    assert call(*command, "--network", "5", "200", "--threads", "1") == 0
    assert "modelled network" in capsys.readouterr().out
    found = Scaling.model_validate(json.loads((files / "scaling.json").read_text()))
    assert (found.latency_us, found.gbit_per_second) == (5.0, 200.0)
    assert list(found.step_seconds) == [8] and all(s > 0 for s in found.step_seconds[8])
    assert (files / "scaling.png").stat().st_size > 1000
    plot_scaling(scaling(), files / "other.png")


def test_what_cannot_be_timed_is_one_line(files):
    recipe, data = load_recipe(files / "toy.toml"), [files / "toy.h5"]
    for network in ((-1.0, 100.0), (20.0, 0.0)):
        with pytest.raises(InputError, match="a bandwidth above 0"):
            measure_scaling(recipe, data, *network)
    few = recipe.training.model_copy(update={"epochs": 1, "batch_size": 20})
    with pytest.raises(InputError, match="ends after 2 steps"):
        measure_scaling(recipe.model_copy(update={"training": few}), data, 20.0, 100.0)
    text = RECIPE.replace("epochs = 2", "epochs = 3").replace('"gan"', '"factorised"')
    network = text[text.index("[network]") : text.index("[objective]")]
    text = text.replace(network, '[network]\nname = "factorised"\n\n')
    (files / "toy.toml").write_text(text)
    with pytest.raises(InputError, match="of the objectives 'gan' and 'energy_score' only"):
        measure_scaling(load_recipe(files / "toy.toml"), [files / "toy.h5"], 20.0, 100.0)


@pytest.mark.parametrize("verb", ["train", "scaling"])
def test_a_gpu_that_is_not_there_is_refused(verb, files, monkeypatch, capsys):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    arguments = ["--data", files / "toy.h5", "--device", "cuda"]
    assert call("bench", verb, files / "toy.toml", *arguments) == 2
    assert "--device cuda needs a GPU" in capsys.readouterr().err
