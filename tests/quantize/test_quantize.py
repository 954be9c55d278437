import json
import os
import re
from dataclasses import replace

import numpy as np
import pytest
from tests.conftest import make_showers, make_toy_detector, write_toy_model
from tests.quantize.toys import FIRST, SECOND, write_sample_of, write_two_layers
from typer.testing import CliRunner

from caloforge import io
from caloforge.cli.app import app
from caloforge.engine import Plan, load_engine, read_card, run
from caloforge.engine.capability import Capabilities
from caloforge.engine.choose import precisions
from caloforge.engine.latent import draw_latent
from caloforge.errors import DetectorError, InputError, ModelError
from caloforge.provenance import file_digest

pytest.importorskip("nncf")
pytest.importorskip("openvino")

from caloforge.quantize.graph import load_float_model, quantized_layers
from caloforge.quantize.run import Format, quantize, recommend
from caloforge.quantize.score import judge_from

pytestmark = pytest.mark.filterwarnings("ignore")
VNNI = Capabilities(bfloat16=False, int8=True)
PLAIN = Capabilities(bfloat16=False, int8=False)


@pytest.fixture
def easy(tmp_path, toy_detector):
    """A model that INT8 does no harm, and a sample for it."""
    model = write_two_layers(tmp_path / "easy.onnx", toy_detector)
    return model, write_sample_of(model, tmp_path / "easy.h5")


@pytest.fixture(scope="module")
def all_int8(tmp_path_factory):
    """The easy model and its sample; both its layers in INT8, and what the search found."""
    folder = tmp_path_factory.mktemp("easy")
    model = write_two_layers(folder / "easy.onnx", make_toy_detector())
    pair = model, write_sample_of(model, folder / "easy.h5")
    output = folder / "int8.onnx"
    return pair, output, run_quantize(pair, output, sensitivity=False)


@pytest.fixture
def hard(tmp_path, toy_detector):
    """A model whose second layer INT8 ruins, and a sample for it."""
    model = write_two_layers(tmp_path / "hard.onnx", toy_detector, outlier=3000.0)
    return model, write_sample_of(model, tmp_path / "hard.h5")


def run_quantize(pair, output, **options):
    model, data = pair
    options = {"drop_slower": False} | options
    return quantize(model, data, output, cores=1, capabilities=VNNI, **options)


def test_all_layers_become_int8_where_the_physics_holds(all_int8):
    easy, output, outcome = all_int8
    assert outcome.quantized == (FIRST, SECOND)
    scores = {found.name: found.score for found in outcome.formats}
    assert scores["int8"] <= scores["float32"] + outcome.max_drop
    card = read_card(output)
    assert card.format == "int8" and card.name == "two_int8"
    assert card.parent.digest == file_digest(easy[0])
    assert card.parent.how["quantized"] == [FIRST, SECOND]
    assert card.parent.how["data"]["digest"] == file_digest(easy[1])
    assert card.scores["validation_number"].value == pytest.approx(scores["int8"])
    parent = card.scores["validation_number of the parent"]
    assert parent.value == pytest.approx(scores["float32"])
    assert parent.floor == pytest.approx(outcome.floor)
    errors = {found.name: found.error for found in outcome.formats}
    assert 0 < errors["int8"] != outcome.floor_error
    assert card.scores["validation_number"].error == pytest.approx(errors["int8"])
    assert parent.error == pytest.approx(errors["float32"])


def test_the_file_gives_the_same_showers_in_both_runtimes(all_int8):
    _, output, _ = all_int8
    latent = draw_latent(read_card(output).latent, 3, 0, 32)
    energy, theta = np.full(32, 100, np.float32), np.full(32, np.pi / 2, np.float32)
    first, second = (
        run(load_engine(output, Plan(runtime=runtime, batch=32)), latent, energy, theta)
        for runtime in ("onnx", "openvino")
    )
    assert np.abs(first - second).sum() < 0.02 * first.sum()


