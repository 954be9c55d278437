"""The response that calibrates: measured over energies and angles, and written into a graph."""

import numpy as np
import pytest

pytest.importorskip("onnx")
import onnx
import onnxruntime
from onnx import TensorProto, helper
from tests.conftest import write_toy_model

from caloforge.card import METADATA_KEY, Latent, ModelCard, Response
from caloforge.engine.base import read_card
from caloforge.engine.response import measure_response
from caloforge.hosts.calibrate import write_response
from caloforge.hosts.writer import GraphWriter, value
from caloforge.renew import note_response

TILTED = np.pi / 3, 2 * np.pi / 3


@pytest.fixture
def slanted(tmp_path, toy_detector):
    """A model without chance: one cell, 0.02 Ep (1 + half of the longer way)."""
    x, y, z = toy_detector.cell_shape("angle")
    writer = GraphWriter()
    longer = writer.add("Reciprocal", writer.add("Sin", "theta"))
    part = writer.add("Mul", writer.add("Add", longer, writer.constant(1.0)), writer.constant(0.01))
    energy = writer.add("Mul", "energy", part)
    place = np.zeros((1, x, y, z), np.float32)
    place[0, x // 2, y // 2, 0] = 1
    column = writer.add("Reshape", energy, writer.constant([-1, 1, 1, 1], np.int64))
    nothing = writer.add("Mul", writer.piece("latent", 0, 1), writer.constant(0.0))
    column = writer.add("Add", column, writer.add(
        "Reshape", nothing, writer.constant([-1, 1, 1, 1], np.int64)))  # fmt: skip
    writer.name(writer.add("Mul", column, writer.constant(place)), "cells")
    given = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", *more])
        for name, more in (("latent", [6]), ("energy", []), ("theta", []))
    ]
    made = helper.make_tensor_value_info("cells", TensorProto.FLOAT, ["N", x, y, z])
    graph = helper.make_graph(writer.nodes, "slanted", given, [made], writer.initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    card = ModelCard(
        name="slanted", network="toy", detector=toy_detector,
        detector_digest=toy_detector.digest, window="angle", energy_range_gev=(10.0, 500.0),
        theta_range_rad=TILTED, latent=Latent(dim=6),
    )  # fmt: skip
    helper.set_model_props(model, {METADATA_KEY: card.model_dump_json(), "other": "kept"})
    path = tmp_path / "slanted.onnx"
    onnx.save(model, str(path))
    return path


def test_the_response_depends_on_the_angle(slanted):
    found = measure_response(slanted, read_card(slanted), showers=256)
    assert len(found.path_coefficients) == len(found.coefficients) == 4
    for theta in (np.pi / 3, 1.3, np.pi / 2):
        asked = 0.01 * (1 + 1 / np.sin(theta))
        assert found(np.float32([10.0, 70.0, 500.0]), theta) == pytest.approx(asked, rel=1e-5)


def test_of_one_angle_there_is_none(tmp_path, toy_detector):
    path = write_toy_model(tmp_path / "toy.onnx", toy_detector)
    assert measure_response(path, read_card(path), showers=64).path_coefficients == ()


def test_it_is_noted_in_the_card_and_nothing_else_changes(slanted):
    before = onnx.load(slanted)
    card = note_response(slanted, showers=256)
    after = onnx.load(slanted)
    assert read_card(slanted) == card and card.response.showers == 256
    assert {entry.key for entry in after.metadata_props} == {METADATA_KEY, "other"}
    assert after.graph == before.graph


@pytest.mark.parametrize("path_coefficients", [(), (0.001, 0.004)])
def test_the_graph_says_what_the_card_says(path_coefficients):
    response = Response(
        coefficients=(-0.001, 0.03), path_coefficients=path_coefficients, showers=1, error=0.0
    )
    writer = GraphWriter()
    writer.name(write_response(response, writer, "energy", "theta"), "out")
    graph = helper.make_graph(
        writer.nodes, "g", [value("energy", (1,)), value("theta", (1,))], [value("out", (1,))],
        writer.initializers,
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    for energy, theta in ((20.0, 1.1), (300.0, np.pi / 2)):
        feed = {"energy": np.float32([energy]), "theta": np.float32([theta])}
        assert session.run(None, feed)[0] == pytest.approx(
            response(feed["energy"], feed["theta"]), rel=1e-5
        )
