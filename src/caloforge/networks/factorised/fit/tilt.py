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

from caloforge.networks.factorised.axis import ShowerAxis
from caloforge.networks.factorised.fit.expectation import ExpectedShowers
from caloforge.networks.factorised.fit.generated import generated
from caloforge.networks.factorised.generator import FactorisedGenerator
from caloforge.networks.factorised.knots import Condition
from caloforge.networks.slope import measured_slope

ROUNDS = 2


class TiltMeasurement:
    """Slopes of measured showers; :meth:`apply` sets how far generated ones lean and wander."""

    def __init__(self, generator: FactorisedGenerator) -> None:
        assert isinstance(generator.axis, ShowerAxis)
        self.generator, self.axis = generator, generator.axis
        self.showers: list[list[Tensor]] = []

    def reset(self) -> None:
        """Forget the showers; generated ones keep to the direction of their particle."""
        self.showers = []
        self.axis.lean.zero_()
        self.axis.wander.zero_()

    def state_dict(self) -> dict[str, list[list[Tensor]]]:
        """Slopes over those of the particles, energies and angles."""
        return {"showers": self.showers}

    def load_state_dict(self, state: dict[str, list[list[Tensor]]]) -> None:
        """The inverse of :meth:`state_dict`."""
        self.showers = state["showers"]

    def add(self, expected: ExpectedShowers) -> None:
        """Add the slopes of showers."""
        showers, slope = expected.showers, expected.condition.slope[:, 0]
        deviation = measured_slope(showers.cells, self.axis.depth) - slope
        self.showers.append([deviation, showers.energy, showers.theta])

    def apply(self) -> None:
        """Set lean and wander."""
        generator, axis = self.generator, self.axis
        deviations, energy, theta = map(torch.cat, zip(*self.showers, strict=True))
        condition = generator.knots(energy, theta)
        wanted_lean, wanted = _lean_and_variance(deviations, condition)
        for _ in range(ROUNDS):
            made = [
                measured_slope(showers.cells, axis.depth)
                for showers in generated(generator, [(energy, theta)])
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
