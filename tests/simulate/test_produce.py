"""Productions with Geant4: reproducible, resumable, replayable."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from tests.command import call

from caloforge import io
from caloforge.beam import Conditions
from caloforge.bench.baseline import recorded
from caloforge.detector import Detector, Layer, Material, Slab
from caloforge.errors import DetectorError, InputError, OutputError, SimulationError
from caloforge.io import ShowerWriter
from caloforge.simulate import Geant4Source, Production, produce, replay
from caloforge.simulate import pool as pool_module
from caloforge.simulate.data import DataSets
from caloforge.simulate.pool import Pool
from caloforge.simulate.produce import LocalRunner, OnShowers, ProductionSummary
from caloforge.simulate.scoring import ScoredHits
from caloforge.simulate.shards import Shard, ShardFolder, shards_path
from caloforge.source import ShowerSource
from caloforge.typing import FloatArray

# importing geant4_pybind without data variables asks for a download, so look for it only
if find_spec("geant4_pybind") is None:
    pytest.skip("needs geant4_pybind", allow_module_level=True)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def undisturbed(
    tmp_path_factory: pytest.TempPathFactory, toy_production: Production
) -> tuple[Path, ProductionSummary]:
    """The toy production as one worker makes it that nothing stops, and what it says of it."""
    path = tmp_path_factory.mktemp("undisturbed") / "showers.h5"
    return path, produce(toy_production, path)


def test_jobs_and_lost_workers_change_no_byte(
    tmp_path: Path, toy_production: Production, undisturbed: tuple[Path, ProductionSummary]
) -> None:
    killed: list[int] = []

    def run(folder: ShardFolder, on_showers: OnShowers) -> None:
        shards = folder.production.shards

        def kill_once(showers: int) -> None:
            on_showers(showers)
            if not killed:
                killed.append(pool.workers[0].process.pid)
                os.kill(killed[0], signal.SIGKILL)

        pool = Pool(folder, dict(enumerate(shards)), 2, kill_once)
        pool.run()

    progress: list[int] = []
    produce(toy_production, tmp_path / "two.h5", runner=run, on_progress=progress.append)
    assert killed and progress[-1] == len(toy_production)
    assert digest(tmp_path / "two.h5") == digest(undisturbed[0])
    assert not shards_path(tmp_path / "two.h5").exists()


def test_a_worker_that_ends_before_it_hears_of_its_work_is_one_line(
    tmp_path: Path, toy_production: Production, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = replace(toy_production, conditions=Conditions.of(np.full(200_000, 20.0)))
    monkeypatch.setattr(pool_module, "WORKER_MODULE", "caloforge.no_such_module")
    with pytest.raises(SimulationError, match="Geant4 did not start"):
        Pool(ShardFolder(tmp_path, many), {0: np.array([0])}, 1).run()


def test_a_damaged_shard_is_named(tmp_path: Path, toy_production: Production) -> None:
    folder = ShardFolder(tmp_path, toy_production)
    folder.file(0).write_bytes(b"PK half a zip")
    with pytest.raises(InputError, match=r"shard-00000.npz is damaged: remove it"):
        folder.load(0)


def test_shards_cut_otherwise_are_named(tmp_path: Path, toy_production: Production) -> None:
    folder = ShardFolder(tmp_path, toy_production)
    nothing = ScoredHits(np.array([], int), np.array([], np.float32))
    Shard(np.array([0]), [nothing], np.array([0.1]), "11.4.1", np.zeros((1, 2))).save(
        folder.file(1)
    )
    with pytest.raises(InputError, match=r"shard-00001.npz holds other events than it should"):
        folder.load(1)


def test_images_are_unfolded_a_few_at_a_time(
    tmp_path: Path, toy_production: Production, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng, shards = np.random.default_rng(1), toy_production.shards

    def run(folder: ShardFolder, on_showers: OnShowers) -> None:
        for number, events in enumerate(shards):
            hits = [ScoredHits(np.array([7]), rng.random(1, np.float32)) for _ in events]
            Shard(events, hits, np.ones(len(events)), "11.4.1", np.zeros((len(events), 2))).save(
                folder.file(number)
            )

    whole, parts = tmp_path / "whole.h5", tmp_path / "parts.h5"
    produce(toy_production, whole, runner=run)
    rng = np.random.default_rng(1)
    monkeypatch.setattr(sys.modules["caloforge.simulate.produce"], "IMAGE_BYTES", 400)  # one
    written: list[int] = []
    plain = ShowerWriter.write
    monkeypatch.setattr(
        ShowerWriter,
        "write",
        lambda self, start, cells, conditions: (
            written.append(len(cells)), plain(self, start, cells, conditions)
        )[1],
    )  # fmt: skip
    produce(toy_production, parts, runner=run)
    assert written == [1] * len(toy_production)
    assert digest(parts) == digest(whole)


def test_two_productions_of_one_output_do_not_meet(
    tmp_path: Path, toy_production: Production
) -> None:
    output = tmp_path / "a.h5"

    def run(folder: ShardFolder, on_showers: OnShowers) -> None:
        with pytest.raises(OutputError, match="another process is writing it"):
            produce(toy_production, output)
        raise SimulationError("enough")

    with pytest.raises(SimulationError, match="enough"):
        produce(toy_production, output, runner=run)
    assert not list(tmp_path.glob("*.lock"))


def test_a_worker_killed_while_it_starts_is_replaced(
    tmp_path: Path, toy_production: Production, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = ShardFolder(tmp_path, toy_production)
    pool = Pool(folder, {0: np.array([0])}, 1)
    start, started = pool._start, []

    def start_and_kill_the_first() -> None:
        start()
        started.append(pool.workers[-1].process)
        if len(started) == 1:
            started[0].kill()

    monkeypatch.setattr(pool, "_start", start_and_kill_the_first)
    pool.run()
    assert len(started) == 2 and Shard.load(folder.file(0)).events.tolist() == [0]


def test_a_killed_production_is_continued(
    tmp_path: Path, toy_production: Production, undisturbed: tuple[Path, ProductionSummary]
) -> None:
    output, description = tmp_path / "showers.h5", tmp_path / "toy.toml"
    description.write_text(TOY_TOML)
    command = [
        sys.executable, "-m", "caloforge", "simulate", str(description), "--energy", "20:40",
        "-n", "7", "--seed", "5", "--data", "built-in", "-o", str(output),
    ]  # fmt: skip
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    folder = shards_path(output)
    deadline = time.monotonic() + 60
    while not list(folder.glob("shard-*.npz")) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.kill()
    process.wait()
    first = folder / "shard-00000.npz"
    written = first.stat().st_mtime_ns
    assert not output.exists()
    runner = Recorder()
    produce(toy_production, output, runner=runner)
    assert runner.kept[first.name] == written
    assert digest(output) == digest(undisturbed[0])


class Recorder(LocalRunner):
    """Notes which shards were there already."""

    def __call__(self, folder: ShardFolder, on_showers: OnShowers) -> None:
        kept = {path.name: path.stat().st_mtime_ns for path in folder.path.glob("shard-*.npz")}
        object.__setattr__(self, "kept", kept)
        super().__call__(folder, on_showers)


def test_any_event_can_be_replayed(
    toy_production: Production, undisturbed: tuple[Path, ProductionSummary]
) -> None:
    whole = io.read(undisturbed[0])
    shower, seconds = replay(toy_production, 5)
    assert np.array_equal(shower.cells[0], whole.cells[5])
    assert shower.energy[0] == whole.energy[5] and seconds > 0
    with pytest.raises(InputError, match="there is no event 7: the production has events 0-6"):
        replay(toy_production, 7)


def test_geant4_is_a_shower_source(toy_detector: Detector) -> None:
    source = Geant4Source(toy_detector, "fixed", particle="gamma", data="built-in")
    conditions = Conditions.of([0.5, 1.0])
    showers, summary = source.sample_timed(conditions, seed=1)
    assert isinstance(source, ShowerSource)
    assert showers.cells.shape == (2, 5, 5, 4) and showers.cells.sum() > 0
    assert summary.seconds_per_shower.shape == (2,) and np.all(summary.seconds_per_shower > 0)
    assert not np.array_equal(source.sample(conditions, seed=2).cells, showers.cells)
    batches: list[tuple[int, FloatArray]] = []
    done = source.batches(conditions, lambda *batch: batches.append(batch), seed=1, start=1)
    assert list(done) == [2]
    ((first, cells),) = batches
    assert first == 1 and np.array_equal(cells, showers.cells[1:])


def test_record_holds_seconds_and_what_fixes_the_showers(
    toy_production: Production, undisturbed: tuple[Path, ProductionSummary]
) -> None:
    """The seconds, and the one number that bench takes for Geant4's time from there."""
    path, summary = undisturbed
    record = json.loads(path.with_suffix(".record.json").read_text())
    energy = toy_production.conditions.energy
    rate = float(np.median(1e3 * summary.seconds_per_shower / energy))
    with io.open_showers(path) as file:
        baseline = recorded(file, toy_production.conditions, cores=2)
    assert summary.ms_per_gev == rate
    assert baseline.ms_per_gev == pytest.approx(rate, abs=1e-4)
    assert baseline.ms == pytest.approx(rate * energy.mean() / 2, rel=1e-3)
    assert len(record["config"]["seconds_per_shower"]) == 7
    assert record["config"]["data"].startswith("built-in")
    assert record["config"]["aborted_events_made_again"] == 0
    took = np.array(record["config"]["seconds_per_shower"]) / toy_production.conditions.energy
    assert record["config"]["geant4_ms_per_GeV"] == pytest.approx(1e3 * np.median(took), rel=1e-3)
    with io.open_showers(path) as file:
        assert file.attributes["generator"].startswith("Geant4 11.")
        assert (
            file.attributes["particle"] == "e-" and file.attributes["seed"] == toy_production.seed
        )


