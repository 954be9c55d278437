import json
import sys
from types import SimpleNamespace

import pytest
from tests.command import call
from tests.conftest import make_showers, write_toy_model
from typer.testing import CliRunner

from caloforge import io
from caloforge.beam import draw
from caloforge.bench.baseline import recorded
from caloforge.bench.cases import model_cases, plans
from caloforge.bench.measure import fitting_count, in_rounds
from caloforge.bench.power import EnergyMeter
from caloforge.bench.profile import profile
from caloforge.bench.report import Report, Timing
from caloforge.bench.run import bench
from caloforge.bench.table import measured_table
from caloforge.cli.app import app
from caloforge.engine import Plan, read_card
from caloforge.engine.capability import Capabilities
from caloforge.errors import CaloforgeError, DetectorError, InputError, OutputError
from caloforge.provenance import array_digest

PLAIN = Capabilities(bfloat16=False, int8=False)


@pytest.fixture
def geant4(tmp_path, toy_detector):
    """A sample with a recorded time of 10 ms per GeV."""
    return write_sample(tmp_path / "geant4.h5", toy_detector)


def write_sample(path, detector, **attributes):
    showers = make_showers(detector, 60)
    about = {"geant4_ms_per_GeV": 10.0} | attributes
    with io.ShowerWriter(path, detector, showers.cells.shape[1:], 60, attributes=about) as writer:
        writer.write(0, showers.cells, showers.conditions)
        writer.finish()
    return path


def run(model, geant4, disk, streams=(1,), live=0):
    cases = [
        case
        for case in model_cases([str(model)], cores=2, streams=streams, capabilities=PLAIN)
        if case.runtime == "ONNX Runtime"
    ]
    return bench(
        cases, geant4=geant4, showers=100, seconds=0.0, repeats=3, disk=disk, cores=2, live=live
    )


def test_a_report_holds_times_speed_ups_and_fidelity(tmp_path, toy_model, geant4):
    report = run(toy_model, geant4, tmp_path, streams=(1, 2))
    assert [(row.streams, row.threads) for row in report.rows] == [(1, 2), (2, 1)]
    for row in report.rows:
        assert row.alone.repeats == row.to_disk.repeats == 3
        assert 0 < row.alone.low_ms <= row.alone.median_ms <= row.alone.high_ms
        assert row.validation_number > 0
    energies = draw(100, "10:500", seed=0).energy
    assert report.geant4.ms == pytest.approx(10.0 * energies.mean() / 2)
    first = report.rows[0]
    assert report.speed_up(first.alone) == pytest.approx(report.geant4.ms / first.alone.median_ms)
    assert Report.model_validate_json(report.model_dump_json()) == report
    assert not list(tmp_path.glob(".caloforge-bench*"))


def test_a_sample_without_a_recorded_time_is_refused(tmp_path, toy_model, toy_detector):
    io.write(tmp_path / "plain.h5", make_showers(toy_detector, 10))
    said = write_sample(tmp_path / "said.h5", toy_detector, geant4_ms_per_GeV="long")
    for path in (tmp_path / "plain.h5", said):
        with pytest.raises(InputError, match="does not record how long Geant4 took"):
            run(toy_model, path, None)


def test_the_record_of_other_showers_tells_no_time(tmp_path, toy_detector):
    """A record that an earlier sample of the same name left is not this one's."""
    showers = make_showers(toy_detector, 10)
    io.write(tmp_path / "a.h5", showers)
    digest = array_digest(showers.energy, showers.theta)
    for found, known in ((digest, True), ("sha256:0", False)):
        config = {"conditions_digest": found, "geant4_ms_per_GeV": 5.0}
        (tmp_path / "a.record.json").write_text(json.dumps({"config": config}))
        with io.open_showers(tmp_path / "a.h5") as sample:
            if known:
                assert recorded(sample, showers.conditions, 1).ms_per_gev == 5.0
            else:
                with pytest.raises(InputError, match="does not record how long Geant4 took"):
                    recorded(sample, showers.conditions, 1)


