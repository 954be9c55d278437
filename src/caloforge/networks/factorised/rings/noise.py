"""Uniform random numbers for the cells of rings and sectors, which hang together as showers do.

Showers that lie to one side stay there for many layers, and those that are wide stay wide: a field
that is smooth in the angle, the same in all rings up to its size, and remembers the layer before
has a part in every cell's number.  And a cell takes the number of the next ring, or of the next
sector, where a particle crosses the border: the more often, the narrower the sector is.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from caloforge.networks.base import Domain, Rings
from caloforge.networks.factorised.knots import Condition, Knots
from caloforge.networks.factorised.layers import normal_from_uniform
from caloforge.networks.factorised.noise import fraction, split_planes

LAYER_CORRELATION = (0.95, 0.92, 0.85, 0.78, 0.72)
"""Between one layer and the next, of each multipole of the field: its mean, its side, its ellipse
and so on."""
MOMENTS = len(LAYER_CORRELATION)


class RingNoise(nn.Module):
    """Two uniform numbers for every cell, from uniform latents (N, latent_dim).

    ``sharing`` (2, X): probability that a cell takes the first number of its neighbour in the next
    ring, and in the next sector; like the field's shares it is measured.
    """

    def __init__(self, domain: Domain, knots: Knots) -> None:
        super().__init__()
        assert domain.rings is not None
        x, y, z = domain.shape
        self.sectors = domain.rings.sectors
        self.field = RingField(domain, knots)
        self.planes = ((x, y, 1), (x, 1, z), (1, y, z))
        self.parts = [self.field.latent_dim, sum(math.prod(plane) for plane in self.planes)]
        self.latent_dim = sum(self.parts)
        next_ring, next_sector = neighbours(domain.shape, domain.rings)
        self.register_buffer("next_ring", next_ring, persistent=False)
        self.register_buffer("next_sector", next_sector, persistent=False)
        self.register_buffer("sharing", torch.zeros(2, x))
        self.next_ring: Tensor
        self.next_sector: Tensor
        self.sharing: Tensor

    def forward(self, latent: Tensor, condition: Condition) -> tuple[Tensor, Tensor]:
        """Quantiles (N, X, Y, Z), and independent numbers of the same shape."""
        for_first, for_second = torch.split(latent, self.parts, dim=1)
        a, b, c = split_planes(for_second, self.planes)
        second = fraction(a + b + c)
        own = self.field(for_first, condition)
        beyond, beside = (
            own.flatten(1).index_select(1, index).view_as(own)
            for index in (self.next_ring, self.next_sector)
        )
        to_ring, to_sector = self.sharing[:, :, None, None].unbind(0)
        first = torch.where(second < to_ring + to_sector, beside, own)
        return torch.where(second < to_ring, beyond, first), second

    def facts(self) -> list[tuple[str | float, ...]]:
        """What a sampler is told of it."""
        return [("sectors", *self.sectors)]

    def tables(self) -> dict[str, Tensor]:
        """What a sampler reads of it; ``sharing.either``: with the next ring or the next sector."""
        to_ring, to_sector = self.sharing
        names = ("basis", "memory", "share")
        of_field = {f"field.{name}": getattr(self.field, name) for name in names}
        return of_field | {"sharing.ring": to_ring, "sharing.either": to_ring + to_sector}


class RingField(nn.Module):
    """Uniform numbers for all cells that remember the layer before.

    A cell's normal number is sqrt(1 - share) fast + a field of multipoles, each with its part of
    the ``share`` (knots, X, moments), which is measured as a function of Ep.
    """

    def __init__(self, domain: Domain, knots: Knots) -> None:
        super().__init__()
        assert domain.rings is not None
        self.shape = domain.shape
        x, y, z = domain.shape
        moment, basis = multipoles(y, domain.rings)
        self.fast = math.prod(self.shape)
        self.latent_dim = 2 * math.ceil((self.fast + len(moment) * z) / 2)
        self.register_buffer("moment", moment, persistent=False)
        self.register_buffer("basis", basis.permute(2, 0, 1).contiguous(), persistent=False)
        self.register_buffer("memory", _memory(moment, z), persistent=False)
        self.register_buffer("share", torch.zeros(knots.size, x, MOMENTS))
        self.moment: Tensor
        self.basis: Tensor
        self.memory: Tensor
        self.share: Tensor

    def forward(self, latent: Tensor, condition: Condition) -> Tensor:
        """Numbers (N, X, Y, Z) in [0, 1)."""
        normal = normal_from_uniform(latent)
        rings, sectors, layers = self.shape
        fast = normal[:, : self.fast].reshape(-1, *self.shape)
        slow = normal[:, self.fast : self.fast + len(self.moment) * layers]
        slow = (self.memory @ slow.reshape(-1, len(self.moment), layers, 1))[..., 0]
        share = (condition.weights @ self.share.flatten(1)).reshape(-1, rings, MOMENTS)
        size = torch.sqrt(share).index_select(2, self.moment)
        poles = (size[..., None] * slow[:, None]).permute(3, 0, 1, 2)
        field = (poles.flatten(1, 2) @ self.basis).reshape(layers, -1, rings, sectors)
        rest = torch.sqrt(1.0 - share.sum(dim=2))[..., None, None]
        mixed = rest * fast + field.permute(1, 2, 3, 0)
        return 0.5 + 0.5 * torch.erf(mixed * math.sqrt(0.5))


def multipoles(sectors: int, rings: Rings) -> tuple[Tensor, Tensor]:
    """The moment (M,) of each multipole, and its values (M, Y, Z) in the middles of the sectors.

    Two for each moment but the first, cosine and sine; 0 where a layer has too few sectors.
    """
    count = torch.tensor(rings.sectors)
    angle = 2.0 * math.pi * (torch.arange(sectors)[:, None] + 0.5) / count
    there = torch.arange(sectors)[:, None] < count
    moment, values = [0], [there.float()]
    for number in range(1, MOMENTS):
        resolved = (there & (2 * number < count)).float()
        moment += [number, number]
        values += [torch.cos(number * angle) * resolved, torch.sin(number * angle) * resolved]
    return torch.tensor(moment), torch.stack(values)


def neighbours(shape: tuple[int, int, int], rings: Rings) -> tuple[Tensor, Tensor]:
    """Places (X * Y * Z,) in an image of each cell's neighbours, in the next ring and sector.

    The last sector's is the first; the outermost ring has none and its cells are their own.
    """
    _, y, z = shape
    ring, sector, layer = torch.meshgrid(*map(torch.arange, shape), indexing="ij")
    count = torch.tensor(rings.sectors)
    last = torch.tensor([len(edges) - 2 for edges in rings.edges])
    beyond = torch.minimum(ring + 1, torch.maximum(ring, last))
    beside = torch.where(sector < count, (sector + 1) % count, sector)
    return (
        ((beyond * y + sector) * z + layer).flatten(),
        ((ring * y + beside) * z + layer).flatten(),
    )


def _memory(moment: Tensor, layers: int) -> Tensor:
    """Roots (M, Z, Z) of the multipoles' correlation from layer to layer."""
    steps = torch.arange(layers)
    correlation = torch.tensor(LAYER_CORRELATION, dtype=torch.float64)[moment][:, None, None]
    roots: Tensor = torch.linalg.cholesky(correlation ** (steps[:, None] - steps).abs())
    return roots.float()