def test_empty_showers_are_kept_and_counted(tmp_path: Path, toy_detector: Detector) -> None:
    source = Geant4Source(toy_detector, "fixed", data="built-in")
    showers, summary = source.sample_timed(Conditions.of([1e-3, 1e-3, 20.0]), seed=1)
    assert summary.empty == 2 and summary.aborted == 0
    assert (showers.cells.sum(axis=(1, 2, 3)) > 0).tolist() == [False, False, True]


@pytest.mark.parametrize(("beside", "said"), [(0.004, False), (0.05, True)])
def test_a_window_that_is_too_small_is_told(
    tmp_path: Path,
    toy_production: Production,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    beside: float,
    said: bool,
) -> None:
    def run(self: LocalRunner, folder: ShardFolder, on_showers: OnShowers) -> None:
        for number, events in enumerate(folder.production.shards):
            one = ScoredHits(np.array([7]), np.array([1 - beside], np.float32), beside)
            shard = Shard(
                events,
                [one] * len(events),
                np.ones(len(events)),
                "11.4.1",
                np.zeros((len(events), 2)),
            )
            shard.save(folder.file(number))

    monkeypatch.setattr(LocalRunner, "__call__", run)
    out = tmp_path / "a.h5"
    assert call("simulate", "clic_ecal", "--energy", "10", "-n", "3", "-o", out) == 0
    line = "5.0% of the energy lies beside window 'fixed' and is not in the sample"
    assert (line in " ".join(capsys.readouterr().err.split())) == said
    record = json.loads(out.with_suffix(".record.json").read_text())
    assert record["config"]["energy_beside_window"] == pytest.approx(beside, rel=1e-4)


