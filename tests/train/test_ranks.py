"""Two ranks (gloo) against one process: gradients, statistics, tables and whole trainings."""

import os

import pytest

torch = pytest.importorskip("torch")

from tests.conftest import make_showers, make_toy_detector  # noqa: E402
from tests.train import rank_work  # noqa: E402
from tests.train.conftest import RECIPE  # noqa: E402
from tests.train.test_training import log_lines  # noqa: E402

from caloforge import io  # noqa: E402
from caloforge.errors import ConfigError, InputError  # noqa: E402
from caloforge.ranks import cores, group  # noqa: E402
from caloforge.ranks.launch import launch  # noqa: E402
from caloforge.train.checkpoint import load_state  # noqa: E402
from caloforge.train.loop import Training  # noqa: E402
from caloforge.train.recipe import load_recipe  # noqa: E402

TWO_CORES = len(os.sched_getaffinity(0)) > 1


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where two ranks have left what they found, and a training."""
    if not TWO_CORES:
        pytest.skip("two ranks need two cores")
    path = tmp_path_factory.mktemp("ranks")
    io.write(path / "toy.h5", make_showers(make_toy_detector(), 100))
    (path / "toy.toml").write_text(RECIPE)
    launch(2, rank_work.compute_all, path)
    return path


@pytest.fixture(scope="module")
def both(folder):
    """What two ranks found, and what one process finds."""
    one = {name: rank_work.WORK[name]() for name in (*rank_work.NETWORKS, "factorised")}
    return load_state(folder / "found.safetensors"), one


def close(one, other, tolerance):
    """The same names and values, but for rounding (a bias before batch norm has no gradient)."""
    assert one.keys() == other.keys()
    pairs = {
        name: [torch.as_tensor(v, dtype=torch.float64) for v in (value, other[name])]
        for name, value in one.items()
    }
    largest = max(mine.abs().max().item() for mine, _ in pairs.values())
    for name, (mine, theirs) in pairs.items():
        scale = mine.abs().max().clamp(min=0.1 * largest)
        assert ((mine - theirs).abs().max() / scale) < tolerance, name


@pytest.mark.parametrize("network", rank_work.NETWORKS)
def test_two_ranks_give_the_gradients_of_one_process(both, network):
    two, one = (found[network] for found in both)
    assert {name[:2] for name in one["gradients"]} == {"g.", "d."}
    for part in ("gradients", "statistics", "values"):
        close(one[part], two[part], 1e-3)


def test_factorised_measures_the_same_tables_on_two_ranks(both):
    two, one = (found["factorised"] for found in both)
    close(one["generator"], two["generator"], 1e-3)


def test_a_training_on_two_ranks_logs_what_one_process_logs(folder, tmp_path):
    recipe = load_recipe(folder / "toy.toml")
    Training(recipe, [folder / "toy.h5"], tmp_path / "run", rank_work.Silent()).run()
    for line, other in zip(log_lines(tmp_path / "run"), log_lines(folder / "run"), strict=True):
        assert line == pytest.approx(other, rel=1e-3)
    assert {path.name for path in (folder / "run").iterdir()} == {
        path.name for path in (tmp_path / "run").iterdir()
    }


def test_dropout_differs_between_ranks_and_latents_do_not(both):
    masks, common = both[0]["dropout"]
    assert not torch.equal(masks[0], masks[1]) and 0.2 < masks.mean() < 0.8
    assert common[0] == common[1]


@pytest.mark.parametrize("what", ["messages", "messages of scores"])
def test_the_scaling_model_counts_the_messages_that_ranks_send(both, what):
    sent, counted = both[0][what]
    assert sent == counted > 10


def test_gradient_penalty_through_batch_norm_is_refused_on_ranks(monkeypatch):
    monkeypatch.setattr(group, "size", lambda: 2)
    monkeypatch.setattr(group, "wrapped", lambda module, unused=False: module)
    monkeypatch.setitem(rank_work.NETWORKS, "conv3d", {"r1_weight": 1.0})
    with pytest.raises(ConfigError, match="r1_weight must be 0 on several ranks"):
        rank_work.gan("conv3d")


def test_more_ranks_than_cores_are_refused():
    with pytest.raises(InputError, match=r"ranks on .* cores would only wait"):
        launch(100_000, print)


def test_cores_are_shared_by_domain_and_hardware_threads_stay_together(tmp_path, monkeypatch):
    """Two domains with interleaved numbers, two hardware threads a core."""
    monkeypatch.setattr(cores, "NODES", tmp_path / "node")
    monkeypatch.setattr(cores, "CPUS", tmp_path / "cpu")
    for node, cpus in enumerate(("0,2,4,6", "1,3,5,7")):
        (tmp_path / f"node/node{node}").mkdir(parents=True)
        (tmp_path / f"node/node{node}/cpulist").write_text(cpus + "\n")
    for cpu in range(8):
        folder = tmp_path / f"cpu/cpu{cpu}/topology"
        folder.mkdir(parents=True)
        (folder / "thread_siblings_list").write_text(f"{cpu % 4},{cpu % 4 + 4}\n")
    bound = []
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)))
    monkeypatch.setattr(os, "sched_setaffinity", lambda process, cpus: bound.append(cpus))
    assert [cores.pin(place, 2) for place in range(2)] == [2, 2]
    assert bound == [{0, 4, 2, 6}, {1, 5, 3, 7}]