def test_the_layer_that_int8_ruins_is_taken_back_to_float(tmp_path, hard):
    output = tmp_path / "int8.onnx"
    outcome = run_quantize(hard, output)
    assert [len(step.quantized) for step in outcome.log] == [0, 2, 1]
    assert outcome.quantized == (FIRST,)
    start, everything, final = (step.score for step in outcome.log)
    assert everything > start + outcome.max_drop >= final
    worst = max(outcome.sensitivity, key=lambda found: found.score)
    assert worst.layer == SECOND and worst.pixel_gev > 0
    assert quantized_layers(load_onnx(output)) == [FIRST]


def test_layers_that_int8_slows_down_stay_in_float(tmp_path, easy, monkeypatch):
    from caloforge.quantize import speed

    def times(engines, rounds):
        return [1.0, 0.9, 1.1][: len(engines)]

    monkeypatch.setattr(speed, "measure_engines", times)
    outcome = run_quantize(easy, tmp_path / "int8.onnx", sensitivity=False, drop_slower=True)
    assert outcome.slower == (FIRST,)
    assert outcome.quantized == (SECOND,)


def test_the_command_shows_the_tables_and_keeps_the_log(tmp_path, easy):
    output = tmp_path / "int8.onnx"
    arguments = ["quantize", str(easy[0]), "--data", str(easy[1]), "-o", str(output)]
    result = CliRunner().invoke(app, [*arguments, "--threads", "1", "--no-drop-slower"])
    assert result.exit_code == 0, result.output
    for text in ("tuning log", "2 of 2", "each layer alone", "INT8 takes"):
        assert text in result.output
    log = json.loads((tmp_path / "int8.onnx").with_suffix(".tuning.json").read_text())
    assert [len(step["quantized"]) for step in log["log"]] == [0, 2]
    assert read_card(output).response is not None
    assert os.environ["NNCF_CI"] == "1"


def test_a_quantized_model_is_refused(tmp_path, all_int8):
    easy, output, _ = all_int8
    with pytest.raises(ModelError, match=r"already quantized \(int8\): quantize its parent two"):
        run_quantize((output, easy[1]), tmp_path / "again.onnx")


def test_a_foreign_model_is_refused(tmp_path, toy_detector, easy):
    foreign = write_toy_model(tmp_path / "foreign.onnx", toy_detector, with_card=False)
    with pytest.raises(ModelError, match="not a caloforge model"):
        run_quantize((foreign, easy[1]), tmp_path / "out.onnx")
    assert not (tmp_path / "out.onnx").exists()


def test_data_of_another_detector_are_refused(tmp_path, toy_detector, easy):
    other = toy_detector.model_copy(update={"name": "other", "pad_mm": (4.0, 4.0)})
    io.write(tmp_path / "other.h5", make_showers(other, 100))
    with pytest.raises(DetectorError, match=r"belongs to other .* the model two to toy"):
        run_quantize((easy[0], tmp_path / "other.h5"), tmp_path / "out.onnx")


def test_showers_that_lean_along_x_are_refused(tmp_path, toy_detector, easy):
    showers = replace(make_showers(toy_detector, 100), phi=np.zeros(100))
    tilted = replace(showers, theta=np.full(100, 1.2, np.float32))
    io.write(tmp_path / "x.h5", tilted)
    with pytest.raises(InputError, match=r"x.h5 holds .* lean out of the y-z plane \(phi 0 deg"):
        run_quantize((easy[0], tmp_path / "x.h5"), tmp_path / "out.onnx")


def test_too_few_data_or_an_unknown_score_are_refused(tmp_path, toy_detector, easy):
    io.write(tmp_path / "few.h5", make_showers(toy_detector, 20))
    with pytest.raises(InputError, match="20 showers in the model's range 10-500 GeV: at least 64"):
        run_quantize((easy[0], tmp_path / "few.h5"), tmp_path / "out.onnx")
    with pytest.raises(InputError, match="score 'beauty' is unknown: allowed are validation"):
        run_quantize(easy, tmp_path / "out.onnx", score="beauty")


@pytest.mark.parametrize("score", ["validation_number", "spread_number"])
def test_a_score_is_zero_for_the_truth_and_grows_with_what_is_wrong(easy, score):
    _, card = load_float_model(easy[0])
    with io.open_showers(easy[1]) as sample:
        judge = judge_from(sample, card, 160, score)
    cells = judge.reference.cells
    assert judge.number(cells) == 0
    assert 0 < judge.number(1.01 * cells) < judge.number(1.1 * cells)
    floor, error = judge.floor()
    assert floor > 0 and error > 0


