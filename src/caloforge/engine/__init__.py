"""Run a model file: no torch. ONNX Runtime everywhere, OpenVINO where it is installed."""

from pathlib import Path
from typing import Literal

from caloforge.engine.base import Engine, read_card
from caloforge.zoo import model_path

Runtime = Literal["auto", "onnx", "openvino"]

__all__ = ["Engine", "Runtime", "load_engine", "read_card"]


def load_engine(
    name_or_path: str | Path, *, runtime: Runtime = "auto", threads: int | None = None
) -> Engine:
    """Load a bundled model by name, or a model file, into an inference engine.

    ``auto`` takes OpenVINO where it is installed and ONNX Runtime elsewhere; ``threads`` is the
    number of cores to use (all available if None).

    Raises
    ------
    ModelError
        if the file is missing, not ONNX, or has no model card.
    MissingExtraError
        if OpenVINO is asked for and not installed.
    """
    path = model_path(name_or_path)
    if runtime == "openvino" or (runtime == "auto" and _has_openvino()):
        from caloforge.engine.openvino import OpenVinoEngine

        return OpenVinoEngine(path, threads=threads)
    from caloforge.engine.onnx import OnnxEngine

    return OnnxEngine(path, threads=threads)


def _has_openvino() -> bool:
    from importlib.util import find_spec

    return find_spec("openvino") is not None
