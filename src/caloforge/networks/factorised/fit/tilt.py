"""Measures how inclined showers lie about the direction of their particle.

On the average they lean by a few per cent less than the particle, as soft hits lag behind the axis
or go before it.  Around that they wander: the fluctuations of the cells alone turn a generated
shower by less than Geant4's are turned, at 2-5 GeV by two thirds, for a hard photon early on takes
the whole shower along.  What is missing of both is found by generating showers at the measured
ones' conditions.
"""

from __future__ import annotations

import torch
from torch import Tensor

from caloforge.networks.factorised.generator import FactorisedGenerator
from caloforge.networks.factorised.knots import Condition
from caloforge.networks.slope import measured_slope

ROUNDS = 2
BATCH = 64


class TiltMeasurement:
    """Slopes of measured showers; :meth:`apply` sets how far generated ones lean and wander."""

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
        """Set lean and wander; ``condition`` is that of the measured showers, in order."""
        axis = generator.axis
        wanted_lean, wanted = _lean_and_variance(torch.cat(self.deviations), condition)
        energies, angles = (torch.split(part, BATCH) for part in condition[:2])
        for _ in range(ROUNDS):
            made = [
                measured_slope(generator(generator.draw_latent(len(e)), e, theta), axis.depth)
                for e, theta in zip(energies, angles, strict=True)
            ]
            deviation = torch.cat(made) - condition.slope[:, 0]
            lean, variance = _lean_and_variance(deviation, condition)
            axis.lean.add_(wanted_lean - lean)
            axis.wander.copy_((axis.wander**2 + wanted - variance).clamp(min=0.0).sqrt())


def _lean_and_variance(deviation: Tensor, condition: Condition) -> tuple[Tensor, Tensor]:
    """What deviations (N,) of the slope are, on the average in units of the slope, around the
    knots (K,); and the variance (K,) of what is left."""
    weights, slope = condition.weights, condition.slope[:, 0]
    lean = ((deviation * slope) @ weights) / (slope**2 @ weights).clamp(min=1e-9)
    left = deviation - (weights @ lean) * slope
    return lean, (left**2 @ weights) / weights.sum(dim=0).clamp(min=1e-12)
