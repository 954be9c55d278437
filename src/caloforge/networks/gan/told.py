"""What the parts that are drawn beside the convolutions are told of a shower."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from caloforge.networks.base import ConditionFeatures, Domain
from caloforge.networks.meaning import Axes, AxisBlock, places_of


class ConditionSquares(nn.Module):
    """The conditions' features, squares of those of log Ep and theta, and log Ep times the latter
    (N, 6): showers lean both ways alike, no mean is straight in log Ep, and what leaks of one that
    leans depends on both."""

    blocks = (
        AxisBlock("features", ConditionFeatures.size),
        AxisBlock("squares", 2),
        AxisBlock("product", 1),
    )
    size = places_of(blocks)

    def __init__(self, domain: Domain) -> None:
        super().__init__()
        self.features = ConditionFeatures(domain)

    def forward(self, energy: Tensor, theta: Tensor) -> Tensor:
        """Of energy (N,) in GeV and theta (N,) in rad."""
        features = self.features(energy, theta)
        squares = features[:, 0:3:2].square()
        return torch.cat([features, squares, features[:, :1] * squares[:, 1:]], 1)


class Told(nn.Module):
    """The first latent numbers times exp(s(c)), s linear in the conditions c, and the conditions
    (N, inputs).

    A network that is linear in latent numbers would fluctuate as much at every energy; before the
    training it does so as the inverse root of Ep.
    """

    def __init__(self, numbers: int, domain: Domain) -> None:
        super().__init__()
        self.conditions = ConditionSquares(domain)
        self.numbers = numbers
        self.blocks = (AxisBlock("latent", numbers), *ConditionSquares.blocks)
        self.size = places_of(self.blocks)
        self.scale = nn.Parameter(torch.zeros(ConditionSquares.size))
        with torch.no_grad():
            self.scale[0] = -0.5 * self.conditions.features.log_half

    def axes(self) -> dict[str, Axes]:
        """See :mod:`caloforge.networks.meaning`."""
        return {"scale": {0: ConditionSquares.blocks}}

    def forward(self, latent: Tensor, energy: Tensor, theta: Tensor) -> Tensor:
        """Of latent (N, L), energy (N,) in GeV and theta (N,) in rad."""
        conditions = self.conditions(energy, theta)
        scale = (conditions * self.scale).sum(1, keepdim=True).exp()
        return torch.cat([latent[:, : self.numbers] * scale, conditions], 1)
