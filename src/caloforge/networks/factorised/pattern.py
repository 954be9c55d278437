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
FAINTEST_SHARE = 1e-12
"""Of a Gaussian in the image: of one that lies outside of it nothing is left."""
SHIFT_SIGMAS = 8.0
"""Shift in widths of a Gaussian, for a unit of cot(theta), where its parameter is 1."""


class LateralMixture(nn.Module):
    """The Gaussians of each layer, ``number`` of them: their widths and their weights.

    ``log_sigma`` (number,): logarithms of the widths in pads, at first up to ``widest``.
    """

    def __init__(
        self, layers: int, number: int, width: int, knots: Knots, widest: float = WIDEST_PADS
    ) -> None:
        super().__init__()
        self.grid, self.features = (layers, number), knots.features
        sigmas = torch.linspace(math.log(NARROWEST_PADS), math.log(widest), number)
        self.log_sigma = nn.Parameter(sigmas)
        self.network = nn.Sequential(
            nn.Linear(knots.features + layers, width),
            nn.ReLU(),
            nn.Linear(width, width),
            nn.ReLU(),
            nn.Linear(width, layers * number),
        )
        nn.init.zeros_(self.network[-1].weight)  # type: ignore[arg-type]

    def axes(self) -> dict[str, Axes]:
        """See :mod:`caloforge.networks.meaning`."""
        layers, rings = self.grid
        inputs = (AxisBlock("layers", layers), AxisBlock("features", self.features))
        outputs = (AxisBlock("layers", layers, rings),)
        return {
            "network.0.weight": {1: inputs},
            "network.4.weight": {0: outputs},
            "network.4.bias": {0: outputs},
        }

    def weights(self, layer_energy: Tensor, condition: Condition) -> Tensor:
        """Weights (N, Z, number) of the Gaussians in each layer; they add up to one."""
        total = layer_energy.sum(dim=1, keepdim=True).clamp(min=1e-12)
        fractions = (torch.log(layer_energy / total + 1e-4) + 4.0) * 0.5
        logits = self.network(torch.cat([fractions, condition.features], dim=1))
        return torch.softmax(logits.reshape(-1, *self.grid), dim=2)


class TransversePattern(LateralMixture):
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
        super().__init__(layers, rings, width, knots)
        self.whole, self.inclined = whole, knots.inclined
        if self.inclined:
            self.shift = nn.Parameter(torch.zeros(2, layers, rings))
        for axis, pads in zip(("x", "y"), window, strict=True):
            self.register_buffer(f"{axis}_edges", torch.arange(pads + 1) - (pads // 2 + 0.5))
        self.x_edges: Tensor
        self.y_edges: Tensor

    def forward(
        self, layer_energy: Tensor, condition: Condition, axis_x: Tensor, axis_y: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Expected energies (N, X, Y, Z) in the window and (N, Z) beside it, in GeV.

        ``layer_energy`` (N, Z) in GeV; ``axis_x`` (N,) and ``axis_y`` (N, Z): the shower axis in
        pads from the centre of the window's middle pad.
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
        return super().axes() | {"shift": {1: (AxisBlock("layers", self.grid[0]),)}}

    def tables(self) -> dict[str, Tensor]:
        """What a sampler reads of it, beside the network."""
        steepness = {"steepness": torch.exp(-self.log_sigma) / math.sqrt(2.0)}
        if not self.inclined:
            return steepness
        at, with_energy = self.shift * (SHIFT_SIGMAS * self.log_sigma.exp())
        return steepness | {"shift.at": at, "shift.with_energy": with_energy}

    def _shifted(self, condition: Condition) -> Tensor:
        """How far (N, Z, rings) in pads along y the Gaussians are from the axis."""
        at, with_energy = self.shift * (SHIFT_SIGMAS * self.log_sigma.exp())
        shifted: Tensor = at + with_energy * condition.features[:, :1, None]
        return shifted * condition.slope[..., None]

    def _pads(self, edges: Tensor, centre: Tensor, slope: Tensor) -> Tensor:
        """Share (..., pads, rings) of Gaussians at ``centre`` (..., rings) in each row of pads."""
        below = torch.erf((edges[:, None] - centre[..., None, :]) * slope[..., None, :])
        share = below[..., 1:, :] - below[..., :-1, :]
        if not self.whole:
            return 0.5 * share
        return share / share.sum(dim=-2, keepdim=True).clamp(min=FAINTEST_SHARE)
