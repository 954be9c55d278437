"""What every inference engine offers, and how the card is read from a model file."""

from collections.abc import Generator as Iteration
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from caloforge.beam import Conditions
from caloforge.card import METADATA_KEY, ModelCard
from caloforge.engine.plan import Plan
from caloforge.errors import ModelError
from caloforge.hit_arrays import HitArrays
from caloforge.source import Sink
from caloforge.typing import FloatArray

INPUTS = ("latent", "energy", "theta")
PHI = "phi"
"""A fourth input, of graphs whose cards say so; they do without it."""
ASLANT = "aslant"
"""Whether any shower of a batch leans elsewhere than along y: chooses the branch of the graph."""
OUTPUT = "cells"


class Stream(Protocol):
    """One stream of an engine; used by one thread at a time.

    ``cores`` are those that the thread calling ``run`` should keep to, none for any.
    """

    @property
    def cores(self) -> Sequence[int]:
        """Numbers of the cores to keep to."""
        ...

    def run(
        self,
        latent: FloatArray,
        energy: FloatArray,
        theta: FloatArray,
        phi: FloatArray | None = None,
    ) -> FloatArray:
        """Cells (B, X, Y, Z) in GeV of exactly one batch B, in memory that the next run reuses.

        ``latent`` is (B, L), ``energy`` (B,) in GeV, ``theta`` and ``phi`` (B,) in rad; phi of
        graphs that take it, None: along y.
        """
        ...


class Engine(Protocol):
    """A loaded model that makes showers; one that computes from latents is a `StreamedEngine`."""

    @property
    def card(self) -> ModelCard:
        """The model's card."""
        ...

    @property
    def plan(self) -> Plan:
        """How the engine runs the model."""
        ...

    def batches(
        self, conditions: Conditions, sink: Sink, *, seed: int, start: int = 0
    ) -> Iteration[int]:
        """As of :meth:`caloforge.source.ShowerSource.batches`; the range is not checked."""
        ...


@runtime_checkable
class HitEngine(Protocol):
    """An engine that makes hits, and cells from them only where cells are asked for."""

    def hits(
        self, conditions: Conditions, *, seed: int, start: int = 0
    ) -> Iteration[tuple[int, HitArrays]]:
        """The showers of :meth:`Engine.batches` as hits, in order.

        What is iterated over is the number of a batch's first shower, and its hits.
        """
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
        if there is none, or the graph's tensors are not those that the card tells.
    """
    text = session.get_modelmeta().custom_metadata_map.get(METADATA_KEY)
    if text is None:
        msg = f"{path} is an ONNX file without a caloforge model card: not a caloforge model"
        raise ModelError(msg)
    names = {node.name for node in session.get_inputs()}
    if not names <= set(INPUTS) or "latent" not in names:
        msg = f"{path}: its inputs are {sorted(names)}, a caloforge model takes {list(INPUTS)}"
        raise ModelError(msg)
    card = ModelCard.from_json(text, where=str(path))
    for node, asked in (
        *((node, (card.latent.dim,)) for node in session.get_inputs() if node.name == "latent"),
        *((node, card.cell_shape) for node in session.get_outputs() if node.name == OUTPUT),
    ):
        if any(isinstance(n, int) and n != m for n, m in zip(node.shape[1:], asked, strict=False)):
            msg = f"{path}: its card says {asked} for '{node.name}', its graph {node.shape[1:]}"
            raise ModelError(msg)
    return card


def read_card(path: str | Path) -> ModelCard:
    """The model card of a model file; errors as in :func:`card_of`."""
    path = Path(path)
    return card_of(open_session(path), path)
