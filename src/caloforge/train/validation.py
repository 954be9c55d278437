"""The validation number of a generator, always on the same conditions and latent vectors."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import torch

from caloforge.networks.base import GeneratorNetwork
from caloforge.physics.distances import validation_number
from caloforge.physics.floor import floor_between_halves
from caloforge.ranks import group
from caloforge.showers import Showers
from caloforge.typing import FloatArray

BATCH = 128


class Validator:
    """Compares a generator with the showers of the validation split, at their conditions."""

    def __init__(self, showers: Showers, seed: int) -> None:
        self.showers, self.seed = showers, seed

    def score(self, generator: GeneratorNetwork) -> float:
        """The single validation number (NaN if the generator gives NaN)."""
        cells = self.generate(generator)
        if not np.isfinite(cells).all():
            return float("nan")
        return validation_number(self.showers.cells, cells, self.showers.energy)

    @cached_property
    def floor(self) -> dict[str, float]:
        """The same number between two halves of the showers: "floor", and "error", its spread."""
        floor, error = floor_between_halves(
            validation_number, self.showers.cells, self.showers.energy
        )
        return {"floor": floor, "error": error}

    @torch.no_grad()
    def generate(self, generator: GeneratorNetwork) -> FloatArray:
        """Cells (N, X, Y, Z) in GeV, made by all ranks; torch's random state is left as it was."""
        generator.eval()
        energy, theta = torch.from_numpy(self.showers.energy), torch.from_numpy(self.showers.theta)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            latent = generator.draw_latent(len(energy))
        device = next(generator.parameters()).device
        latent, energy, theta = (values.to(device) for values in (latent, energy, theta))
        share = -(-len(energy) // group.size())
        own = (group.rank() * share + torch.arange(share)) % len(energy)
        parts = [generator(latent[i], energy[i], theta[i]) for i in torch.split(own, BATCH)]
        cells: FloatArray = group.gathered(torch.cat(parts).float())[: len(energy)].cpu().numpy()
        return cells
