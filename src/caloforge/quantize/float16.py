"""Weights stored in float16, computed with in float32: TensorFlow Lite's float16 format."""

from typing import Any

import numpy as np

from caloforge._extras import require


def with_float16_weights(model: Any) -> Any:
    """A copy of an ONNX model whose weight matrices and kernels are float16 numbers."""
    onnx = require("onnx")
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    casts = []
    for tensor in copy.graph.initializer:
        if tensor.data_type != onnx.TensorProto.FLOAT or len(tensor.dims) < 2:
            continue
        name, values = tensor.name, onnx.numpy_helper.to_array(tensor)
        small = onnx.numpy_helper.from_array(values.astype(np.float16), f"{name}.float16")
        tensor.CopyFrom(small)
        casts.append(onnx.helper.make_node("Cast", [small.name], [name], to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *copy.graph.node]
    del copy.graph.node[:]
    copy.graph.node.extend(nodes)
    return copy