def test_geant4_can_be_timed_in_the_same_run(tmp_path, toy_model, geant4, monkeypatch):
    from caloforge.simulate.source import Geant4Source

    simulated = []

    def sample_timed(self, conditions, *, seed):
        assert (self.jobs, self.detector.name) == (2, "toy")
        simulated.extend(conditions.energy)
        return None, SimpleNamespace(ms_per_gev=[9.0, 4.0, 2.0][seed])

    monkeypatch.setattr(Geant4Source, "sample_timed", sample_timed)
    report = run(toy_model, geant4, None, live=7)
    assert simulated == list(draw(100, "10:500", seed=0).energy[:7])
    assert report.geant4.origin == "7 showers in the same rounds"
    assert report.geant4.ms == pytest.approx(4.0 * report.geant4.mean_energy_gev / 2)
    without_sample = run(toy_model, None, None, live=2)
    assert without_sample.floor is None
    assert next(iter(measured_table(without_sample).columns[-1].cells)) == ""


def test_geant4_is_not_imported_before_it_knows_its_data(toy_model, monkeypatch):
    """It would ask on the terminal whether to download them."""
    from caloforge.bench import run as module

    def stop(*args, live, **options):
        assert live == 3 and "geant4_pybind" not in sys.modules
        raise InputError("stopped before Geant4")

    monkeypatch.setattr(module, "bench", stop)
    monkeypatch.delitem(sys.modules, "geant4_pybind", raising=False)
    with pytest.raises(InputError, match="stopped before Geant4"):
        CliRunner().invoke(
            app, ["bench", "run", str(toy_model), "--live", "3"], catch_exceptions=False
        )


def test_a_sample_of_another_detector_is_refused(tmp_path, toy_model, toy_detector):
    other = toy_detector.model_copy(update={"name": "other", "pad_mm": (4.0, 4.0)})
    sample = write_sample(tmp_path / "other.h5", other)
    with pytest.raises(DetectorError, match=r"belongs to other \(window fixed\)"):
        run(toy_model, sample, None)


def test_bfloat16_is_only_tried_on_a_cpu_that_has_it(toy_model):
    pytest.importorskip("openvino")
    card = read_card(toy_model)

    def ways(cpu):
        found = plans(card, cores=1, streams=[1], capabilities=cpu)
        return {(plan.runtime, plan.precision) for plan in found}

    with_bf16 = ways(Capabilities(bfloat16=True, int8=True))
    assert with_bf16 - ways(PLAIN) == {("openvino", "bfloat16")}


def test_jobs_are_timed_in_turn():
    order = []
    timings = in_rounds([lambda: order.append("a"), lambda: order.append("b")], [10, 10], 3)
    assert order == ["a", "b"] * 3
    assert [timing.repeats for timing in timings] == [3, 3]


def test_what_times_itself_has_its_turn_in_every_round():
    order = []
    in_rounds([lambda: order.append("job")], [10], 2, beside=order.append)
    assert order == [0, "job", 1, "job"]


def test_an_engine_of_hits_is_timed_in_both_layouts(tmp_path):
    pytest.importorskip("caloforge_native")
    found = model_cases(["clic_ecal_fixed"], cores=1, streams=[1], capabilities=PLAIN)
    cases = [case for case in found if case.plan.runtime == "native"]
    report = bench(cases, geant4=None, showers=200, seconds=0.0, repeats=1, disk=tmp_path, cores=1)
    assert [row.layout for row in report.rows] == ["gan3d", "hits"]
    dense, hits = (row.bytes_a_shower for row in report.rows)
    assert dense > 4 * 25**3 > 4 * hits > 0
    runs_in = list(measured_table(report).columns[1].cells)
    assert " hits, 1 x 1" in runs_in[1] and "hits" not in runs_in[0]


