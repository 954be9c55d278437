"""ONNX Runtime: the engine that is always there, and the one that others are checked against."""

from pathlib import Path

from caloforge.engine.base import OUTPUT, card_of, open_session
from caloforge.provenance import available_cores
from caloforge.typing import FloatArray


class OnnxEngine:
    """A model file in ONNX Runtime on ``threads`` cores (all available if None)."""

    runtime = "onnx"

    def __init__(self, path: Path, *, threads: int | None = None) -> None:
        import onnxruntime

        self.threads = threads or available_cores()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.threads
        options.inter_op_num_threads = 1
        self._session = open_session(path, options)
        self.card = card_of(self._session, path)
        self._names = [node.name for node in self._session.get_inputs()]

    def run(self, latent: FloatArray, energy: FloatArray, theta: FloatArray) -> FloatArray:
        """Cells (N, X, Y, Z) in GeV from latent (N, L), energy (N,) GeV and theta (N,) rad."""
        values = {"latent": latent, "energy": energy, "theta": theta}
        feeds = {name: values[name] for name in self._names}
        cells: FloatArray = self._session.run([OUTPUT], feeds)[0]
        return cells
