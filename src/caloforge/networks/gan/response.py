"""The sum of a shower's cells, and the layers' shares of it, drawn beside the convolutions.

A network of convolutions sums thousands of cells that it draws nearly one by one: its response at
equal Ep spreads 1.2 to 1.5 times as much as Geant4's long after its profiles are right.  A drawn
sum is one number of the latent vector, which the convolutions see as well.

For the same reason the layers' shares of the sum may be drawn, by a small network of their own: the
convolutions then draw what the cells of each layer have of it.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from caloforge.networks.base import Domain
from caloforge.networks.gan.told import ConditionSquares, Told
from caloforge.networks.meaning import Axes, AxisBlock

FIRST_RESPONSE, FIRST_WIDTH = 0.02, 0.05
"""Mean response and relative width before the training: a silicon-tungsten calorimeter's."""
SMALLEST_RESPONSE = 0.1
"""Of the mean: far below any draw."""
HIDDEN = 64
"""Units of the network that draws the layers' shares."""
FIRST_MAXIMUM, FIRST_POWER = 0.4, 3.0
"""The mean shower before the training is u**3 exp(-3 u / 0.4), u the part of the depth."""


class DrawnResponse(nn.Module):
    """Sums in GeV (N, 1): Ep exp(m(c)) (1 + exp(w(c)) (z + s(c) (z**2 - 1))).

    z is the first latent number; m, w and s are linear in the conditions c.  What leaks gives the
    response a tail to low values: s < 0.
    """

    def __init__(self, domain: Domain) -> None:
        super().__init__()
        self.conditions = ConditionSquares(domain)
        self.mean, self.width = (
            nn.Parameter(torch.tensor([math.log(first), *[0.0] * ConditionSquares.size]))
            for first in (FIRST_RESPONSE, FIRST_WIDTH)
        )
        self.skew = nn.Parameter(torch.zeros(1 + ConditionSquares.size))

    def axes(self) -> dict[str, Axes]:
        """See :mod:`caloforge.networks.meaning`."""
        inputs = (AxisBlock("constant", 1), *ConditionSquares.blocks)
        return {name: {0: inputs} for name in ("mean", "width", "skew")}

    def forward(self, latent: Tensor, energy: Tensor, theta: Tensor) -> Tensor:
        """Of latent (N, L), energy (N,) in GeV and theta (N,) in rad."""
        conditions = self.conditions(energy, theta)
        inputs = torch.cat([torch.ones_like(conditions[:, :1]), conditions], 1)
        mean, width, skew = ((inputs * each).sum(1) for each in (self.mean, self.width, self.skew))
        normal = latent[:, 0]
        relative = 1.0 + width.exp() * (normal + skew * (normal.square() - 1.0))
        response = mean.exp() * relative.clamp(min=SMALLEST_RESPONSE)
        return (energy * response).unsqueeze(1)


class DrawnLayers(nn.Module):
    """Layers in GeV (N, Z): shares, by a small network, of the drawn sum."""

    def __init__(self, latent: int, domain: Domain) -> None:
        super().__init__()
        layers = domain.shape[2]
        self.response = DrawnResponse(domain)
        self.told = Told(latent, domain)
        part = (torch.arange(layers) + 0.5) / layers
        self.first = nn.Parameter(FIRST_POWER * (part.log() - part / FIRST_MAXIMUM))
        self.hidden = nn.Linear(self.told.size, HIDDEN)
        self.change = nn.Linear(HIDDEN, layers, bias=False)

    def axes(self) -> dict[str, Axes]:
        """See :mod:`caloforge.networks.meaning`."""
        layers = (AxisBlock("layers", len(self.first)),)
        return {
            "first": {0: layers},
            "hidden.weight": {1: self.told.blocks},
            "change.weight": {0: layers},
        }

    def forward(self, latent: Tensor, energy: Tensor, theta: Tensor) -> Tensor:
        """Of latent (N, L), energy (N,) in GeV and theta (N,) in rad."""
        hidden = functional.leaky_relu(self.hidden(self.told(latent, energy, theta)))
        shares = torch.softmax(self.first + self.change(hidden).float(), dim=1)
        sums: Tensor = self.response(latent, energy, theta)
        return sums * shares
