"""The network of a run folder in torch, timed like any engine."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from caloforge._extras import require
from caloforge.engine import Plan, StreamedEngine
from caloforge.engine.choose import default_batch
from caloforge.generate import Generator
from caloforge.typing import FloatArray


class TorchStream:
    """The network, one batch after the other on all the cores that torch has."""

    cores: Sequence[int] = ()

    def __init__(self, network: Any) -> None:
        self._torch, self._network = require("torch"), network

    def run(
        self,
        latent: FloatArray,
        energy: FloatArray,
        theta: FloatArray,
        phi: FloatArray | None = None,
    ) -> FloatArray:
        """Cells (B, X, Y, Z) in GeV from latent (B, L), energy (B,) GeV, theta and phi (B,) rad."""
        inputs = (latent, energy, theta) if phi is None else (latent, energy, theta, phi)
        values = map(self._torch.from_numpy, inputs)
        with self._torch.inference_mode():
            cells: FloatArray = self._network(*values).numpy()
        return cells


def torch_generator(run: Path, *, cores: int) -> Generator:
    """The best network of a run folder; errors as of caloforge.train.trained.load_trained."""
    require("torch").set_num_threads(cores)
    from caloforge.train.checkpoint import BEST
    from caloforge.train.trained import load_trained

    network, card = load_trained(run)
    plan = Plan(runtime="torch", threads=cores, batch=default_batch(card))
    return Generator(StreamedEngine(card, plan, [TorchStream(network)]), run / BEST)
