"""Where a shower's axis crosses the central pad, read off the shower: needed in training only."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from caloforge.models.base import Domain
from caloforge.models.factorised_knots import EnergyKnots

WINDOW = 7
SEGMENTS = 4
WIDTH = 96


class ImpactEncoder(nn.Module):
    """Impact points (N, 2) in pads from the centre of the image, from showers.

    A network reads x from (at most) the central 7 x 7 pads in four segments of depth, made
    symmetric in y; the mirror image must give -x, and y is x of the transposed shower, so the
    symmetries hold exactly.
    """

    def __init__(self, domain: Domain) -> None:
        super().__init__()
        x, y, layers = domain.shape
        self.size = min(WINDOW, x, y)
        self.corner = ((x - self.size) // 2, (y - self.size) // 2)
        self.bounds = [layers * part // SEGMENTS for part in range(SEGMENTS + 1)]
        self.knots = EnergyKnots(domain.energy_range_gev)
        self.network = nn.Sequential(
            nn.Linear(2 * SEGMENTS * self.size * self.size + self.knots.size, WIDTH),
            nn.SiLU(),
            nn.Linear(WIDTH, WIDTH),
            nn.SiLU(),
            nn.Linear(WIDTH, 1),
        )

    def forward(self, cells: Tensor, energy: Tensor) -> Tensor:
        """Impact points of cells (N, X, Y, Z) and energies (N,), all in GeV."""
        maps = self._maps(cells)
        weights = self.knots(energy)
        return torch.cat([self._x(maps, weights), self._x(maps.transpose(2, 3), weights)], dim=1)

    def _maps(self, cells: Tensor) -> Tensor:
        """Shares (N, segments, size, size) of the central energy of each segment of depth."""
        x, y = self.corner
        window = cells[:, x : x + self.size, y : y + self.size]
        pieces = [
            window[..., first:last].sum(dim=3)
            for first, last in zip(self.bounds, self.bounds[1:], strict=False)
        ]
        maps = torch.stack(pieces, dim=1)
        return maps / maps.sum(dim=(2, 3), keepdim=True).clamp(min=1e-9)

    def _x(self, maps: Tensor, weights: Tensor) -> Tensor:
        maps = 0.5 * (maps + maps.flip(3))
        return 0.5 * (self._one_sided(maps, weights) - self._one_sided(maps.flip(2), weights))

    def _one_sided(self, maps: Tensor, weights: Tensor) -> Tensor:
        logarithm = 0.3 * torch.log(maps + 1e-4) + 1.5
        features = torch.cat([maps.flatten(1) * 3.0, logarithm.flatten(1), weights], dim=1)
        output: Tensor = self.network(features)
        return output
