import numpy as np
import onnxruntime
import pytest

from caloforge.quantize.fold import folded

pytest.importorskip("onnx")


def upsampled_convolution(factors, kernel, pads, image, *, outputs=6, bias=True, **settings):
    """A model of upsampling, one 3D convolution over (N, 3, *image) and a LeakyReLU."""
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(0)
    values = {"w": rng.normal(size=(outputs, 3, *kernel)).astype(np.float32)}
    if bias:
        values["b"] = rng.normal(size=outputs).astype(np.float32)
    constants = values | {"scales": np.array([1, 1, *factors], np.float32)}
    way = {"nearest_mode": "floor", "coordinate_transformation_mode": "asymmetric"}
    nodes = [
        helper.make_node("Resize", ["x", "", "scales"], ["fine"], mode="nearest", **way),
        helper.make_node("Conv", ["fine", *values], ["c"], name="conv", pads=pads, **settings),
        helper.make_node("LeakyRelu", ["c"], ["y"], alpha=0.3),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, *image])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def result(model, x):
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return session.run(None, {"x": x})[0]


@pytest.mark.parametrize(
    ("factors", "kernel", "pads", "image", "bias"),
    [
        ((2, 2, 2), (6, 5, 8), [2, 2, 0, 2, 2, 0], (5, 4, 6), True),
        ((2, 2, 3), (3, 3, 8), [1, 0, 3, 1, 0, 3], (4, 5, 6), True),
        ((1, 3, 2), (1, 2, 3), [0, 1, 2, 0, 0, 1], (3, 3, 4), False),
        ((2, 1, 1), (2, 2, 2), [0, 0, 0, 0, 0, 0], (3, 4, 5), True),
    ],
)
def test_a_folded_convolution_is_the_same_convolution(factors, kernel, pads, image, bias):
    model = upsampled_convolution(factors, kernel, pads, image, bias=bias)
    changed = folded(model)
    kinds = [node.op_type for node in changed.graph.node]
    assert "Resize" not in kinds and kinds[:2] == ["Conv", "LeakyRelu"]
    sizes = {tensor.name: tensor.dims for tensor in changed.graph.initializer}
    conv = changed.graph.node[0]
    assert conv.name == "conv" and "w" not in sizes
    assert sizes[conv.input[1]][0] == 6 * np.prod(factors)
    x = np.random.default_rng(1).normal(size=(2, 3, *image)).astype(np.float32)
    assert np.allclose(result(changed, x), result(model, x), rtol=1e-4, atol=1e-4)


def test_conv3d_multiplies_a_quarter():
    model = upsampled_convolution((2, 2, 2), (6, 5, 8), [2, 2, 0, 2, 2, 0], (7, 7, 8))
    changed = folded(model)
    sizes = {tensor.name: tensor.dims for tensor in changed.graph.initializer}
    assert sizes[changed.graph.node[0].input[1]][2:] == [4, 3, 5]


@pytest.mark.parametrize(
    ("factors", "settings"),
    [
        ((2, 2, 2), {"outputs": 16}),
        ((2, 2, 2), {"strides": [1, 1, 2]}),
        ((2, 2, 2), {"dilations": [2, 1, 1]}),
        ((1.5, 2, 2), {}),
    ],
)
def test_convolutions_that_would_not_gain_are_left_alone(factors, settings):
    model = upsampled_convolution(factors, (3, 3, 3), [0] * 6, (6, 6, 6), **settings)
    kinds = [node.op_type for node in folded(model).graph.node]
    assert kinds == ["Resize", "Conv", "LeakyRelu"]


def test_an_activation_stays_where_something_else_needs_what_it_is_applied_to():
    from onnx import helper

    model = upsampled_convolution((2, 2, 2), (3, 3, 3), [1] * 6, (3, 3, 3))
    model.graph.node[2].output[0] = "active"
    model.graph.node.append(helper.make_node("Add", ["c", "active"], ["y"]))
    changed = folded(model)
    assert [node.op_type for node in changed.graph.node][-2:] == ["LeakyRelu", "Add"]
    x = np.random.default_rng(1).normal(size=(2, 3, 3, 3, 3)).astype(np.float32)
    assert np.allclose(result(changed, x), result(model, x), rtol=1e-4, atol=1e-4)
