"""Where a shower's axis crosses the central pad, read off the shower: needed in training only."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from caloforge.networks.base import Domain
from caloforge.networks.factorised.knots import Condition, Knots
from caloforge.networks.meaning import Axes, AxisBlock

WINDOW = 7
SEGMENTS = 4
WIDTH = 96


class NoImpact(nn.Module):
    """Of showers in a cylinder, whose axis is the particle's: impact points (N, 2) of zero."""

    def forward(self, cells: Tensor, condition: Condition, moved: Tensor) -> Tensor:
        """As of :class:`ImpactEncoder`."""
        return cells.new_zeros(len(cells), 2)


class ImpactEncoder(nn.Module):
    """Impact points (N, 2) in pads from the centre of the image's middle pad, from showers.

    A network reads x from (at most) the central 7 x 7 pads in four segments of depth, made
    symmetric in y; the mirror image must give -x, and y is x of the transposed shower, so the
    symmetries hold exactly.  In an inclined shower the layers are first moved back along y by what
    the axis moves, and the network is told which of x and y it reads: mirrors remain.
    """

    def __init__(self, domain: Domain, knots: Knots, width: int = WIDTH) -> None:
        super().__init__()
        x, y, layers = domain.shape
        smallest = min(x, y)
        self.size = min(WINDOW, smallest - 1 + smallest % 2)  # odd: a pad in the middle
        self.corner = (x // 2 - self.size // 2, y // 2 - self.size // 2)
        self.bounds = [layers * part // SEGMENTS for part in range(SEGMENTS + 1)]
        self.inclined, self.knots = knots.inclined, knots.size
        self.image_y = y
        self.network = nn.Sequential(
            nn.Linear(2 * SEGMENTS * self.size * self.size + knots.size + self.inclined, width),
            nn.SiLU(),
            nn.Linear(width, width),
            nn.SiLU(),
            nn.Linear(width, 1),
        )

    def forward(self, cells: Tensor, condition: Condition, moved: Tensor) -> Tensor:
        """Impact points of cells (N, X, Y, Z) in GeV, whose axis is ``moved`` (N, Z) pads in y."""
        maps, weights = self._maps(cells, moved), condition.weights
        if not self.inclined:
            turned = maps.transpose(2, 3)
            return torch.cat([self._x(maps, weights), self._x(turned, weights)], dim=1)
        for_x, for_y = (
            torch.cat([weights, weights.new_full((len(weights), 1), which)], dim=1)
            for which in (0.0, 1.0)
        )
        return torch.cat([self._x(maps, for_x), self._x(maps.transpose(2, 3), for_y)], dim=1)

    def axes(self) -> dict[str, Axes]:
        """See :mod:`caloforge.networks.meaning`."""
        maps = AxisBlock("maps", 2 * SEGMENTS * self.size * self.size)
        which = (AxisBlock("which", 1),) if self.inclined else ()
        return {"network.0.weight": {1: (maps, AxisBlock("knots", self.knots), *which)}}

    def _maps(self, cells: Tensor, moved: Tensor) -> Tensor:
        """Shares (N, segments, size, size) of the central energy of each segment of depth."""
        x, y = self.corner
        columns = cells[:, x : x + self.size]
        window = columns[:, :, y : y + self.size]
        if self.inclined:
            window = self._moved_back(columns, moved)
        pieces = [
            window[..., first:last].sum(dim=3)
            for first, last in zip(self.bounds, self.bounds[1:], strict=False)
        ]
        maps = torch.stack(pieces, dim=1)
        return maps / maps.sum(dim=(2, 3), keepdim=True).clamp(min=1e-9)

    def _moved_back(self, cells: Tensor, moved: Tensor) -> Tensor:
        """Central pads in y of cells (N, X, Y, Z), layer by layer along ``moved`` (N, Z) pads."""
        whole = torch.floor(moved)
        part = (moved - whole)[:, None, None]
        pads = self.corner[1] + torch.arange(self.size, device=cells.device)
        index = (whole[:, None] + pads[:, None]).long()
        low, high = (
            cells.gather(
                2, at.clamp(0, self.image_y - 1)[:, None].expand(-1, cells.shape[1], -1, -1)
            )
            for at in (index, index + 1)
        )
        return (1.0 - part) * low + part * high

    def _x(self, maps: Tensor, weights: Tensor) -> Tensor:
        maps = 0.5 * (maps + maps.flip(3))
        return 0.5 * (self._one_sided(maps, weights) - self._one_sided(maps.flip(2), weights))

    def _one_sided(self, maps: Tensor, weights: Tensor) -> Tensor:
        logarithm = 0.3 * torch.log(maps + 1e-4) + 1.5
        features = torch.cat([maps.flatten(1) * 3.0, logarithm.flatten(1), weights], dim=1)
        output: Tensor = self.network(features)
        return output


def impact_encoder(domain: Domain, knots: Knots, width: int = WIDTH) -> ImpactEncoder | NoImpact:
    """What reads the impact points of a domain's showers, with so many hidden units."""
    return ImpactEncoder(domain, knots, width) if domain.rings is None else NoImpact()
