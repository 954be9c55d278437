"""Productions on a Dask cluster of this machine, with a worker killed on the way."""

import os
import signal
import threading
import time
from importlib.util import find_spec
from pathlib import Path

import pytest

from caloforge.errors import SimulationError
from caloforge.simulate import Production, produce
from caloforge.simulate.shards import shards_path

if find_spec("geant4_pybind") is None:
    pytest.skip("needs geant4_pybind", allow_module_level=True)
distributed = pytest.importorskip("distributed")
farm = pytest.importorskip("caloforge.simulate.farm")

pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.mark.slow
def test_a_lost_dask_worker_changes_no_byte(tmp_path: Path, toy_production: Production) -> None:
    produce(toy_production, tmp_path / "alone.h5")
    output = tmp_path / "cluster.h5"
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50
    ) as cluster:
        victim = next(iter(cluster.workers.values())).pid
        killer = threading.Thread(target=kill_after_first_shard, args=(output, victim))
        killer.start()
        produce(toy_production, output, runner=farm.DaskRunner(cluster.scheduler_address))
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
    monkeypatch.setattr(farm, "CONNECT_SECONDS", 1)
    with pytest.raises(SimulationError, match="no Dask scheduler answers at"):
        produce(toy_production, tmp_path / "a.h5", runner=farm.DaskRunner("tcp://127.0.0.1:9"))
