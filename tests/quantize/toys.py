"""A two-layer model for the toy detector, one of whose layers INT8 ruins, and its sample."""

from pathlib import Path

import numpy as np
from tests.conftest import TOY_SHAPE

from caloforge import io
from caloforge.card import METADATA_KEY, Latent, ModelCard
from caloforge.detector import Detector
from caloforge.generate import load
from caloforge.ranges import draw

FIRST, SECOND = "first", "second"
LATENT, HIDDEN = 16, 32


def write_two_layers(path: Path, detector: Detector, *, outlier: float = 0.0) -> Path:
    """cells = energy / 1000 * relu(relu(latent @ a + b) @ c); ``outlier`` is a hidden value that
    no cell uses, but that stretches the INT8 range of the second layer's input."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(0)
    cells = int(np.prod(TOY_SHAPE))
    shift = np.zeros(HIDDEN, np.float32)
    shift[0] = outlier
    weights = rng.random((HIDDEN, cells), dtype=np.float32) / HIDDEN / cells
    weights[0] = 0.0
    constants = {
        "a": rng.normal(size=(LATENT, HIDDEN)).astype(np.float32),
        "b": shift,
        "c": weights,
        "column": np.array([-1, 1], np.int64),
        "image": np.array([-1, *TOY_SHAPE], np.int64),
        "zero": np.array(0, np.float32),
        "unit": np.array(0.02, np.float32),
    }
    nodes = [
        helper.make_node("MatMul", ["latent", "a"], ["mixed"], name=FIRST),
        helper.make_node("Add", ["mixed", "b"], ["shifted"]),
        helper.make_node("Relu", ["shifted"], ["hidden"]),
        helper.make_node("MatMul", ["hidden", "c"], ["drawn"], name=SECOND),
        helper.make_node("Relu", ["drawn"], ["positive"]),
        helper.make_node("Mul", ["theta", "zero"], ["nothing"]),
        helper.make_node("Add", ["energy", "nothing"], ["scale"]),
        helper.make_node("Mul", ["scale", "unit"], ["share"]),
        helper.make_node("Reshape", ["share", "column"], ["factor"]),
        helper.make_node("Mul", ["positive", "factor"], ["flat"]),
        helper.make_node("Reshape", ["flat", "image"], ["cells"]),
    ]
    shapes = {"latent": ["N", LATENT], "energy": ["N"], "theta": ["N"]}
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in shapes.items()
    ]
    output = helper.make_tensor_value_info("cells", TensorProto.FLOAT, ["N", *TOY_SHAPE])
    values = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "toy", inputs, [output], values)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    card = ModelCard(
        name="two", network="toy", detector=detector, detector_digest=detector.digest,
        window="fixed", energy_range_gev=(10.0, 500.0),
        theta_range_rad=(np.pi / 2, np.pi / 2), latent=Latent(dim=LATENT),
    )  # fmt: skip
    helper.set_model_props(model, {METADATA_KEY: card.model_dump_json()})
    onnx.save(model, str(path))
    return path


def write_sample_of(model: Path, path: Path, n: int = 160) -> Path:
    """Showers that the model itself makes, as the truth that its INT8 forms are judged by."""
    io.write(path, load(model, runtime="onnx").sample(draw(n, "10:500", seed=5), seed=9))
    return path
