"""The steps: their order, what is done already, what is done again, and when it is enough."""

import json
from pathlib import Path

import pytest
from tests.conftest import make_showers, make_toy_detector
from tests.make.test_request import request

pytest.importorskip("torch")

from caloforge import io
from caloforge.errors import InputError, OutputError
from caloforge.make import run as run_module
from caloforge.make.beforehand import Beforehand
from caloforge.make.request import Goal
from caloforge.make.run import Maker

FOUND = Beforehand(
    window="fixed", shape=(5, 5, 4), contained=0.93, enough=(9, 9), edge=0.0, empty=0.25,
    seconds_per_gev=0.01, simulation=60.0, training=30.0, disk=10**6,
)  # fmt: skip


class Verbs:
    """Verbs that leave what the real ones leave, and note their words; ``scores``: the AUC that
    each validation finds."""

    def __init__(self, scores=(0.7,)):
        self.ran, self.lines, self.scores = [], [], list(scores)

    def __call__(self, words):
        self.ran.append(words)
        output = Path(words[words.index("-o") + 1]) if "-o" in words else None
        if words[0] == "train":
            output.mkdir(exist_ok=True)
            output /= "best.safetensors"
        if words[0] == "validate":
            output.mkdir(exist_ok=True)
            auc = {"value": self.scores.pop(0), "error": 0.02, "floor": 0.5}
            (output / "metrics.json").write_text(json.dumps({"scores": {"auc_high": auc}}))
        elif words[0] in ("simulate", "convert"):
            n = int(words[words.index("-n") + 1]) if "-n" in words else 60
            io.write(output, make_showers(make_toy_detector(), min(n, 300), seed=len(self.ran)))
        elif output is not None:
            output.write_text(" ".join(words))

    @property
    def names(self):
        return [words[0] if words[0] != "bench" else "tune" for words in self.ran]


@pytest.fixture
def known(monkeypatch):
    """What a handful of showers says, without simulating them."""
    monkeypatch.setattr(run_module, "look_beforehand", lambda *given: FOUND)


def maker(folder, verbs, **options):
    changes = {name: options.pop(name) for name in ("energy", "data") if name in options}
    return Maker(
        request(showers=400, **changes), folder, jobs=1, run_verb=verbs, say=verbs.lines.append,
        **options,
    )  # fmt: skip


ALL = ["simulate", "simulate", "train", "export", "generate", "validate", "export", "tune"]


@pytest.mark.usefixtures("known")
def test_showers_are_held_out_first_and_judge_the_model(tmp_path):
    verbs = Verbs()
    made = maker(tmp_path / "m", verbs).make()
    assert verbs.names == ALL
    held_out, training = verbs.ran[:2]
    assert "held_out.h5" in held_out[-1]
    assert "60" in held_out
    assert "340" in training
    seeds = [words[words.index("--seed") + 1] for words in (held_out, training)]
    assert seeds[0] != seeds[1]
    trained, validated = verbs.ran[2], verbs.ran[5]
    assert held_out[-1] not in trained
    assert held_out[-1] == validated[1]
    assert made.scores["auc_high"].value == 0.7
    assert made.places.model.exists()


@pytest.mark.usefixtures("known")
def test_the_folder_says_what_was_run_and_what_came_of_it(tmp_path):
    verbs = Verbs()
    maker(tmp_path / "m", verbs).make()
    ran = (tmp_path / "m" / "commands.sh").read_text()
    assert [line.split()[1] for line in ran.splitlines() if line.startswith("caloforge")] == [
        words[0] for words in verbs.ran
    ]
    summary = (tmp_path / "m" / "README.md").read_text()
    assert "| auc_high | 0.70 ± 0.02 | 0.5 |" in summary
    assert "quantize: left out" in summary


@pytest.mark.usefixtures("known")
def test_what_leaks_what_is_empty_and_what_it_costs_is_said_before_anything_runs(tmp_path):
    verbs = Verbs()
    maker(tmp_path / "m", verbs).make()
    said = "\n".join(verbs.lines[:4])
    assert "7.0% of the energy leaks out of the window" in said
    assert "9 x 9 pads hold 99%" in said
    assert "auc_high 0.70 ± 0.02 (0.5)" in verbs.lines[-1]
    assert "25% of the showers are empty" in said
    assert "simulation about 60 s, training about 30 s, a minute or two to export" in said
    assert "1 MB of disk" in said


