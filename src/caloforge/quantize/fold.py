"""Convolutions of an upsampled image, computed on the image before it was upsampled.

Nearest upsampling repeats every number, so that a convolution after it multiplies the same number
by several weights.  Adding up those weights first gives one small kernel for every place in a
group of repeated cells, and the places become channels: for the 6 x 5 x 8 kernels of conv3d after
upsampling by 2, 8 kernels of 4 x 3 x 5, a quarter of the multiplications, and 48 channels instead
of 6, which fill the processor's registers.  The result is the same.
"""

from collections import Counter
from typing import Any, NamedTuple

import numpy as np

from caloforge._extras import require
from caloforge.typing import AnyArray, FloatArray

ACTIVATIONS = ("Relu", "LeakyRelu")
NARROW = 8
"""Output channels up to which folding is worth what it costs to put the places back."""


class _Axis(NamedTuple):
    """A convolution along one axis: size of the coarse image, factor of the upsampling, kernel,
    and padding before and behind the upsampled image."""

    coarse: int
    factor: int
    kernel: int
    before: int
    behind: int

    @property
    def length(self) -> int:
        """Size of the result."""
        return self.coarse * self.factor + self.before + self.behind - self.kernel + 1

    @property
    def steps(self) -> int:
        """Coarse cells of the result."""
        return -(-self.length // self.factor)

    @property
    def reach(self) -> tuple[int, int]:
        """First and last coarse cell, from that of the result, which the kernel touches."""
        return -self.before // self.factor, (
            self.factor + self.kernel - 2 - self.before
        ) // self.factor

    @property
    def pads(self) -> tuple[int, int]:
        """Padding of the coarse image."""
        first, last = self.reach
        return -first, self.steps + last - self.coarse

    def sums(self) -> FloatArray:
        """Which weights (place, coarse tap, weight) are added up."""
        first, last = self.reach
        place, tap, weight = np.ogrid[: self.factor, first : last + 1, : self.kernel]
        touched: FloatArray = ((place + weight - self.before) // self.factor == tap).astype("f4")
        return touched


def folded(model: Any) -> Any:
    """A copy of an ONNX model in which narrow 3D convolutions of upsampled images are folded."""
    onnx = require("onnx")
    copy = onnx.shape_inference.infer_shapes(model)
    weights = {tensor.name: tensor for tensor in copy.graph.initializer}
    shapes = {info.name: _sizes(info) for info in (*copy.graph.value_info, *copy.graph.input)}
    upsampled = {node.output[0]: node for node in copy.graph.node if node.op_type == "Resize"}
    activations = _activations(copy)
    nodes: list[Any] = []
    moved: list[Any] = []
    for node in copy.graph.node:
        if axes := _foldable(node, weights, upsampled, shapes, onnx):
            after = activations.get(node.output[0])
            source = upsampled[node.input[0]].input[0]
            nodes += _rewrite(copy, node, source, after, axes, weights, onnx)
            moved += [after]
        elif node not in moved:
            nodes.append(node)
    used = {name for node in nodes if node.op_type != "Resize" for name in node.input}
    nodes = [node for node in nodes if node.op_type != "Resize" or node.output[0] in used]
    del copy.graph.node[:]
    copy.graph.node.extend(nodes)
    used = {name for node in nodes for name in node.input}
    for tensor in [tensor for tensor in copy.graph.initializer if tensor.name not in used]:
        copy.graph.initializer.remove(tensor)
    return copy


def _foldable(
    node: Any,
    weights: dict[str, Any],
    upsampled: dict[str, Any],
    shapes: dict[str, tuple[int, ...]],
    onnx: Any,
) -> list[_Axis]:
    """The axes of a convolution that folding makes faster, none for any other node."""
    if node.op_type != "Conv" or node.input[1] not in weights or node.input[0] not in upsampled:
        return []
    resize = _settings(upsampled[node.input[0]], onnx)
    way = (resize.get("mode"), resize.get("nearest_mode"))
    coarse, fine = shapes[upsampled[node.input[0]].input[0]], shapes.get(node.input[0], ())
    sizes = tuple(int(size) for size in weights[node.input[1]].dims)
    if way != (b"nearest", b"floor") or len(fine) != 5 or 0 in (*coarse[2:], *fine[2:]):
        return []
    if resize.get("coordinate_transformation_mode") != b"asymmetric" or sizes[0] > NARROW:
        return []
    settings = _settings(node, onnx)
    steps = {*settings.get("strides", [1]), *settings.get("dilations", [1])}
    grouped = settings.get("group", 1) != 1 or settings.get("auto_pad", b"NOTSET") != b"NOTSET"
    whole = all(large % small == 0 for small, large in zip(coarse[2:], fine[2:], strict=True))
    if grouped or steps != {1} or not whole:
        return []
    pads = settings.get("pads", [0] * 6)
    factors = [large // small for small, large in zip(coarse[2:], fine[2:], strict=True)]
    axes = list(map(_Axis, coarse[2:], factors, sizes[2:], pads[:3], pads[3:]))
    return axes if min(pad for axis in axes for pad in axis.pads) >= 0 else []


def _activations(model: Any) -> dict[str, Any]:
    """Activations by what they are applied to, where nothing else uses it."""
    users = Counter(name for node in model.graph.node for name in node.input)
    found = (node for node in model.graph.node if node.op_type in ACTIVATIONS)
    return {node.input[0]: node for node in found if users[node.input[0]] == 1}


def _rewrite(
    model: Any,
    node: Any,
    source: str,
    after: Any | None,
    axes: list[_Axis],
    weights: dict[str, Any],
    onnx: Any,
) -> list[Any]:
    """The nodes that take a convolution's place; its constants are added to the model.

    ``source`` is the coarse image, ``after`` the activation of the convolution, if it has one.
    """
    constants = _constants(node, axes, weights, onnx)
    prefix = f"{node.name}.fold"
    for name, value in constants.items():
        model.graph.initializer.append(onnx.numpy_helper.from_array(value, f"{prefix}.{name}"))

    def make(kind: str, inputs: list[str], output: str, **settings: Any) -> Any:
        names = [name if name == source else f"{prefix}.{name}" for name in inputs]
        return onnx.helper.make_node(kind, names, [f"{prefix}.{output}"], **settings)

    before, behind = zip(*(axis.pads for axis in axes), strict=True)
    given = [source, "kernel", *(["bias"] if "bias" in constants else [])]
    nodes = [
        make("Conv", given, "wide", pads=[*before, *behind]),
        make("Transpose", ["active" if after else "wide"], "last", perm=[0, 2, 3, 4, 1]),
        make("Reshape", ["last", "unfold"], "places"),
        make("Transpose", ["places"], "sorted", perm=[0, 1, 4, 2, 5, 3, 6, 7]),
        make("Reshape", ["sorted", "whole"], "image"),
        make("Slice", ["image", "start", "stop", "axes"], "cut"),
        make("Transpose", ["cut"], "result", perm=[0, 4, 1, 2, 3]),
    ]
    nodes[0].name = node.name
    nodes[-1].output[0] = (after or node).output[0]
    if after is not None:
        active = onnx.NodeProto()
        active.CopyFrom(after)
        active.input[0], active.output[0] = f"{prefix}.wide", f"{prefix}.active"
        nodes.insert(1, active)
    return nodes


def _constants(
    node: Any, axes: list[_Axis], weights: dict[str, Any], onnx: Any
) -> dict[str, AnyArray]:
    """The folded kernel and bias of a convolution, and the shapes that unfold what they give."""
    kernel = onnx.numpy_helper.to_array(weights[node.input[1]])
    outputs, inputs = kernel.shape[:2]
    sums = [axis.sums() for axis in axes]
    wide = np.einsum("asu,btv,crw,oiuvw->abcoistr", *sums, kernel, optimize=True)
    places, steps = [axis.factor for axis in axes], [axis.steps for axis in axes]
    x, y, z = (axis.factor * axis.steps for axis in axes)
    constants: dict[str, AnyArray] = {
        "kernel": np.ascontiguousarray(wide.reshape(-1, inputs, *wide.shape[5:]), np.float32),
        "unfold": np.array([-1, *steps, *places, outputs], np.int64),
        "whole": np.array([-1, x, y, z, outputs], np.int64),
        "start": np.zeros(3, np.int64),
        "stop": np.array([axis.length for axis in axes], np.int64),
        "axes": np.array([1, 2, 3], np.int64),
    }
    if len(node.input) > 2:
        bias = onnx.numpy_helper.to_array(weights[node.input[2]])
        constants["bias"] = np.tile(bias, int(np.prod(places)))
    return constants


def _settings(node: Any, onnx: Any) -> dict[str, Any]:
    return {item.name: onnx.helper.get_attribute_value(item) for item in node.attribute}


def _sizes(info: Any) -> tuple[int, ...]:
    return tuple(dim.dim_value for dim in info.type.tensor_type.shape.dim)
