"""Graphs that take phi: exported with it, or given it later, without a change to other showers."""

import onnx
import onnxruntime
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnxscript")

from tests.native.toys import TOYS, toy_network  # noqa: E402

from caloforge.add_phi import add_phi  # noqa: E402
from caloforge.card import METADATA_KEY, ModelCard  # noqa: E402
from caloforge.engine import read_card  # noqa: E402
from caloforge.errors import ModelError  # noqa: E402
from caloforge.export import example_inputs, export_generator, initializers_of, parity  # noqa: E402
from caloforge.networks.factorised.restore import restored  # noqa: E402
from caloforge.networks.factorised.tables import TABLES_KEY  # noqa: E402
from caloforge.zoo import model_path  # noqa: E402

NAMES = ("latent", "energy", "theta", "phi")


def showers(path, inputs):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    feeds = dict(zip(NAMES, (each.numpy() for each in inputs), strict=False))
    return onnxruntime.InferenceSession(str(path), options).run(["cells"], feeds)[0]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["inclined", "whole_inclined"])
def test_phi_is_added_to_a_model_file(tmp_path, kind):
    network, card = toy_network(TOYS[kind])
    path = tmp_path / "model.onnx"
    export_generator(network, card, path)
    takes_phi = card.model_copy(update={"takes_phi": True})
    inputs = example_inputs(takes_phi, 20)
    before = showers(path, inputs[:3])
    assert read_card(path).lacks_phi
    assert add_phi(path).takes_phi
    assert not read_card(path).lacks_phi
    assert (showers(path, inputs[:3]) == before).all()
    along_y = torch.full_like(inputs[3], torch.pi / 2)
    assert (showers(path, (*inputs[:3], along_y)) == before).all()
    with torch.no_grad():
        wanted = network(*inputs).numpy()
    assert parity(showers(path, inputs), wanted) < 1e-3 < parity(before, wanted)
    export_generator(network, takes_phi, tmp_path / "at_once.onnx")
    assert (showers(tmp_path / "at_once.onnx", inputs) == showers(path, inputs)).all()


def test_a_file_without_its_network_is_refused():
    model = onnx.load(str(model_path("clic_ecal_angle")))
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    card = ModelCard.from_json(metadata[METADATA_KEY], where="it")
    held = initializers_of(model)
    network = restored(card, metadata[TABLES_KEY], held)
    assert network.takes_phi and torch.equal(network.axis.lean, torch.tensor(held["axis.lean"]))
    del held["deposits.table"]
    with pytest.raises(ModelError, match=r"does not hold all of its network: 'deposits\.table'"):
        restored(card, metadata[TABLES_KEY], held)
