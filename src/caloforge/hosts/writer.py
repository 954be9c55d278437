"""Writing ONNX nodes one after the other, as a formula is written."""

from typing import Any

import numpy as np
import onnx
from numpy.typing import ArrayLike
from onnx import TensorProto, helper, numpy_helper

PREFIX = "host/"
"""Of every name that is written, so that none is a name of the model's own graph."""
INT32, UINT32, FLOAT = TensorProto.INT32, TensorProto.UINT32, TensorProto.FLOAT


class GraphWriter:
    """Nodes and constants of a graph that grows; tensors are known by their names."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.initializers: list[Any] = []

    def constant(self, values: ArrayLike, dtype: Any = np.float32) -> str:
        """A constant tensor; its name."""
        array = np.asarray(values, dtype)
        name = f"{PREFIX}c{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(array, name))
        return name

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """A node with one output; the output's name."""
        return self.split(operator, *inputs, parts=1, **attributes)[0]

    def split(self, operator: str, *inputs: str, parts: int, **attributes: Any) -> list[str]:
        """A node with several outputs; their names."""
        place = len(self.nodes)
        names = [f"{PREFIX}{place}.{part}" for part in range(parts)]
        node = helper.make_node(operator, inputs, names, name=f"{PREFIX}{place}", **attributes)
        self.nodes.append(node)
        return names

    def name(self, tensor: str, name: str) -> None:
        """Give a tensor the name that another graph reads it by."""
        place = len(self.nodes)
        node = helper.make_node("Identity", [tensor], [name], name=f"{PREFIX}{place}")
        self.nodes.append(node)

    def cast(self, tensor: str, to: int) -> str:
        """The tensor in another type."""
        return self.add("Cast", tensor, to=to)

    def reshape(self, tensor: str, *shape: int) -> str:
        """The tensor in another shape."""
        return self.add("Reshape", tensor, self.constant(shape, np.int64))

    def piece(self, tensor: str, start: int, stop: int, axis: int = -1) -> str:
        """Elements ``start`` to ``stop`` along an axis."""
        ends = (self.constant([end], np.int64) for end in (start, stop, axis))
        return self.add("Slice", tensor, *ends)


def value(name: str, shape: tuple[int, ...]) -> Any:
    """A float32 input or output of a graph."""
    return helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, list(shape))
