"""ONNX Runtime: the engine that is always there, and the one that others are checked against."""

from pathlib import Path
from typing import Any

from caloforge.card import ModelCard
from caloforge.engine.base import OUTPUT, PHI, open_session
from caloforge.engine.plan import Plan
from caloforge.engine.streamed import StreamedEngine
from caloforge.provenance import core_numbers
from caloforge.typing import FloatArray


def load(path: Path, plan: Plan, card: ModelCard) -> StreamedEngine:
    """A model file in ONNX Runtime: a session for each stream, pinned to cores of its own.

    Raises
    ------
    ModelError
        if the file is not an ONNX model.
    """
    streams = [OnnxStream(path, plan, number) for number in range(plan.streams)]
    return StreamedEngine(card, plan, streams)


class OnnxStream:
    """One session; the thread that calls ``run`` computes with it."""

    def __init__(
        self, path: Path, plan: Plan, stream: int, *, profile_into: Path | None = None
    ) -> None:
        self.cores = _cores(plan, stream)
        options = _options(plan.threads, self.cores)
        if profile_into is not None:
            options.enable_profiling = True
            options.profile_file_prefix = str(profile_into)
        self.session = open_session(path, options)
        self._names = [node.name for node in self.session.get_inputs()]

    def run(
        self,
        latent: FloatArray,
        energy: FloatArray,
        theta: FloatArray,
        phi: FloatArray | None = None,
    ) -> FloatArray:
        """Cells (B, X, Y, Z) in GeV from latent (B, L), energy (B,) GeV, theta and phi (B,) rad."""
        values = {"latent": latent, "energy": energy, "theta": theta}
        feeds = {name: values[name] for name in self._names}
        if phi is not None:
            feeds[PHI] = phi
        cells: FloatArray = self.session.run([OUTPUT], feeds)[0]
        return cells


def _cores(plan: Plan, stream: int) -> list[int]:
    """The cores of a stream, none if there are too few to give every thread its own."""
    cores = core_numbers()
    if plan.cores > len(cores):
        return []
    return cores[stream * plan.threads : (stream + 1) * plan.threads]


def _options(threads: int, cores: list[int]) -> Any:
    """Session options; ONNX Runtime pins its own threads, the caller's is the first of them."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    if len(cores) > 1:
        pinned = ";".join(str(core + 1) for core in cores[1:])
        options.add_session_config_entry("session.intra_op_thread_affinities", pinned)
    return options
