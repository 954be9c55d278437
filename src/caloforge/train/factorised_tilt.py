"""Measures how far inclined showers wander from the direction of their particle.

The fluctuations of the cells alone turn a generated shower by less than Geant4's are turned, at
2-5 GeV by two thirds: a hard photon early on takes the whole shower along.  What is missing becomes
a random tilt of the axis, found by generating showers at the measured ones' conditions.
"""

from __future__ import annotations

import torch
from torch import Tensor

from caloforge.models.factorised import FactorisedGenerator
from caloforge.models.factorised_knots import Condition
from caloforge.models.slope import measured_slope

ROUNDS = 2
BATCH = 64


class TiltMeasurement:
    """Slopes of measured showers; :meth:`apply` sets how far generated ones wander."""

    def __init__(self) -> None:
        self.deviations: list[Tensor] = []

    def state_dict(self) -> list[Tensor]:
        """The slopes, over those of the particles."""
        return self.deviations

    def load_state_dict(self, state: list[Tensor]) -> None:
        """The inverse of :meth:`state_dict`."""
        self.deviations = state

    def add(self, cells: Tensor, depth: Tensor, condition: Condition) -> None:
        """Add cells (N, X, Y, Z) in GeV, layers at ``depth`` (Z,) in pads."""
        self.deviations.append(measured_slope(cells, depth) - condition.slope[:, 0])

    def apply(self, generator: FactorisedGenerator, condition: Condition) -> None:
        """Set the width of the tilt; ``condition`` is that of the measured showers, in order."""
        axis = generator.axis
        wanted = _mean_square(torch.cat(self.deviations), condition)
        energies, angles = (torch.split(part, BATCH) for part in condition[:2])
        for _ in range(ROUNDS):
            made = [
                measured_slope(generator(generator.draw_latent(len(e)), e, theta), axis.depth)
                for e, theta in zip(energies, angles, strict=True)
            ]
            found = _mean_square(torch.cat(made) - condition.slope[:, 0], condition)
            axis.wander.copy_((axis.wander**2 + wanted - found).clamp(min=0.0).sqrt())


def _mean_square(deviation: Tensor, condition: Condition) -> Tensor:
    """Mean square (K,) of deviations (N,) around the knots."""
    weights = condition.weights
    return (deviation**2 @ weights) / weights.sum(dim=0).clamp(min=1e-12)