@pytest.mark.parametrize(
    ("material", "message"),
    [
        (Material(nist="G4_Unobtainium"), "Geant4 knows no NIST material 'G4_Unobtainium'"),
        (Material(density_g_cm3=5, elements={"Wx": 1.0}), "there is no element 'Wx'"),
    ],
)
def test_unknown_materials_are_named(
    tmp_path: Path, toy_detector: Detector, built_in: DataSets, material: Material, message: str
) -> None:
    materials = toy_detector.materials | {"W": material}
    wrong = toy_detector.model_copy(update={"materials": materials})
    production = Production(wrong, "fixed", "e-", Conditions.of([1.0]), 1, built_in)
    with pytest.raises(DetectorError, match=message):
        produce(production, tmp_path / "a.h5")


def test_geant4s_own_failure_is_told(tmp_path: Path, toy_detector: Detector) -> None:
    (tmp_path / "empty" / "brem_SB").mkdir(parents=True)
    broken = DataSets("official", tmp_path / "empty", tmp_path / "cache")
    production = Production(toy_detector, "fixed", "e-", Conditions.of([1.0]), 1, broken)
    with pytest.raises(
        SimulationError, match=r"Geant4 (did not start|gave up) .*issued by.*messages: .*log"
    ):
        produce(production, tmp_path / "a.h5")