FLOAT = Format(name="float32", score=0.010, ms=1.0)


def test_int8_is_recommended_where_it_is_fastest_and_right():
    formats = (FLOAT, Format(name="int8", score=0.0105, ms=0.5))
    assert recommend(formats, 0.001, VNNI)[0] == "int8"


def test_int8_that_does_not_win_is_called_so():
    slow = (FLOAT, Format(name="int8", score=0.010, ms=1.2))
    name, advice = recommend(slow, 0.001, PLAIN)
    assert name == "float32"
    assert "no INT8 dot product, VNNI" in advice and "use the float32 model" in advice
    equal = (FLOAT, Format(name="int8", score=0.010, ms=0.95))
    assert recommend(equal, 0.001, VNNI)[0] == "float32"


def test_the_fastest_format_whose_score_holds_is_recommended():
    bfloat16 = Format(name="bfloat16", score=0.0101, ms=0.6)
    wrong = Format(name="int8", score=0.02, ms=0.4)
    name, advice = recommend((FLOAT, bfloat16, wrong), 0.001, VNNI)
    assert name == "bfloat16" and "its score does not hold" in advice
    assert "use the float32 model with --precision bfloat16 (0.6 ms)" in advice


def load_onnx(path):
    import onnx

    return onnx.load(str(path))


def test_an_int8_model_that_openvino_computes_wrongly_runs_in_onnx_runtime(all_int8, monkeypatch):
    from caloforge.engine import parity
    from caloforge.generate import load

    _, output, _ = all_int8
    assert load(output).engine.plan.runtime == "openvino"
    monkeypatch.setattr(parity, "difference", lambda path, plan, card: float("nan"))
    fallen = load(output)
    assert fallen.engine.plan.runtime == "onnx"
    assert "differs from ONNX Runtime" in fallen.notes[0]
    assert fallen.notes[0].endswith("ONNX Runtime is used instead")
    with pytest.raises(ModelError, match="differs from ONNX Runtime, the reference, by nan"):
        load(output, runtime="openvino")


def test_quantize_and_bench_advise_the_engine_that_generate_takes(
    tmp_path, easy, monkeypatch, capsys
):
    """INT8 that OpenVINO computes wrongly is searched, timed and shown in ONNX Runtime."""
    from caloforge.bench.cases import model_cases
    from caloforge.engine import parity
    from caloforge.quantize import candidate

    judged_in = set()

    def load_engine_noting_it(path, plan, card):
        judged_in.add(plan.runtime)
        return load_engine(path, plan, card)

    monkeypatch.setattr(candidate, "load_engine", load_engine_noting_it)
    monkeypatch.setattr(parity, "difference", lambda path, plan, card: float("nan"))
    output = tmp_path / "int8.onnx"
    outcome = run_quantize(easy, output, sensitivity=True, drop_slower=True)
    assert judged_in == {"onnx"}
    runtimes = {found.name: found.runtime for found in outcome.formats}
    assert (runtimes["float32"], runtimes["int8"]) == ("openvino", "onnx")
    assert re.search(r"INT8 takes [\d.e-]+ ms a shower in ONNX Runtime", outcome.advice)
    assert any("ONNX Runtime is used instead" in note for note in outcome.notes)
    notes = []
    cases = list(model_cases([str(output)], cores=1, streams=[1], on_note=notes.append))
    assert [case.runtime for case in cases] == ["ONNX Runtime"]
    assert all("differs from ONNX Runtime" in note for note in notes) and notes


def test_bfloat16_is_not_advised_where_generate_would_refuse_it(tmp_path, easy):
    card = read_card(easy[0])
    tables = card.model_copy(update={"float32_only": True})
    all_of_it = Capabilities(bfloat16=True, int8=True)
    assert precisions(card, "openvino", all_of_it) == ("float32", "bfloat16")
    assert precisions(tables, "openvino", all_of_it) == ("float32",)
    assert precisions(card, "onnx", all_of_it) == ("float32",)
