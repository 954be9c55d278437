"""Productions on a Dask cluster of this machine, with a worker killed on the way."""

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from caloforge import cluster as cluster_module
from caloforge import io
from caloforge.cluster import Cluster
from caloforge.errors import ClusterError
from caloforge.simulate import Production, produce
from caloforge.simulate.scoring import ScoredHits
from caloforge.simulate.session import EventStart
from caloforge.simulate.shards import Shard, ShardFolder, shards_path

if find_spec("geant4_pybind") is None:
    pytest.skip("needs geant4_pybind", allow_module_level=True)
distributed = pytest.importorskip("distributed")
farm = pytest.importorskip("caloforge.simulate.farm")

pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def made_up(part: Production) -> bytes:
    """The shard of a part as if it were simulated: each shower holds its number."""
    events = part.first + np.arange(len(part))
    hits = [ScoredHits(np.array([3]), np.array([event], np.float32) / 100) for event in events]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "shard.npz"
        Shard(events, hits, np.ones(len(part)), "11.4.1", np.zeros((len(part), 2))).save(path)
        return path.read_bytes()


def written(path: Path) -> list[int]:
    """The number that each shower of a made-up sample holds."""
    return np.round(100 * io.read(path).cells.sum(axis=(1, 2, 3))).astype(int).tolist()


@pytest.fixture
def cluster() -> Iterator[Any]:
    """A scheduler without any worker, in this process."""
    with distributed.LocalCluster(
        n_workers=0, processes=False, threads_per_worker=1, dashboard_address=None, silence_logs=50
    ) as found:
        yield found


def test_late_workers_are_waited_for_and_a_line_says_so(
    tmp_path: Path, toy_production: Production, cluster: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(farm, "simulate_remotely", made_up)
    said: list[str] = []

    def join(line: str) -> None:
        said.append(line)
        cluster.scale(1)

    runner = farm.DaskRunner(Cluster(cluster.scheduler_address, join))
    produce(toy_production, tmp_path / "a.h5", runner=runner)
    (line,) = said
    assert line.endswith("waiting for one, as long as it takes")
    assert written(tmp_path / "a.h5") == list(range(len(toy_production)))


def test_waiting_for_workers_is_bounded(
    tmp_path: Path, toy_production: Production, cluster: Any
) -> None:
    said: list[str] = []
    runner = farm.DaskRunner(Cluster(cluster.scheduler_address, said.append, 0.3))
    with pytest.raises(ClusterError, match=r"no worker joined .* within 0.3 s: the same comm"):
        produce(toy_production, tmp_path / "a.h5", runner=runner)
    assert said and said[0].endswith("at most 0.3 s")


def test_the_shards_of_the_only_worker_go_on_with_the_next(
    tmp_path: Path, toy_production: Production, cluster: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(farm, "simulate_remotely", made_up)
    cluster.scale(1)
    replaced: list[str] = []
    saved = farm._save

    def save_and_lose(folder: ShardFolder, number: int, content: bytes) -> None:
        saved(folder, number, content)
        if not replaced:
            (old,) = cluster.scheduler.workers
            replaced.append(old)
            cluster.scale(2)
            cluster.scheduler.loop.add_callback(
                cluster.scheduler.remove_worker, old, stimulus_id=""
            )

    monkeypatch.setattr(farm, "_save", save_and_lose)
    produce(
        toy_production,
        tmp_path / "a.h5",
        runner=farm.DaskRunner(Cluster(cluster.scheduler_address)),
    )
    assert replaced and written(tmp_path / "a.h5") == list(range(len(toy_production)))


@pytest.mark.parametrize("status", ["error", "cancelled"])
def test_a_shard_that_dask_gave_up_is_sent_again_but_not_for_ever(status: str) -> None:
    killed = distributed.KilledWorker("task", SimpleNamespace(address="tcp://w"), 3)
    future = SimpleNamespace(status=status, exception=lambda: killed)
    lost: Counter[int] = Counter()
    for _ in range(cluster_module.MAX_RESUBMISSIONS):
        assert Cluster("tcp://s")._is_lost(future, 7, lost)
    with pytest.raises(ClusterError, match="task 7 failed on the cluster"):
        Cluster("tcp://s")._is_lost(future, 7, lost)


def test_a_parts_showers_start_as_in_the_whole(toy_production: Production) -> None:
    events = toy_production.shards[1]
    part = toy_production.part(events)
    assert len(part) == len(events) and part.first == events[0] > 0
    for local, event in enumerate(events):
        assert EventStart.of(part, local) == EventStart.of(toy_production, int(event))
        assert part.conditions.energy[local] == toy_production.conditions.energy[event]


@pytest.mark.slow
@pytest.mark.parametrize("workers", [2, 1])
def test_a_dask_worker_killed_while_it_simulates_changes_no_byte(
    tmp_path: Path, toy_production: Production, workers: int
) -> None:
    produce(toy_production, tmp_path / "alone.h5")
    output = tmp_path / "cluster.h5"
    with distributed.LocalCluster(
        n_workers=workers, threads_per_worker=1, dashboard_address=None, silence_logs=50
    ) as cluster:
        victim = next(iter(cluster.workers.values())).pid
        killer = threading.Thread(target=kill_after_first_shard, args=(output, victim))
        killer.start()
        produce(toy_production, output, runner=farm.DaskRunner(Cluster(cluster.scheduler_address)))
        killer.join()
    assert output.read_bytes() == (tmp_path / "alone.h5").read_bytes()


def kill_after_first_shard(output: Path, victim: int) -> None:
    while not list(shards_path(output).glob("shard-*.npz")) and not output.exists():
        time.sleep(0.02)
    os.kill(victim, signal.SIGKILL)


@pytest.mark.slow
def test_a_silent_scheduler_is_told(
    tmp_path: Path, toy_production: Production, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster_module, "CONNECT_SECONDS", 1)
    with pytest.raises(ClusterError, match="no Dask scheduler answers at"):
        produce(
            toy_production, tmp_path / "a.h5", runner=farm.DaskRunner(Cluster("tcp://127.0.0.1:9"))
        )
