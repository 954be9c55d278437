"""How far features of showers of one condition spread: what makes their scores comparable."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from caloforge.networks.blocks import ENERGY_UNIT_GEV
from caloforge.ranks import group

FORGOTTEN = 0.01
"""Part of what was learned that a batch replaces."""


class FeatureSpread:
    """Variances of lists of features, each a + b x (100 GeV / Ep), learned while it trains.

    Two true showers of neighbouring energies, or of the same, differ by twice the variance.
    """

    def __init__(self) -> None:
        self.sums: dict[str, Tensor] = {}

    def learn(self, true: Mapping[str, Tensor], energy: Tensor) -> None:
        """Add features (N, D), by name, of true showers of energies (N,) in GeV, N >= 2."""
        order = energy.argsort()
        inverse = ENERGY_UNIT_GEV / energy[order].double()
        inverse = 0.5 * (inverse[1:] + inverse[:-1])
        moments = torch.stack([_moments(feature[order], inverse) for feature in true.values()])
        moments = group.gathered(moments[None].cpu()).mean(0)
        for name, new in zip(true, moments, strict=True):
            self.sums[name] = torch.lerp(self.sums.get(name, new), new, FORGOTTEN)

    def of(self, name: str, energy: Tensor) -> Tensor:
        """Standard deviation (N, 1), over all features together, at energies (N,) in GeV."""
        mean, square, variance, product = self.sums[name].tolist()
        slope = (product - mean * variance) / max(square - mean * mean, 1e-12)
        slope = min(max(slope, 0.0), variance / mean)
        constant = variance - slope * mean
        found = constant + slope * ENERGY_UNIT_GEV / energy
        deviation: Tensor = found.clamp(min=1e-12).sqrt().unsqueeze(1)
        return deviation


def _moments(ordered: Tensor, inverse: Tensor) -> Tensor:
    """Means (4,) of 100 GeV / Ep, its square, half the square of neighbours' differences, and the
    product of the first and the third."""
    square = 0.5 * ordered.double().diff(dim=0).square().sum(1)
    return torch.stack(
        [inverse.mean(), inverse.square().mean(), square.mean(), (square * inverse).mean()]
    )
