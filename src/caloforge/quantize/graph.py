"""ONNX graphs: which layers there are, which of them are in INT8, and the card inside."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

from caloforge._extras import require
from caloforge.atomic import replacing
from caloforge.card import METADATA_KEY, ModelCard
from caloforge.engine import read_card
from caloforge.errors import ModelError

LAYERS = ("Conv", "ConvTranspose", "Gemm", "MatMul")
"""Operations with weights: those that INT8 makes faster."""
FLOAT_FORMATS = ("float32", "bfloat16")


def load_float_model(path: Path) -> tuple[Any, ModelCard]:
    """A model file that can be quantized, and its card.

    Raises
    ------
    ModelError
        if the file is not a caloforge model, is quantized already, or has no layer to quantize.
    """
    card = read_card(path)
    model = require("onnx").load(str(path))
    quantizing = any(node.op_type == "QuantizeLinear" for node in model.graph.node)
    if quantizing or card.format not in FLOAT_FORMATS:
        parent = f": quantize its parent {card.parent.name}" if card.parent else ""
        msg = f"{path} is already quantized ({card.format}){parent}"
        raise ModelError(msg)
    if not layer_names(model):
        msg = f"{path} has no layer that can be quantized ({', '.join(LAYERS)} with weights)"
        raise ModelError(msg)
    return model, card


def layer_names(model: Any) -> list[str]:
    """Names of the layers with constant weights, in the order of the graph."""
    constants = _constants(model)
    return [node.name for node in _layers(model) if node.input[1] in constants]


def quantized_layers(model: Any) -> list[str]:
    """Names of the layers whose weights are in INT8."""
    restored = {
        output
        for node in model.graph.node
        if node.op_type == "DequantizeLinear"
        for output in node.output
    }
    return [node.name for node in _layers(model) if node.input[1] in restored]


def float_scope(model: Any, layers: Collection[str]) -> dict[str, Any]:
    """NNCF's ignored scope that leaves everything but ``layers`` in float."""
    others = [node.name for node in _layers(model) if node.name not in layers]
    types = {node.op_type for node in model.graph.node} - set(LAYERS)
    return {"names": others, "types": sorted(types), "validate": False}


def save(model: Any, card: ModelCard, path: Path) -> None:
    """Write a model with its card, beside its place first.

    Raises
    ------
    OutputError
        if the file cannot be written.
    """
    onnx = require("onnx")
    onnx.helper.set_model_props(model, {METADATA_KEY: card.model_dump_json()})
    with replacing(path) as partial:
        partial.write_bytes(model.SerializeToString())


def _layers(model: Any) -> list[Any]:
    return [node for node in model.graph.node if node.op_type in LAYERS]


def _constants(model: Any) -> set[str]:
    names = {tensor.name for tensor in model.graph.initializer}
    made = (node for node in model.graph.node if node.op_type == "Constant")
    return names | {output for node in made for output in node.output}
