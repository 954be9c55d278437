"""From a network's last amplitudes to cells relative to Ep: as they sum up, or to a drawn sum.

A network of convolutions sums thousands of cells that it draws nearly one by one: its response at
equal Ep spreads 1.2 to 1.5 times as much as Geant4's long after its profiles are right.  A drawn
sum is one number of the latent vector, which the convolutions see as well.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from caloforge.errors import ConfigError
from caloforge.networks.base import ConditionFeatures, Domain
from caloforge.networks.blocks import relative_cells, zero_below_threshold

FIRST_RESPONSE, FIRST_WIDTH = 0.02, 0.05
"""Mean response and relative width before the training: a silicon-tungsten calorimeter's."""
SMALLEST_RESPONSE = 0.1
"""Of the mean: far below any draw."""


class SummedResponse(nn.Module):
    """Cells as :func:`relative_cells` makes them."""

    def forward(self, amplitude: Tensor, latent: Tensor, energy: Tensor, theta: Tensor) -> Tensor:
        """Of amplitudes (N, ...) and energy (N,) in GeV; the rest is not used."""
        return relative_cells(amplitude, energy)


class DrawnResponse(nn.Module):
    """Cells in GeV, shares a**2 of the sum Ep exp(m(c)) (1 + exp(w(c)) z).

    z is the first latent number; m and w are linear in the conditions' features c and in theta's
    square.
    """

    def __init__(self, domain: Domain) -> None:
        super().__init__()
        self.conditions = ConditionFeatures(domain)
        self.mean, self.width = (
            nn.Parameter(torch.tensor([math.log(first), *[0.0] * (self.conditions.size + 1)]))
            for first in (FIRST_RESPONSE, FIRST_WIDTH)
        )

    def forward(self, amplitude: Tensor, latent: Tensor, energy: Tensor, theta: Tensor) -> Tensor:
        """Of amplitudes (N, ...), latent (N, L), energy (N,) in GeV and theta (N,) in rad."""
        squares = amplitude * amplitude
        total = squares.flatten(1).sum(1) + torch.finfo(torch.float32).tiny
        response = self.response(latent, energy, theta)
        scale = (energy * response / total).reshape(-1, *[1] * (amplitude.dim() - 1))
        return zero_below_threshold(squares * scale)

    def response(self, latent: Tensor, energy: Tensor, theta: Tensor) -> Tensor:
        """Sum of the cells over Ep (N,)."""
        features = self.conditions(energy, theta)
        inputs = torch.cat([torch.ones_like(features[:, :1]), features, features[:, 2:3] ** 2], 1)
        mean, width = ((inputs * weights).sum(1).exp() for weights in (self.mean, self.width))
        return mean * (1.0 + width * latent[:, 0]).clamp(min=SMALLEST_RESPONSE)


def response_of(
    relative: bool, drawn: bool, domain: Domain
) -> SummedResponse | DrawnResponse | None:
    """How a network with these options ends; None: its cells are not relative to Ep.

    Raises :class:`ConfigError` for a drawn response of cells that are not.
    """
    if drawn and not relative:
        msg = "network.drawn_response needs network.relative = true"
        raise ConfigError(msg)
    if drawn:
        return DrawnResponse(domain)
    return SummedResponse() if relative else None
