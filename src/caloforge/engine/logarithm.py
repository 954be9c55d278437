"""The logarithm of many numbers in vector instructions, for OpenVINO's graphs.

OpenVINO computes ``Log`` one number at a time on CPUs; roots, products and quotients it computes
sixteen at a time and fuses with their neighbours. With z = x ** (1 / 64), six square roots, and
w = (z - 1) / (z + 1),

    log x = 128 (w + w**3 / 3 + w**5 / 5 + ...),

which is right to 1e-5 between 1e-12 and 1e12 and to a relative 2e-4 for every float32 above zero.
Twice as fast.
"""

from typing import Any

import numpy as np

from caloforge._extras import require

ROOTS = 6
TERMS = 6
MANY = 1000
"""Numbers a shower from which it pays."""


def vectorise_logarithms(model: Any) -> None:
    """Rewrite the large ``Log`` nodes of an OpenVINO model of fixed shape, in place."""
    for node in model.get_ordered_ops():
        if node.get_type_name() != "Log":
            continue
        shape = node.get_output_partial_shape(0)
        if shape.is_static and np.prod(list(shape.to_shape())[1:]) >= MANY:
            node.output(0).replace(_logarithm(node.input_value(0)).output(0))


def _logarithm(values: Any) -> Any:
    opset = require("openvino").opset13

    def number(value: float) -> Any:
        return opset.constant(np.float32(value))

    root = values
    for _ in range(ROOTS):
        root = opset.sqrt(root)
    ratio = opset.divide(opset.subtract(root, number(1)), opset.add(root, number(1)))
    square = opset.multiply(ratio, ratio)
    series = number(1 / (2 * TERMS - 1))
    for term in reversed(range(TERMS - 1)):
        series = opset.add(opset.multiply(series, square), number(1 / (2 * term + 1)))
    return opset.multiply(opset.multiply(series, ratio), number(2 * 2**ROOTS))
