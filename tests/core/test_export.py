from functools import cache

import numpy as np
import pytest
from tests.conftest import make_toy_detector

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")

from tests.train import test_factorised  # noqa: E402

from caloforge.card import Latent, ModelCard  # noqa: E402
from caloforge.detector import Window, load_detector  # noqa: E402
from caloforge.engine import Plan, load_engine, run  # noqa: E402
from caloforge.errors import ModelError, OutputError  # noqa: E402
from caloforge.export import PARITY_TOLERANCE, example_inputs, export_generator, parity  # noqa: E402
from caloforge.networks.base import Domain  # noqa: E402
from caloforge.networks.spec import NETWORKS  # noqa: E402

TOLERANCE = 1e-4
"""Of the largest cell of a shower: what float32 runtimes may differ by."""
SHAPE = (9, 9)


def generator_and_card(name):
    detector = load_detector("clic_ecal")
    detector = detector.model_copy(update={"windows": {"small": Window(shape=SHAPE)}})
    card = ModelCard(
        name="test",
        network=name,
        detector=detector,
        detector_digest=detector.digest,
        window="small",
        energy_range_gev=(10.0, 500.0),
        theta_range_rad=(np.pi / 2, np.pi / 2),
        latent=Latent(dim=200),
    )
    domain = Domain(
        shape=card.cell_shape,
        energy_range_gev=card.energy_range_gev,
        theta_range_rad=card.theta_range_rad,
    )
    torch.manual_seed(0)
    spec = NETWORKS[name]
    return spec.generator(spec.options(), domain).eval(), card


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """``exported(name)``: a network, its card, and the file that they were exported to."""

    @cache
    def file_of(name):
        generator, card = generator_and_card(name)
        path = tmp_path_factory.mktemp(name) / "model.onnx"
        export_generator(generator, card, path)
        return generator, card, path

    return file_of


@pytest.mark.parametrize("name", ["conv3d", "conv2d", "layered2d"])
def test_torch_onnx_runtime_and_openvino_agree(name, exported):
    generator, card, path = exported(name)
    inputs = example_inputs(card, 7)
    with torch.no_grad():
        reference = generator(*inputs).numpy()
    assert reference.max() > 0
    latent, energy, theta = (value.numpy() for value in inputs)
    for runtime in ("onnx", "openvino"):
        if runtime == "openvino":
            pytest.importorskip("openvino")
        engine = load_engine(path, Plan(runtime=runtime, batch=4))
        assert engine.card == card
        assert parity(run(engine, latent, energy, theta), reference) < TOLERANCE


@pytest.fixture(scope="module")
def fitted():
    """The default network, trained and measured on toy showers of the toy detector."""
    trained = test_factorised.train(test_factorised.objective(window=(5, 5))).ema_generator.eval()
    detector = make_toy_detector().model_copy(update={"windows": {"small": Window(shape=SHAPE)}})
    card = ModelCard(
        name="test",
        network="factorised",
        detector=detector,
        detector_digest=detector.digest,
        window="small",
        energy_range_gev=(10.0, 500.0),
        theta_range_rad=(np.pi / 2, np.pi / 2),
        latent=Latent(dim=trained.latent_dim, distribution=trained.latent_distribution),
        **trained.runs_best,
    )
    return trained, card


def test_the_default_network_is_exported(fitted, tmp_path):
    generator, card = fitted
    path = tmp_path / "model.onnx"
    export_generator(generator, card, path)
    inputs = example_inputs(card, 70)
    with torch.no_grad():
        reference = generator(*inputs).numpy()
    assert (reference > 0).mean() > 0.05
    latent, energy, theta = (value.numpy() for value in inputs)
    for runtime in ("onnx", "openvino"):
        if runtime == "openvino":
            pytest.importorskip("openvino")
        engine = load_engine(path, Plan(runtime=runtime, batch=64))
        assert engine.card == card and engine.card.float32_only
        assert parity(run(engine, latent, energy, theta), reference) < PARITY_TOLERANCE


def test_the_file_is_foldable_and_tells_nothing_of_this_machine(exported):
    _, _, path = exported("layered2d")
    model = onnx.load(path)
    operators = [node.op_type for node in model.graph.node]
    assert "BatchNormalization" not in operators
    assert operators.count("Conv") == 4
    assert [i.name for i in model.graph.input] == ["latent", "energy", "theta"]
    assert model.opset_import[0].version >= 17
    assert b"site-packages" not in path.read_bytes() and b".py" not in path.read_bytes()


def test_a_network_that_is_not_its_cards_is_refused(tmp_path):
    generator, card = generator_and_card("layered2d")
    wider = {"small": Window(shape=(11, 11))}
    other = card.model_copy(
        update={"detector": card.detector.model_copy(update={"windows": wider})}
    )
    with pytest.raises(ModelError, match=r"gives cells \(9, 9, 25\), its card says \(11, 11, 25\)"):
        export_generator(generator, other, tmp_path / "model.onnx")
    with pytest.raises(OutputError, match="does not exist"):
        export_generator(generator, card, tmp_path / "no" / "model.onnx")
    assert list(tmp_path.iterdir()) == []


def test_a_graph_that_does_not_reproduce_the_network_is_refused(tmp_path):
    generator, card = generator_and_card("layered2d")
    with torch.no_grad():
        generator.layers.bias[0] = float("nan")
    with pytest.raises(ModelError, match="differs from the network by nan"):
        export_generator(generator, card, tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []
