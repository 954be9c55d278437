"""From a network's last amplitudes to cells relative to Ep: as they sum up, or to a drawn sum.

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

from caloforge.errors import ConfigError
from caloforge.networks.base import ConditionFeatures, Domain
from caloforge.networks.blocks import relative_cells, zero_below_threshold
from caloforge.networks.meaning import Axes, AxisBlock, places_of

FIRST_RESPONSE, FIRST_WIDTH = 0.02, 0.05
"""Mean response and relative width before the training: a silicon-tungsten calorimeter's."""
SMALLEST_RESPONSE = 0.1
"""Of the mean: far below any draw."""
SMALLEST_LAYER = 1e-4
"""Squares of amplitudes in a layer: a layer of less has less than its share, and a gradient."""
HIDDEN = 64
"""Units of the network that draws the layers' shares."""
FIRST_MAXIMUM, FIRST_POWER = 0.4, 3.0
"""The mean shower before the training is u**3 exp(-3 u / 0.4), u the part of the depth."""


class SummedResponse(nn.Module):
    """Cells as :func:`relative_cells` makes them."""

    def forward(
        self,
        amplitude: Tensor,
        latent: Tensor,
        energy: Tensor,
        theta: Tensor,
        shares: Tensor | None = None,
    ) -> Tensor:
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

    def forward(
        self,
        amplitude: Tensor,
        latent: Tensor,
        energy: Tensor,
        theta: Tensor,
        shares: Tensor | None = None,
    ) -> Tensor:
        """Of amplitudes (N, ...), latent (N, L), energy (N,) in GeV and theta (N,) in rad.

        ``shares`` of the sum: of each layer, with size 1 along the axes of its cells.
        """
        squares = amplitude * amplitude
        scale = energy * self.response(latent, energy, theta)
        if shares is None:
            total = squares.flatten(1).sum(1) + torch.finfo(torch.float32).tiny
            return zero_below_threshold(squares * _over_cells(scale / total, squares))
        cells = [axis for axis in range(1, shares.dim()) if shares.shape[axis] == 1]
        total = squares.sum(cells, keepdim=True) + SMALLEST_LAYER
        return zero_below_threshold(squares * (_over_cells(scale, squares) * shares / total))

    def response(self, latent: Tensor, energy: Tensor, theta: Tensor) -> Tensor:
        """Sum of the cells over Ep (N,)."""
        features = self.conditions(energy, theta)
        inputs = torch.cat([torch.ones_like(features[:, :1]), features, features[:, 2:3] ** 2], 1)
        mean, width = ((inputs * weights).sum(1).exp() for weights in (self.mean, self.width))
        return mean * (1.0 + width * latent[:, 0]).clamp(min=SMALLEST_RESPONSE)


class LayerShares(nn.Module):
    """Shares (N, Z) that the layers have of the sum, of what the network is given (N, inputs)."""

    def __init__(self, inputs: tuple[AxisBlock, ...], layers: int) -> None:
        super().__init__()
        self.inputs = inputs
        part = (torch.arange(layers) + 0.5) / layers
        self.first = nn.Parameter(FIRST_POWER * (part.log() - part / FIRST_MAXIMUM))
        self.hidden = nn.Linear(places_of(inputs), HIDDEN)
        self.change = nn.Linear(HIDDEN, layers, bias=False)

    def axes(self) -> dict[str, Axes]:
        """See :mod:`caloforge.networks.meaning`."""
        layers = (AxisBlock("layers", len(self.first)),)
        return {
            "first": {0: layers},
            "hidden.weight": {1: self.inputs},
            "change.weight": {0: layers},
        }

    def forward(self, vector: Tensor) -> Tensor:
        """They sum to one."""
        change = self.change(functional.leaky_relu(self.hidden(vector)))
        return torch.softmax(self.first + change.float(), dim=1)


def shares_of(
    drawn_response: bool, drawn_layers: bool, inputs: tuple[AxisBlock, ...], layers: int
) -> LayerShares | None:
    """The shares of a network that is given ``inputs``, where its options ask for them.

    Raises :class:`ConfigError` where they ask for shares of a sum that is not drawn.
    """
    if drawn_layers and not drawn_response:
        msg = "network.drawn_layers needs network.drawn_response = true"
        raise ConfigError(msg)
    return LayerShares(inputs, layers) if drawn_layers else None


def _over_cells(values: Tensor, cells: Tensor) -> Tensor:
    return values.reshape(-1, *[1] * (cells.dim() - 1))


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
