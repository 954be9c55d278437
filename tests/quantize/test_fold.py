import numpy as np
import onnxruntime
import pytest

from caloforge.quantize.fold import folded

pytest.importorskip("onnx")


def convolution(outputs, kernel, pads, image, *, bias=True, **settings):
    """A model of one 3D convolution over (N, 3, *image)."""
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(0)
    values = {"w": rng.normal(size=(outputs, 3, *kernel)).astype(np.float32)}
    if bias:
        values["b"] = rng.normal(size=outputs).astype(np.float32)
    node = helper.make_node("Conv", ["x", *values], ["y"], name="conv", pads=pads, **settings)
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, *image])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(value, name) for name, value in values.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def result(model, x):
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return session.run(None, {"x": x})[0]


@pytest.mark.parametrize(
    ("kernel", "pads", "image", "bias"),
    [
        ((3, 3, 8), [1, 0, 3, 1, 0, 3], (5, 6, 9), True),
        ((2, 3, 5), [0, 1, 0, 0, 1, 0], (4, 5, 10), True),
        ((1, 1, 3), [0, 0, 2, 0, 0, 1], (3, 3, 7), False),
        ((2, 2, 4), [1, 0, 0, 0, 1, 3], (4, 4, 8), True),
    ],
)
def test_a_folded_convolution_is_the_same_convolution(kernel, pads, image, bias):
    model = convolution(6, kernel, pads, image, bias=bias)
    changed = folded(model)
    (conv,) = (node for node in changed.graph.node if node.op_type == "Conv")
    sizes = {tensor.name: tensor.dims for tensor in changed.graph.initializer}
    assert conv.name == "conv" and "w" not in sizes and sizes[conv.input[1]][0] == 12
    x = np.random.default_rng(1).normal(size=(2, 3, *image)).astype(np.float32)
    assert np.allclose(result(changed, x), result(model, x), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("outputs", "kernel", "settings"),
    [
        (16, (3, 3, 3), {}),
        (1, (3, 3, 3), {}),
        (6, (3, 3, 2), {}),
        (6, (3, 3, 3), {"strides": [1, 1, 2]}),
        (6, (3, 3, 3), {"dilations": [2, 1, 1]}),
    ],
)
def test_convolutions_that_would_not_gain_are_left_alone(outputs, kernel, settings):
    model = convolution(outputs, kernel, [0] * 6, (9, 9, 9), **settings)
    assert [node.op_type for node in folded(model).graph.node] == ["Conv"]
