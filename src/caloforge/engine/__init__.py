"""Run a model file: no torch. ONNX Runtime everywhere, faster engines where they are installed."""

from pathlib import Path

from caloforge.card import ModelCard
from caloforge.engine.base import Engine, Stream, read_card
from caloforge.engine.plan import AskedPrecision, Plan, Precision
from caloforge.engine.runtimes import RUNTIMES, runtime_named
from caloforge.engine.streamed import StreamedEngine, run
from caloforge.zoo import model_path

__all__ = [
    "RUNTIMES", "AskedPrecision", "Engine", "Plan", "Precision", "Stream", "StreamedEngine",
    "load_engine", "read_card", "run",
]  # fmt: skip


def load_engine(name_or_path: str | Path, plan: Plan, card: ModelCard | None = None) -> Engine:
    """Load a bundled model by name, or a model file, to be run as the plan says.

    ``card`` is the model's, where it has been read already.

    Raises
    ------
    ModelError
        if the file is missing, not ONNX, has no model card, or the engine cannot run it.
    MissingExtraError
        if the engine is not installed.
    InputError
        if the plan's runtime is unknown.
    """
    path = model_path(name_or_path)
    return runtime_named(plan.runtime).load(path, plan, card or read_card(path))
