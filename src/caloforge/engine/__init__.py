"""Run a model file: no torch. ONNX Runtime everywhere, OpenVINO where it is installed."""

from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from caloforge.engine.base import Engine, Worker, read_card, run
from caloforge.engine.plan import Plan, Precision, RuntimeName
from caloforge.zoo import model_path

Runtime = Literal["auto", "onnx", "openvino"]

__all__ = [
    "Engine", "Plan", "Precision", "Runtime", "RuntimeName", "Worker",
    "chosen_runtime", "load_engine", "read_card", "run",
]  # fmt: skip


def load_engine(name_or_path: str | Path, plan: Plan) -> Engine:
    """Load a bundled model by name, or a model file, to be run as the plan says.

    Raises
    ------
    ModelError
        if the file is missing, not ONNX, or has no model card.
    MissingExtraError
        if OpenVINO is asked for and not installed.
    """
    path = model_path(name_or_path)
    if plan.runtime == "openvino":
        from caloforge.engine.openvino import OpenVinoEngine

        return OpenVinoEngine(path, plan)
    from caloforge.engine.onnx import OnnxEngine

    return OnnxEngine(path, plan)


def chosen_runtime(runtime: Runtime) -> RuntimeName:
    """``auto`` is OpenVINO where it is installed and ONNX Runtime elsewhere."""
    if runtime != "auto":
        return runtime
    return "openvino" if find_spec("openvino") is not None else "onnx"