def test_a_timing_is_the_median_with_its_spread():
    timing = Timing.of([0.3, 0.1, 0.2], showers=100)
    assert (timing.low_ms, timing.median_ms, timing.high_ms) == pytest.approx((1.0, 2.0, 3.0))
    assert str(timing) == "2 ±50%"


def test_measurements_are_whole_batches_that_fit_the_showers(toy_model):
    (case, *_) = model_cases([str(toy_model)], cores=2, streams=[2], capabilities=PLAIN)
    assert fitting_count(case, draw(1000, "100", seed=0), seconds=0.0) == 128
    assert fitting_count(case, draw(100, "100", seed=0), seconds=100.0) == 100


def test_energy_is_counted_where_the_machine_tells(tmp_path):
    zone = tmp_path / "intel-rapl:0"
    zone.mkdir()
    (zone / "energy_uj").write_text("900000")
    (zone / "max_energy_range_uj").write_text("1000000")
    meter = EnergyMeter(tmp_path)
    (zone / "energy_uj").write_text("400000")
    assert meter.joules() == pytest.approx(0.5)
    assert EnergyMeter(tmp_path / "nothing").joules() is None


@pytest.mark.parametrize("runtime", ["onnx", "openvino"])
def test_the_profile_names_the_nodes(toy_model, runtime):
    if runtime == "openvino":
        pytest.importorskip("openvino")
    nodes = profile(toy_model, Plan(runtime=runtime, batch=64), read_card(toy_model))
    assert any(node.kind in ("MatMul", "FullyConnected", "FusedMatMul") for node in nodes)
    times = [node.us_per_shower for node in nodes]
    assert times == sorted(times, reverse=True) and times[0] > 0


def test_the_command_writes_table_json_and_plot(tmp_path, toy_model, geant4):
    output, plot = tmp_path / "bench.json", tmp_path / "bench.png"
    arguments = ["bench", "run", str(toy_model), "--geant4", str(geant4), "--showers", "64",
                 "--repeats", "2", "--seconds", "0", "--streams", "1",
                 "-o", str(output), "--plot", str(plot)]  # fmt: skip
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert "Geant4" in result.output and "Xeon 8180" in result.output
    assert json.loads(output.read_text())["rows"][0]["source"] == "toy"
    assert plot.read_bytes().startswith(b"\x89PNG")


def test_a_figure_that_cannot_be_drawn_is_refused_before_the_work(tmp_path, toy_model):
    with pytest.raises(OutputError, match=r"allowed endings are \.png, \.pdf, \.svg"):
        CliRunner().invoke(
            app, ["bench", "run", str(toy_model), "--plot", str(tmp_path / "a.gif")],
            catch_exceptions=False,
        )  # fmt: skip


def test_a_model_in_place_of_a_subcommand_is_told_where_it_belongs():
    words = r"'caloforge bench run mine.onnx' times a model; there are run, tune, profile, formats"
    with pytest.raises(InputError, match=words):
        CliRunner().invoke(app, ["bench", "mine.onnx"], catch_exceptions=False)


def test_wrong_streams_are_refused(toy_model):
    for text in ("0", "two", "1,999"):
        with pytest.raises(CaloforgeError, match=f"streams '{text}' is not understood"):
            CliRunner().invoke(
                app, ["bench", "run", str(toy_model), "--streams", text], catch_exceptions=False
            )


def test_models_of_two_detectors_cannot_share_a_baseline(tmp_path, toy_model, toy_detector, geant4):
    other = toy_detector.model_copy(update={"name": "other", "pad_mm": (4.0, 4.0)})
    second = write_toy_model(tmp_path / "other.onnx", other)
    both = [str(toy_model), str(second)]
    cases = list(model_cases(both, cores=1, streams=[1], capabilities=PLAIN))
    with pytest.raises(DetectorError, match="the model toy to other"):
        bench(cases, geant4=geant4, showers=8, seconds=0, repeats=1, disk=None, cores=1)


def test_bench_alone_is_one_line(capsys):
    assert call("bench") == 2
    assert capsys.readouterr().err.count("\n") == 1