def test_cylinder_reads_rings_and_sectors(toy_detector: Detector, built_in: DataSets) -> None:
    stack = (
        Slab(material="W", thickness_mm=10.0),
        Slab(material="Si", thickness_mm=1.0, sensitive=True),
    )
    window = toy_detector.windows["fixed"].model_copy(update={"shape": (6, 8)})
    cylinder = toy_detector.model_copy(
        update={
            "readout": "cylinder",
            "layers": (Layer(count=3, stack=stack),),
            "windows": {"rings": window},
        }
    )
    source = Geant4Source(cylinder, "rings", data="built-in")
    cells = source.sample(Conditions.of([5.0] * 4), seed=1).cells
    rings = cells.sum(axis=(0, 2, 3))
    sectors = cells.sum(axis=(0, 1, 3))
    assert cells.shape == (4, 6, 8, 3)
    assert rings[0] > rings[1:].sum() and np.all(sectors > 0)


def test_layers_may_have_rings_and_sectors_of_their_own(
    toy_detector: Detector, built_in: DataSets
) -> None:
    stack = (
        Slab(material="W", thickness_mm=10.0),
        Slab(material="Si", thickness_mm=1.0, sensitive=True),
    )
    layers = (
        Layer(stack=stack, ring_edges_mm=(0, 5, 10, 15, 30), sectors=8),
        Layer(stack=stack, ring_edges_mm=(0, 10, 30), sectors=1, count=2),
    )
    window = toy_detector.windows["fixed"].model_copy(update={"shape": (4, 8)})
    regular = toy_detector.model_copy(
        update={"readout": "cylinder", "windows": {"rings": window.model_copy(
            update={"shape": (6, 8)})}, "layers": (Layer(count=3, stack=stack),)}
    )  # fmt: skip
    own = regular.model_copy(update={"layers": layers, "windows": {"rings": window}})
    conditions = Conditions.of([5.0] * 6)
    fine = Geant4Source(regular, "rings", data="built-in").sample(conditions, seed=1).cells
    cells = Geant4Source(own, "rings", data="built-in").sample(conditions, seed=1).cells
    assert not cells[:, ~own.geometry("rings").present].any()
    inner, outer = cells[:, :2, 0, 1:].sum(axis=(0, 2))
    as_coarse = fine[:, :2, :, 1:].sum(), fine[:, 2:, :, 1:].sum()
    assert inner / (inner + outer) == pytest.approx(as_coarse[0] / sum(as_coarse), rel=0.1)
    assert np.all(cells[:, :, :, 0].sum(axis=(0, 1)) > 0)  # every sector of the first layer


TOY_TOML = """
name = "toy"
title = "a toy"
pad_mm = [5.0, 5.0]
materials.W.nist = "G4_W"
materials.Si.nist = "G4_Si"
windows.fixed.shape = [5, 5]
windows.angle.shape = [7, 7]
windows.angle.theta_deg = [60.0, 120.0]

[[layers]]
count = 4
stack = [
    { material = "W", thickness_mm = 3.0 },
    { material = "Si", thickness_mm = 0.5, sensitive = true },
]
"""
