"""What every inference engine offers, and how the card is read from a model file."""

from pathlib import Path
from typing import Any, Protocol

from caloforge.card import METADATA_KEY, ModelCard
from caloforge.errors import ModelError
from caloforge.typing import FloatArray

INPUTS = ("latent", "energy", "theta")
OUTPUT = "cells"


class Engine(Protocol):
    """A loaded model file."""

    card: ModelCard
    runtime: str
    threads: int

    def run(self, latent: FloatArray, energy: FloatArray, theta: FloatArray) -> FloatArray:
        """Cells (N, X, Y, Z) in GeV from latent (N, L), energy (N,) GeV and theta (N,) rad."""
        ...


def open_session(path: Path, options: Any = None) -> Any:
    """An ONNX Runtime session on the CPU.

    Raises
    ------
    ModelError
        if the file is not an ONNX model.
    """
    import onnxruntime

    if options is None:
        options = onnxruntime.SessionOptions()
        disabled = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.graph_optimization_level = disabled
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        msg = f"{path} is not a usable ONNX model: {str(error).splitlines()[0]}"
        raise ModelError(msg) from None


def card_of(session: Any, path: Path) -> ModelCard:
    """The model card in a session's metadata.

    Raises
    ------
    ModelError
        if there is none, or the graph's inputs are not those of a caloforge model.
    """
    text = session.get_modelmeta().custom_metadata_map.get(METADATA_KEY)
    if text is None:
        msg = f"{path} is an ONNX file without a caloforge model card: not a caloforge model"
        raise ModelError(msg)
    names = {node.name for node in session.get_inputs()}
    if not names <= set(INPUTS) or "latent" not in names:
        msg = f"{path}: its inputs are {sorted(names)}, a caloforge model takes {list(INPUTS)}"
        raise ModelError(msg)
    return ModelCard.from_json(text, where=str(path))


def read_card(path: str | Path) -> ModelCard:
    """The model card of a model file; errors as in :func:`card_of`."""
    path = Path(path)
    return card_of(open_session(path), path)
