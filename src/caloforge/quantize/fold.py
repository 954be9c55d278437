"""3D convolutions with few output channels, rewritten to fill the processor's registers.

A convolution to 6 channels leaves more than half of a 16-wide register empty. Folding two
neighbouring layers along z into channels, (N, C, X, Y, Z) -> (N, 2 C, X, Y, Z / 2), with each
kernel laid out once for either position, computes the same with 12.
"""

from typing import Any, NamedTuple

import numpy as np

from caloforge._extras import require
from caloforge.typing import FloatArray

FOLD = 2
FULL = 16
"""Channels that fill a register."""
SHALLOWEST = 3
"""Kernels shorter than this along z grow too much by folding."""


class _Shape(NamedTuple):
    """Sizes of a convolution along its image (x, y, z), and its padding before and behind."""

    image: tuple[int, ...]
    kernel: tuple[int, ...]
    before: tuple[int, ...]
    behind: tuple[int, ...]

    @property
    def result(self) -> tuple[int, int, int]:
        """Sizes of the result."""
        sizes = zip(self.image, self.kernel, self.before, self.behind, strict=True)
        x, y, z = (size + first + last - kernel + 1 for size, kernel, first, last in sizes)
        return x, y, z


def folded(model: Any) -> Any:
    """A copy of an ONNX model whose narrow 3D convolutions are folded along z."""
    onnx = require("onnx")
    copy = onnx.shape_inference.infer_shapes(model)
    weights = {tensor.name: tensor for tensor in copy.graph.initializer}
    shapes = {info.name: _sizes(info) for info in (*copy.graph.value_info, *copy.graph.input)}
    nodes: list[Any] = []
    for node in copy.graph.node:
        shape = _foldable(node, weights, shapes, onnx)
        nodes += [node] if shape is None else _rewrite(copy, node, weights, shape, onnx)
    del copy.graph.node[:]
    copy.graph.node.extend(nodes)
    used = {name for node in nodes for name in node.input}
    for tensor in [tensor for tensor in copy.graph.initializer if tensor.name not in used]:
        copy.graph.initializer.remove(tensor)
    return copy


def fold_kernel(kernel: FloatArray) -> FloatArray:
    """(O, C, kx, ky, kz) -> (FOLD O, FOLD C, kx, ky, taps)."""
    outputs, inputs, kx, ky, depth = kernel.shape
    taps = -(-(depth + FOLD - 1) // FOLD)
    wide = np.zeros((FOLD, outputs, inputs, kx, ky, FOLD * taps), np.float32)
    for place in range(FOLD):
        wide[place, ..., place : place + depth] = kernel
    parts = wide.reshape(FOLD * outputs, inputs, kx, ky, taps, FOLD)
    moved = parts.transpose(0, 5, 1, 2, 3, 4)
    return np.ascontiguousarray(moved.reshape(FOLD * outputs, FOLD * inputs, kx, ky, taps))


def _foldable(
    node: Any, weights: dict[str, Any], shapes: dict[str, tuple[int, ...]], onnx: Any
) -> _Shape | None:
    """The sizes of a convolution that folding makes faster, None for any other node."""
    if node.op_type != "Conv" or node.input[1] not in weights:
        return None
    sizes = tuple(int(size) for size in weights[node.input[1]].dims)
    image = shapes.get(node.input[0], ())[2:]
    if len(sizes) != 5 or len(image) != 3 or 0 in image:
        return None
    settings = {item.name: onnx.helper.get_attribute_value(item) for item in node.attribute}
    plain = settings.get("group", 1) == 1 and settings.get("auto_pad", b"NOTSET") == b"NOTSET"
    steps = [*settings.get("strides", [1]), *settings.get("dilations", [1])]
    if not plain or set(steps) != {1} or not 1 < sizes[0] <= FULL // FOLD:
        return None
    if sizes[4] < SHALLOWEST:
        return None
    pads = tuple(settings.get("pads", [0] * 6))
    return _Shape(image, sizes[2:], pads[:3], pads[3:])


def _rewrite(model: Any, node: Any, weights: dict[str, Any], shape: _Shape, onnx: Any) -> list[Any]:
    """The nodes that take a convolution's place; its constants are added to the model."""
    kernel = onnx.numpy_helper.to_array(weights[node.input[1]])
    outputs, inputs = kernel.shape[:2]
    x, y, z = shape.image
    to_x, to_y, length = shape.result
    steps, taps = -(-length // FOLD), -(-(shape.kernel[2] + FOLD - 1) // FOLD)
    whole = FOLD * (steps + taps - 1)
    pads = [0, 0, 0, 0, shape.before[2], 0, 0, 0, 0, whole - z - shape.before[2]]
    constants = {
        "pads": np.array(pads, np.int64),
        "fold": np.array([-1, x, y, whole // FOLD, FOLD * inputs], np.int64),
        "kernel": fold_kernel(kernel),
        "unfold": np.array([-1, to_x, to_y, FOLD * steps, outputs], np.int64),
        "start": np.array([0], np.int64),
        "stop": np.array([length], np.int64),
        "axis": np.array([4], np.int64),
    }
    if len(node.input) > 2:
        bias = onnx.numpy_helper.to_array(weights[node.input[2]])
        constants["bias"] = np.tile(bias, FOLD)
    prefix = f"{node.name}.fold"
    for name, value in constants.items():
        model.graph.initializer.append(onnx.numpy_helper.from_array(value, f"{prefix}.{name}"))

    def make(kind: str, inputs: list[str], output: str, **settings: Any) -> Any:
        places = [f"{prefix}.{name}" if name in (*constants, *made) else name for name in inputs]
        made.append(output)
        return onnx.helper.make_node(kind, places, [f"{prefix}.{output}"], **settings)

    made: list[str] = []
    around = [*shape.before[:2], 0, *shape.behind[:2], 0]
    bias_input = ["bias"] if "bias" in constants else []
    last, first = [0, 2, 3, 4, 1], [0, 4, 1, 2, 3]
    nodes = [
        make("Pad", [node.input[0], "pads"], "padded"),
        make("Transpose", ["padded"], "last", perm=last),
        make("Reshape", ["last", "fold"], "narrow"),
        make("Transpose", ["narrow"], "folded", perm=first),
        make("Conv", ["folded", "kernel", *bias_input], "wide", pads=around),
        make("Transpose", ["wide"], "wide_last", perm=last),
        make("Reshape", ["wide_last", "unfold"], "long"),
        make("Transpose", ["long"], "result", perm=first),
        make("Slice", ["result", "start", "stop", "axis"], "cut"),
    ]
    nodes[4].name = node.name
    nodes[-1].output[0] = node.output[0]
    return nodes


def _sizes(info: Any) -> tuple[int, ...]:
    return tuple(dim.dim_value for dim in info.type.tensor_type.shape.dim)
