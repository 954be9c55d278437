"""What the parts that are drawn beside the convolutions are told of a shower."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from caloforge.networks.base import ConditionFeatures, Domain
from caloforge.networks.meaning import Axes, AxisBlock, places_of

FIRST_SCALE = -0.5
"""Of log Ep, from -1 to 1, before the training: showers of more energy fluctuate less."""


class ConditionSquares(nn.Module):
    """The conditions' features (N, 5), and squares of those of log Ep and theta: showers lean both
    ways alike, and no mean is straight in log Ep."""

    blocks = (AxisBlock("features", ConditionFeatures.size), AxisBlock("squares", 2))
    size = places_of(blocks)

    def __init__(self, domain: Domain) -> None:
        super().__init__()
        self.features = ConditionFeatures(domain)

    def forward(self, energy: Tensor, theta: Tensor) -> Tensor:
        """Of energy (N,) in GeV and theta (N,) in rad."""
        features = self.features(energy, theta)
        return torch.cat([features, features[:, 0:3:2].square()], 1)


class Told(nn.Module):
    """Latent numbers times exp(s(c)), s linear in the conditions c, and the conditions (N, inputs).

    A network that is linear in latent numbers would fluctuate as much at every energy.
    """

    def __init__(self, latent: int, domain: Domain) -> None:
        super().__init__()
        self.conditions = ConditionSquares(domain)
        self.blocks = (AxisBlock("latent", latent), *ConditionSquares.blocks)
        self.size = places_of(self.blocks)
        self.scale = nn.Parameter(torch.tensor([FIRST_SCALE, *[0.0] * (ConditionSquares.size - 1)]))

    def axes(self) -> dict[str, Axes]:
        """See :mod:`caloforge.networks.meaning`."""
        return {"scale": {0: ConditionSquares.blocks}}

    def forward(self, latent: Tensor, energy: Tensor, theta: Tensor) -> Tensor:
        """Of latent (N, L), energy (N,) in GeV and theta (N,) in rad."""
        conditions = self.conditions(energy, theta)
        scale = (conditions * self.scale).sum(1, keepdim=True).exp()
        return torch.cat([latent * scale, conditions], 1)
