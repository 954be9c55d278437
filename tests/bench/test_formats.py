import json

import numpy as np
import pytest
from tests.quantize.toys import write_sample_of, write_two_layers
from typer.testing import CliRunner

from caloforge.cli.app import app
from caloforge.engine import Plan, load_engine, read_card, run
from caloforge.engine.latent import draw_latent
from caloforge.errors import ModelError

pytest.importorskip("nncf")
pytest.importorskip("openvino")

from caloforge.bench.formats import compare_formats, mean_and_width
from caloforge.quantize.float16 import with_float16_weights
from caloforge.quantize.graph import load_float_model, save
from caloforge.renew import write_card

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def pair(tmp_path, toy_detector):
    model = write_two_layers(tmp_path / "two.onnx", toy_detector)
    return model, write_sample_of(model, tmp_path / "two.h5")


def test_the_formats_of_a_model_are_compared(tmp_path, pair, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    output = tmp_path / "formats.json"
    arguments = ["bench", "formats", str(pair[0]), "--geant4", str(pair[1]), "--threads", "1"]
    result = CliRunner().invoke(app, [*arguments, "-o", str(output)])
    assert result.exit_code == 0, result.output
    assert "plain INT8" in result.output and "3DGAN float16, TFLite" in result.output
    rows = {row["name"]: row for row in json.loads(output.read_text())}
    geant4 = rows.pop("Geant4, two halves")
    assert geant4["ms"] is None and geant4["score"] > 0 and geant4["z_std"] > 0
    assert rows["float32"]["pixel_gev"] == 0
    assert 0 < rows["float16 weights"]["pixel_gev"] < rows["plain INT8"]["pixel_gev"]
    assert rows["float16 weights"]["file_mb"] < rows["float32"]["file_mb"]
    assert all(row["peak_mb"] > 10 and row["ms"] > 0 for row in rows.values())


def test_a_quantized_model_has_no_formats_of_its_own(tmp_path, pair):
    """One that says so; `quantize` writes it and refuses it in its own tests."""
    output = tmp_path / "int8.onnx"
    write_card(pair[0], output, read_card(pair[0]).model_copy(update={"format": "int8"}))
    with pytest.raises(ModelError, match="already quantized"):
        compare_formats([output], pair[1], cores=1)


def test_float16_weights_change_little(tmp_path, pair):
    model, card = load_float_model(pair[0])
    save(with_float16_weights(model), card, tmp_path / "half.onnx")
    plan = Plan(runtime="onnx", batch=8)
    latent = draw_latent(card.latent, 0, 0, 8)
    energy, theta = np.full(8, 50, np.float32), np.full(8, np.pi / 2, np.float32)
    first, second = (
        run(load_engine(path, plan), latent, energy, theta)
        for path in (pair[0], tmp_path / "half.onnx")
    )
    assert 0 < np.abs(first - second).sum() < 2e-3 * first.sum()


def test_mean_and_width_are_of_the_summed_profile():
    cells = np.zeros((2, 3, 3, 5), np.float32)
    cells[0, 1, 1, 1] = cells[1, 1, 1, 3] = 1.0
    assert mean_and_width(cells, "z") == (2.0, 1.0)
