import numpy as np
import pytest

openvino = pytest.importorskip("openvino")

from caloforge.engine.logarithm import MANY, vectorise_logarithms  # noqa: E402


def model_of_a_log(n):
    opset = openvino.opset13
    x = opset.parameter([1, n], np.float32)
    return openvino.Model([opset.log(x)], [x])


def run(model, x):
    properties = {"INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.Core().compile_model(model, "CPU", properties)
    return compiled(x[None])[0][0]


def test_the_logarithm_is_right_over_all_of_float32():
    exponents = np.linspace(-37.5, 38, 4 * MANY)
    x = (10.0**exponents).astype(np.float32)
    model = model_of_a_log(len(x))
    vectorise_logarithms(model)
    assert "Log" not in {node.get_type_name() for node in model.get_ordered_ops()}
    error = np.abs(run(model, x) - np.log(x.astype(np.float64)))
    assert error[np.abs(exponents) <= 12].max() < 1e-5
    assert (error / np.maximum(np.abs(np.log(x)), 1)).max() < 2e-4


def test_a_logarithm_of_few_numbers_is_left_alone():
    model = model_of_a_log(MANY - 1)
    vectorise_logarithms(model)
    assert "Log" in {node.get_type_name() for node in model.get_ordered_ops()}
