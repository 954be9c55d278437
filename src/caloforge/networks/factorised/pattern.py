"""Where the energy of a layer falls: Gaussians about the shower's axis, integrated over pads.

A perpendicular electromagnetic shower is round about its axis, so a layer's lateral profile is a
mixture of round Gaussians whose weights depend on the shower (its energy and where in depth its
energy lies).  The integral of each over a square pad is a product of two differences of erf,
exact for any position of the axis.  In an inclined shower a layer cuts the Gaussians aslant: they
are longer along y by 1 / sin(theta), and what has flown further to one side is older, which moves
a Gaussian by a learned distance times cot(theta).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from caloforge.networks.factorised.knots import Condition, Knots
from caloforge.networks.meaning import Axes, AxisBlock

NARROWEST_PADS, WIDEST_PADS = 0.06, 7.0
SHIFT_SIGMAS = 8.0
"""Shift in widths of a Gaussian, for a unit of cot(theta), where its parameter is 1."""


class TransversePattern(nn.Module):
    """Expected cell energies in a window of pads, given layer energies and the axis.

    ``window`` (X, Y) pads; ``whole``: the window is all there is, no energy falls beside it.
    """

    def __init__(
        self,
        window: tuple[int, int],
        layers: int,
        rings: int,
        width: int,
        knots: Knots,
        *,
        whole: bool = True,
    ) -> None:
        super().__init__()
        x, y = window
        self.grid, self.whole, self.inclined = (layers, rings), whole, knots.inclined
        self.features = knots.features
        sigmas = torch.linspace(math.log(NARROWEST_PADS), math.log(WIDEST_PADS), rings)
        self.log_sigma = nn.Parameter(sigmas)
        if self.inclined:
            self.shift = nn.Parameter(torch.zeros(2, layers, rings))
        self.network = nn.Sequential(
            nn.Linear(knots.features + layers, width),
            nn.ReLU(),
            nn.Linear(width, width),
            nn.ReLU(),
            nn.Linear(width, layers * rings),
        )
        nn.init.zeros_(self.network[-1].weight)  # type: ignore[arg-type]
        self.register_buffer("x_edges", torch.arange(x + 1) - x / 2)
        self.register_buffer("y_edges", torch.arange(y + 1) - y / 2)
        self.x_edges: Tensor
        self.y_edges: Tensor

    def forward(
        self, layer_energy: Tensor, condition: Condition, axis_x: Tensor, axis_y: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Expected energies (N, X, Y, Z) in the window and (N, Z) beside it, in GeV.

        ``layer_energy`` (N, Z) in GeV; ``axis_x`` (N,) and ``axis_y`` (N, Z): the shower axis in
        pads from the centre of the window.
        """
        weights = self.weights(layer_energy, condition) * layer_energy[..., None]
        slope = torch.exp(-self.log_sigma) / math.sqrt(2.0)
        in_x = self._pads(self.x_edges, axis_x[:, None], slope)
        if self.inclined:
            in_y = self._pads(
                self.y_edges,
                axis_y[..., None] + self._shifted(condition),
                slope / condition.stretch[..., None],
            )
            in_x = in_x[:, None]
            cells = (in_x * weights[:, :, None]) @ in_y.transpose(2, 3)
            inside = in_x.sum(dim=2) * in_y.sum(dim=2)
            return cells.permute(0, 2, 3, 1), (weights * (1.0 - inside)).sum(dim=2)
        in_y = self._pads(self.y_edges, axis_y[:, :1], slope)
        rings = in_x[:, :, None] * in_y[:, None]
        cells = rings.flatten(1, 2) @ weights.transpose(1, 2)
        outside = 1.0 - in_x.sum(dim=1) * in_y.sum(dim=1)
        cells = cells.reshape(-1, *rings.shape[1:3], self.grid[0])
        return cells, (weights @ outside[..., None])[..., 0]

    def axes(self) -> dict[str, Axes]:
        """See :mod:`caloforge.networks.meaning`."""
        layers, rings = self.grid
        inputs = (AxisBlock("layers", layers), AxisBlock("features", self.features))
        outputs = (AxisBlock("layers", layers, rings),)
        return {
            "network.0.weight": {1: inputs},
            "network.4.weight": {0: outputs},
            "network.4.bias": {0: outputs},
            "shift": {1: (AxisBlock("layers", layers),)},
        }

    def _shifted(self, condition: Condition) -> Tensor:
        """How far (N, Z, rings) in pads along y the Gaussians are from the axis."""
        at, with_energy = self.shift * (SHIFT_SIGMAS * self.log_sigma.exp())
        shifted: Tensor = at + with_energy * condition.features[:, :1, None]
        return shifted * condition.slope[..., None]

    def weights(self, layer_energy: Tensor, condition: Condition) -> Tensor:
        """Weights (N, Z, rings) of the Gaussians in each layer; they add up to one."""
        total = layer_energy.sum(dim=1, keepdim=True).clamp(min=1e-12)
        fractions = (torch.log(layer_energy / total + 1e-4) + 4.0) * 0.5
        logits = self.network(torch.cat([fractions, condition.features], dim=1))
        return torch.softmax(logits.reshape(-1, *self.grid), dim=2)

    def _pads(self, edges: Tensor, centre: Tensor, slope: Tensor) -> Tensor:
        """Share (..., pads, rings) of Gaussians at ``centre`` (..., rings) in each row of pads."""
        below = torch.erf((edges[:, None] - centre[..., None, :]) * slope[..., None, :])
        share = below[..., 1:, :] - below[..., :-1, :]
        return share / share.sum(dim=-2, keepdim=True) if self.whole else 0.5 * share
