"""Where the energy of a layer falls: round Gaussians about the impact point, integrated over pads.

A perpendicular electromagnetic shower is round about its axis, so a layer's lateral profile is a
mixture of round Gaussians whose weights depend on the shower (its energy and where in depth its
energy lies).  The integral of each over a square pad is a product of two differences of erf,
exact for any impact point inside the pad.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from caloforge.models.factorised_knots import EnergyKnots, quantiles_at_knots

NARROWEST_PADS, WIDEST_PADS = 0.06, 7.0
IMPACT_LEVELS = 33


class TransversePattern(nn.Module):
    """Expected cell energies, given layer energies and the impact point."""

    def __init__(
        self, shape: tuple[int, int, int], rings: int, width: int, knots: EnergyKnots
    ) -> None:
        super().__init__()
        x, y, layers = shape
        self.knots, self.grid = knots, (layers, rings)
        sigmas = torch.linspace(math.log(NARROWEST_PADS), math.log(WIDEST_PADS), rings)
        self.log_sigma = nn.Parameter(sigmas)
        self.network = nn.Sequential(
            nn.Linear(1 + layers, width),
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

    def forward(self, layer_energy: Tensor, energy: Tensor, impact: Tensor) -> Tensor:
        """Expected energies (N, X, Y, Z) in GeV.

        ``layer_energy`` (N, Z) and ``energy`` (N,) in GeV; ``impact`` (N, 2): x and y of the shower
        axis in pads from the centre of the image.
        """
        weights = self.weights(layer_energy, energy) * layer_energy[..., None]
        in_x = self._pads(self.x_edges, impact[:, 0])
        in_y = self._pads(self.y_edges, impact[:, 1])
        rings = in_x[:, :, None] * in_y[:, None]
        cells = rings.flatten(1, 2) @ weights.transpose(1, 2)
        return cells.reshape(-1, *rings.shape[1:3], self.grid[0])

    def weights(self, layer_energy: Tensor, energy: Tensor) -> Tensor:
        """Weights (N, Z, rings) of the Gaussians in each layer; they add up to one."""
        total = layer_energy.sum(dim=1, keepdim=True).clamp(min=1e-12)
        fractions = (torch.log(layer_energy / total + 1e-4) + 4.0) * 0.5
        place = self.knots.coordinate(energy)[:, None] * (4.0 / (self.knots.size - 1)) - 2.0
        logits = self.network(torch.cat([place, fractions], dim=1))
        return torch.softmax(logits.reshape(-1, *self.grid), dim=2)

    def _pads(self, edges: Tensor, centre: Tensor) -> Tensor:
        """Share (N, pads, rings) of each Gaussian in each row of pads; adds up to one."""
        slope = torch.exp(-self.log_sigma) / math.sqrt(2.0)
        below = torch.erf((edges[:, None] - centre[:, None, None]) * slope)
        share = below[:, 1:] - below[:, :-1]
        return share / share.sum(dim=1, keepdim=True)


class ImpactPoint(nn.Module):
    """Impact points (N, 2) in pads from the image's centre, from uniform latents (N, 2) and Ep.

    x and y are independent and symmetric; the quantiles of their absolute value are measured as a
    function of Ep (the image is centred on the barycentre's pad, which at low energies is not
    always the pad that was hit).
    """

    latent_dim = 2

    def __init__(self, knots: EnergyKnots) -> None:
        super().__init__()
        self.knots = knots
        self.register_buffer("quantiles", torch.zeros(knots.size, IMPACT_LEVELS))
        self.register_buffer("levels", torch.linspace(0.0, 1.0, IMPACT_LEVELS))
        self.quantiles: Tensor
        self.levels: Tensor

    def forward(self, latent: Tensor, energy: Tensor) -> Tensor:
        """Impact points (N, 2)."""
        side = 2.0 * latent - 1.0
        weights: Tensor = self.knots(energy)
        table = (weights @ self.quantiles)[:, None]
        steps = ((side.abs()[..., None] - self.levels[:-1]) * (IMPACT_LEVELS - 1)).clamp(0.0, 1.0)
        distance = table[..., 0] + (steps * (table[..., 1:] - table[..., :-1])).sum(dim=2)
        return torch.sign(side) * distance

    @torch.no_grad()
    def measure(self, impact: Tensor, energy: Tensor) -> None:
        """Set the quantiles from impact points (N, 2) in pads at energies (N,) in GeV."""
        distances = impact.abs().T.reshape(-1, 1).double().numpy()
        coordinate = self.knots.coordinate(energy).double().repeat(2).numpy()
        levels = self.levels.double().numpy()
        table = quantiles_at_knots(distances, coordinate, levels, self.knots.size)
        self.quantiles.copy_(torch.from_numpy(table[:, 0]).clamp(min=0.0))
