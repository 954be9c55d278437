import numpy as np
import pytest
from tests.quantize.toys import write_sample_of, write_two_layers

from caloforge import io
from caloforge.engine import Plan, load_engine, read_card, run
from caloforge.engine.latent import draw_latent
from caloforge.physics import observables
from caloforge.showers import Showers

pytest.importorskip("nncf")
pytest.importorskip("openvino")

from caloforge.quantize import layer_gains
from caloforge.quantize.accuracy import for_any_processor, quiet_nncf
from caloforge.quantize.graph import load_float_model, save
from caloforge.quantize.score import judge_of

pytestmark = pytest.mark.filterwarnings("ignore")
PLAN = Plan(runtime="onnx", batch=32)


@pytest.fixture
def pair(tmp_path, toy_detector):
    """A model, and showers of its own whose layers hold more with depth, and with Ep."""
    model = write_two_layers(tmp_path / "model.onnx", toy_detector)
    showers = io.read(write_sample_of(model, tmp_path / "sample.h5"))
    low, high = read_card(model).energy_range_gev
    inside = (np.log(showers.energy) - np.log(low)) / np.log(high / low)
    depth = np.linspace(-0.1, 0.1, showers.cells.shape[3])
    wanted = showers.cells * np.exp(np.outer(inside, depth))[:, None, None, :]
    return model, Showers(
        wanted.astype(np.float32), showers.energy, showers.theta, showers.detector
    )


def layers_of(path, showers):
    latent = draw_latent(read_card(path).latent, 1, 0, len(showers))
    cells = run(load_engine(path, PLAN), latent, showers.energy, showers.theta)
    return observables.profile(cells, "z")


def test_mean_layers_become_those_of_the_showers_at_every_energy(tmp_path, pair):
    path, showers = pair
    model, card = load_float_model(path)
    mended = tmp_path / "mended.onnx"
    save(layer_gains.calibrated(model, card, judge_of(showers, card), PLAN), card, mended)
    wanted = observables.fractions(observables.profile(showers.cells, "z"))
    before, after = (observables.fractions(layers_of(each, showers)) for each in (path, mended))
    middle = np.median(showers.energy)
    for rows in (showers.energy < middle, showers.energy >= middle):
        far, near = (
            np.abs(each[rows].mean(0) - wanted[rows].mean(0)).max() for each in (before, after)
        )
        assert near < 0.2 * far


def test_sums_stay_and_gains_of_nothing_change_nothing(tmp_path, pair):
    path, showers = pair
    model, card = load_float_model(path)
    powers = layer_gains.ConditionPowers(card)
    size = powers(showers.energy[:1], showers.theta[:1]).shape[1]
    layers = showers.cells.shape[3]
    rng = np.random.default_rng(0)
    sums = {}
    for name, gains in (
        ("none", np.zeros((size, layers))),
        ("some", rng.normal(0, 0.1, (size, layers))),
    ):
        changed = tmp_path / f"{name}.onnx"
        save(layer_gains.with_gains(model, powers, gains), card, changed)
        sums[name] = layers_of(changed, showers)
    assert sums["none"] == pytest.approx(layers_of(path, showers), rel=1e-5)
    assert sums["some"].sum(1) == pytest.approx(sums["none"].sum(1), rel=1e-5)
    assert not np.allclose(sums["some"], sums["none"], rtol=1e-2)


def test_few_showers_leave_a_layer_as_it_is():
    rng = np.random.default_rng(1)
    features = np.ones((100, 1))
    made = np.stack([np.full(100, 0.5), np.r_[1e-3, np.zeros(99)]], 1)
    wanted = made + np.stack([rng.normal(0.05, 0.01, 100), np.r_[0.0, 2e-3, np.zeros(98)]], 1)
    often, rare = layer_gains.solved(features, wanted, made)[0]
    assert often == pytest.approx(0.1, abs=0.01)
    assert abs(rare) < 0.05


def test_weights_keep_to_seven_bits_so_that_sums_of_two_fit_in_sixteen(tmp_path, pair):
    onnx = pytest.importorskip("onnx")
    from caloforge.quantize.accuracy import Search
    from caloforge.quantize.graph import layer_names
    from caloforge.quantize.score import judge_from

    path, _ = pair
    model, card = load_float_model(path)
    with io.open_showers(tmp_path / "sample.h5") as sample:
        judge = judge_from(sample, card, 64, "validation_number")
    search = Search(model, card, judge, PLAN, 0.1, 1)
    int8 = search.plain(layer_names(model))
    weights = [
        onnx.numpy_helper.to_array(tensor)
        for tensor in int8.graph.initializer
        if tensor.data_type == onnx.TensorProto.INT8 and tensor.dims
    ]
    assert weights and max(np.abs(each.astype(int)).max() for each in weights) <= 64
    assert for_any_processor(quiet_nncf()).overflow_fix.value == "enable"
