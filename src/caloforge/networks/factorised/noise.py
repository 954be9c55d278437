"""Uniform random numbers for every cell of a shower, built from far fewer.

u[x, y, z] = frac(a[x, y] + b[x, z] + c[y, z]) with uniform a, b, c: each u is uniform and any two
are independent, though 1875 numbers make 15 625.  Floor and addition are exact, so every engine
gives the same u.  Where particles couple cells, their u are made to depend on each other: in
neighbouring pads, and in the core from layer to layer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from caloforge.networks.factorised.knots import Condition, Knots
from caloforge.networks.factorised.layers import normal_from_uniform

LAYER_CORRELATION = 0.6
"""Correlation of the core's slow fluctuation between one layer and the next."""
CORE = 3


class CellNoise(nn.Module):
    """Two uniform numbers for every cell, from uniform latents (N, latent_dim).

    With probability ``sharing`` along x, and again along y, a cell takes the first number of its
    neighbour: particles that cross the border of two pads leave energy in both.  With probability
    ``deep_sharing`` it takes that of the cell behind it, outside the core, which has a memory.
    Cells at the end of a row have no neighbour, or, where it ``wraps``, that at its beginning.
    Windows that hold no more than a core have none.
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        sharing: float,
        knots: Knots,
        deep_sharing: float = 0.0,
        *,
        wraps: bool = True,
    ) -> None:
        super().__init__()
        x, y, z = shape
        self.wraps = wraps
        self.planes = ((x, y, 1), (x, 1, z), (1, y, z))
        self.sharing, self.deep_sharing = sharing, deep_sharing
        self.core = CoreNoise(shape, knots) if min(x, y) >= CORE + 2 else None
        numbers = sum(math.prod(plane) for plane in self.planes)
        self.parts = [numbers, numbers, self.core.latent_dim if self.core else 0]
        self.latent_dim = sum(self.parts)
        if self.core is None:
            return
        beside = CORE + 1
        left, low = (corner - 1 for corner in self.core.corner)
        self.reach = (slice(left, left + beside), slice(low, low + beside))
        self.borders = (0, 0, low, y - low - beside, left, x - left - beside)
        inside = functional.pad(torch.ones(1, beside, beside, 1), self.borders) > 0
        self.register_buffer("inside", inside, persistent=False)
        self.inside: Tensor

    def forward(self, latent: Tensor, condition: Condition) -> tuple[Tensor, Tensor]:
        """Quantiles (N, X, Y, Z), and independent numbers of the same shape."""
        for_first, for_second, for_core = torch.split(latent, self.parts, dim=1)
        a, b, c = split_planes(for_second, self.planes)
        second = fraction(a + b + c)
        a, b, c = split_planes(for_first, self.planes)
        along_x = self._next(a, 1) + self._next(b, 1) + c
        along_y = self._next(a, 2) + b + self._next(c, 2)
        first = a + b + c
        if self.deep_sharing:
            reach = 2.0 * self.sharing + self.deep_sharing
            first = torch.where(second < reach, a + self._next(b, 3) + self._next(c, 3), first)
        first = fraction(self._shared(second, first, along_x, along_y))
        if self.core is None:
            return first, second
        near = self.core([a, b, c], for_core, condition)
        near = self._shared(
            second[:, *self.reach], near[:, :-1, :-1], near[:, 1:, :-1], near[:, :-1, 1:]
        )
        return torch.where(self.inside, functional.pad(near, self.borders), first), second

    def facts(self) -> list[tuple[str | float, ...]]:
        """What a sampler is told of it."""
        deep: list[tuple[str | float, ...]] = [("deep_sharing", self.deep_sharing)]
        return [("sharing", self.sharing), *(deep if self.deep_sharing else [])]

    def tables(self) -> dict[str, Tensor]:
        """What a sampler reads of it."""
        if self.core is None:
            return {}
        return {"core.memory": self.core.memory, "core.share": self.core.share}

    def _next(self, plane: Tensor, dim: int) -> Tensor:
        """The numbers of each cell's neighbour along a dimension."""
        size = plane.shape[dim]
        last = plane.narrow(dim, 0 if self.wraps else size - 1, 1)
        return torch.cat([plane.narrow(dim, 1, size - 1), last], dim=dim)

    def _shared(self, second: Tensor, own: Tensor, along_x: Tensor, along_y: Tensor) -> Tensor:
        own = torch.where(second < 2.0 * self.sharing, along_y, own)
        return torch.where(second < self.sharing, along_x, own)


class CoreNoise(nn.Module):
    """Uniform numbers for the central 3 x 3 pads that remember the layer before.

    A pad's normal number is sqrt(1 - share) fast + sqrt(share) slow, where slow is correlated from
    layer to layer by 0.6 to the power of the distance: showers wider or narrower than expected stay
    so for a few layers.  ``share`` (knots, 3, 3) is measured as a function of Ep.
    """

    def __init__(self, shape: tuple[int, int, int], knots: Knots) -> None:
        super().__init__()
        x, y, z = shape
        self.layers = z
        self.corner = (x // 2 - CORE // 2, y // 2 - CORE // 2)
        self.latent_dim = 2 * z * CORE * CORE
        steps = torch.arange(z)
        correlation = LAYER_CORRELATION ** (steps[:, None] - steps).abs().double()
        self.register_buffer("memory", torch.linalg.cholesky(correlation).float())
        self.register_buffer("share", torch.zeros(knots.size, CORE, CORE))
        self.memory: Tensor
        self.share: Tensor

    def forward(self, planes: list[Tensor], latent: Tensor, condition: Condition) -> Tensor:
        """Numbers (N, 5, 5, Z) of the core and, from the planes, of the pads around it."""
        a, b, c = planes
        x, y = (slice(corner - 1, corner + CORE + 1) for corner in self.corner)
        around = fraction(a[:, x, y] + b[:, x] + c[:, :, y])
        rows = torch.cat(
            [around[:, 1:-1, :1], self._core(latent, condition), around[:, 1:-1, -1:]], dim=2
        )
        return torch.cat([around[:, :1], rows, around[:, -1:]], dim=1)

    def window(self, image: Tensor) -> Tensor:
        """The core (N, 3, 3, Z) of images (N, X, Y, Z)."""
        x, y = self.corner
        return image[:, x : x + CORE, y : y + CORE]

    def _core(self, latent: Tensor, condition: Condition) -> Tensor:
        normal = normal_from_uniform(latent).reshape(-1, 2, self.layers, CORE * CORE)
        fast, slow = normal[:, 0], self.memory @ normal[:, 1]
        share = (condition.weights @ self.share.flatten(1))[:, None]
        mixed = torch.sqrt(1.0 - share) * fast + torch.sqrt(share) * slow
        core = 0.5 + 0.5 * torch.erf(mixed * math.sqrt(0.5))
        return core.transpose(1, 2).reshape(-1, CORE, CORE, self.layers)


def split_planes(latent: Tensor, planes: Sequence[tuple[int, int, int]]) -> list[Tensor]:
    """Latents (N, L) as one array (N, *plane) for each plane."""
    parts = torch.split(latent, [math.prod(plane) for plane in planes], dim=1)
    return [part.reshape(-1, *plane) for part, plane in zip(parts, planes, strict=True)]


def fraction(number: Tensor) -> Tensor:
    """What is left of positive numbers without their whole part."""
    return number - torch.floor(number)
