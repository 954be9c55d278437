"""One model file for showers that lean along y and for others: the second graph is a branch.

Showers along y are made by the graph that a network without phi has, bit for bit and as fast.  Both
read the same tables, which stand outside of the branches.  Who does not feed ``phi`` gets showers
along y.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from caloforge.beam import IN_PLANE
from caloforge.engine.base import ASLANT, INPUTS, OUTPUT, PHI

PREFIX = "aslant."
"""Of what only the second branch has."""
STRAIGHT = 1e-6
"""A cosine of phi below this is along y."""


def with_branch(along_y: Any, aslant: Any, same: Mapping[str, str] | None = None) -> Any:
    """The model of showers along y with a branch that takes phi.

    ``same``: initializers of ``aslant`` and those of ``along_y`` that stand for them, where their
    content is not equal.
    """
    graph, other = along_y.graph, aslant.graph
    held = {_content(tensor): tensor.name for tensor in reversed(graph.initializer)}
    renamed = dict(zip(INPUTS, INPUTS, strict=True)) | {PHI: f"{PREFIX}{PHI}", "": ""}
    added = []
    for tensor in other.initializer:
        name = (same or {}).get(tensor.name) or held.get(_content(tensor))
        renamed[tensor.name] = name or f"{PREFIX}{tensor.name}"
        if name is None:
            added.append(_named(tensor, renamed[tensor.name]))
    for name in {name for node in other.node for name in (*node.input, *node.output)}:
        renamed.setdefault(name, f"{PREFIX}{name}")
    each = helper.make_node("Shape", [INPUTS[1]], ["showers"])
    expand = helper.make_node("Expand", [PHI, "showers"], [renamed[PHI]])
    then = _branch("aslant", other.node, other.output[0], renamed)
    for node in (expand, each):
        then.node.insert(0, node)
    straight = {OUTPUT: f"{OUTPUT}_along_y"}
    otherwise = _branch("along_y", graph.node, graph.output[0], straight)
    choice = helper.make_node(
        "If", [ASLANT], [OUTPUT], name="phi", then_branch=then, else_branch=otherwise
    )
    nodes, constants = _is_aslant()
    given = helper.make_tensor_value_info(PHI, onnx.TensorProto.FLOAT, ["one_or_batch"])
    del graph.node[:], graph.value_info[:]
    graph.node.extend([*nodes, choice])
    graph.initializer.extend([*added, *constants])
    graph.input.append(given)
    return along_y


def _branch(name: str, nodes: Iterable[Any], output: Any, renamed: Mapping[str, str]) -> Any:
    """A graph that reads what stands outside of it, with other names inside."""
    copies = []
    for node in nodes:
        copy = onnx.NodeProto()
        copy.CopyFrom(node)
        for names in (copy.input, copy.output):
            names[:] = [renamed.get(each, each) for each in names]
        copies.append(copy)
    made = onnx.ValueInfoProto()
    made.CopyFrom(output)
    made.name = renamed[OUTPUT]
    return helper.make_graph(copies, name, [], [made])


def _is_aslant() -> tuple[list[Any], list[Any]]:
    """Nodes that say whether any shower leans elsewhere than along y, and their constants."""
    nodes = [
        helper.make_node("Cos", [PHI], ["phi_along_x"]),
        helper.make_node("Abs", ["phi_along_x"], ["phi_aside"]),
        helper.make_node("ReduceMax", ["phi_aside"], ["phi_most_aside"], keepdims=0),
        helper.make_node("Greater", ["phi_most_aside", "phi_straight"], [ASLANT]),
    ]
    constants = {"phi_straight": np.array(STRAIGHT), PHI: np.array([IN_PLANE])}
    return nodes, [
        numpy_helper.from_array(value.astype(np.float32), name) for name, value in constants.items()
    ]


def _content(tensor: Any) -> tuple[int, tuple[int, ...], bytes]:
    return tensor.data_type, tuple(tensor.dims), numpy_helper.to_array(tensor).tobytes()


def _named(tensor: Any, name: str) -> Any:
    copy = onnx.TensorProto()
    copy.CopyFrom(tensor)
    copy.name = name
    return copy