@pytest.mark.usefixtures("known")
def test_the_same_command_does_what_is_not_done_yet(tmp_path):
    verbs = Verbs()
    maker(tmp_path / "m", verbs).make()
    again = Verbs()
    maker(tmp_path / "m", again).make()
    assert again.ran == []
    (tmp_path / "m" / "generated.h5").unlink()
    later = Verbs()
    maker(tmp_path / "m", later).make()
    assert later.names == ["generate"]


@pytest.mark.usefixtures("known")
def test_what_follows_from_another_input_is_done_again(tmp_path):
    maker(tmp_path / "m", Verbs()).make()
    (tmp_path / "m" / "draft.onnx").write_text("another model")
    again = Verbs()
    maker(tmp_path / "m", again).make()
    assert again.names == ["generate", "export"]


@pytest.mark.usefixtures("known")
def test_a_step_that_fails_is_where_the_same_command_goes_on(tmp_path):
    verbs = Verbs()

    def fails(words):
        if words[0] == "train":
            raise InputError("no")
        verbs(words)

    with pytest.raises(InputError):
        maker(tmp_path / "m", fails_as(verbs, fails)).make()
    again = Verbs()
    maker(tmp_path / "m", again).make()
    assert again.names == ALL[2:]


def fails_as(verbs, run):
    run.lines = verbs.lines
    return run


@pytest.mark.usefixtures("known")
def test_a_folder_of_another_request_is_refused_naming_the_difference(tmp_path):
    maker(tmp_path / "m", Verbs()).make()
    with pytest.raises(OutputError, match=r"energy is 'log:1:50' there and '10:20' here"):
        maker(tmp_path / "m", Verbs(), energy="10:20")


def test_a_request_that_was_refused_leaves_its_folder_to_the_next_one(tmp_path):
    maker(tmp_path / "m", Verbs(), energy="10:20").journal.write()
    assert maker(tmp_path / "m", Verbs()).journal.content["asked"]["energy"] == "log:1:50"


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize("undefined", [float("nan"), None])
def test_a_goal_that_is_not_defined_ends_with_a_line(tmp_path, undefined):
    verbs = Verbs([undefined])
    maker(tmp_path / "m", verbs, goal=Goal.parse("auc=0.6")).make()
    assert verbs.names == ALL
    assert "auc_high=0.6 cannot be reached: auc_high is not defined" in verbs.lines[-1]


def test_a_folder_of_something_else_is_refused(tmp_path):
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(OutputError, match=r"something else \(thesis.tex\)"):
        maker(tmp_path, Verbs())


@pytest.mark.usefixtures("known")
def test_rounds_with_twice_the_showers_until_the_goal_holds(tmp_path):
    verbs = Verbs([0.7, 0.65, 0.58])
    made = maker(tmp_path / "m", verbs, goal=Goal.parse("auc=0.6")).make()
    numbers = [words[words.index("-n") + 1] for words in verbs.ran if words[0] == "simulate"]
    assert numbers == ["60", "340", "340", "680"]
    assert len({w[w.index("--seed") + 1] for w in verbs.ran if w[0] == "simulate"}) == 4
    trained = [words for words in verbs.ran if words[0] == "train"][-1]
    assert trained.count("--data") == 3
    assert made.places.model.name == "model-3.onnx"


@pytest.mark.usefixtures("known")
def test_the_budget_ends_the_rounds_with_a_line(tmp_path):
    verbs = Verbs([0.7, 0.5])
    made = maker(tmp_path / "m", verbs, goal=Goal.parse("auc=0.6"), budget=30.0).make()
    assert len(verbs.scores) == 1
    assert not made.reaches(Goal.parse("auc=0.6"))
    assert made.reaches(Goal.parse("auc=0.8"))
    assert not made.reaches(Goal.parse("wasserstein=0.1"))
    assert "does not hold (0.7); the next round would take about" in verbs.lines[-1]
