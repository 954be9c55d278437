"""Uniform random numbers for every cell of a shower, built from far fewer.

u[x, y, z] = frac(a[x, y] + b[x, z] + c[y, z]) with uniform a, b, c: each u is uniform and any two
are independent, though 1875 numbers make 15 625.  Floor and addition are exact, so every engine
gives the same u.  Where particles couple cells, their u are made to depend on each other: in
neighbouring pads, and in the core from layer to layer.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from caloforge.models.factorised_knots import EnergyKnots
from caloforge.models.factorised_layers import normal_from_uniform

LAYER_CORRELATION = 0.5
"""Correlation of the core's slow fluctuation between one layer and the next."""
CORE = 3


class CellNoise(nn.Module):
    """Two uniform numbers for every cell, from uniform latents (N, latent_dim).

    With probability ``sharing`` along x, and again along y, a cell takes the first number of its
    neighbour: particles that cross the border of two pads leave energy in both.
    """

    def __init__(self, shape: tuple[int, int, int], sharing: float, knots: EnergyKnots) -> None:
        super().__init__()
        x, y, z = shape
        self.planes = ((1, x, y), (z, x, 1), (z, 1, y))
        self.sizes = [first * second * third for first, second, third in self.planes]
        self.sharing = sharing
        self.core = CoreNoise(shape, knots)
        self.parts = [sum(self.sizes), sum(self.sizes), self.core.latent_dim]
        self.latent_dim = sum(self.parts)

    def forward(self, latent: Tensor, energy: Tensor) -> tuple[Tensor, Tensor]:
        """Quantiles (N, Z, X, Y), and independent numbers of the same shape; Ep (N,) in GeV."""
        for_first, for_second, for_core = torch.split(latent, self.parts, dim=1)
        first = self.core(self._cells(for_first), for_core, energy)
        second = self._cells(for_second)
        along_x, along_y = _roll(first, 2), _roll(first, 3)
        shared = torch.where(second < 2.0 * self.sharing, along_y, first)
        return torch.where(second < self.sharing, along_x, shared), second

    def _cells(self, latent: Tensor) -> Tensor:
        planes = torch.split(latent, self.sizes, dim=1)
        a, b, c = (p.reshape(-1, *s) for p, s in zip(planes, self.planes, strict=True))
        total = a + b + c
        return total - torch.floor(total)


class CoreNoise(nn.Module):
    """Uniform numbers for the central 3 x 3 pads that remember the layer before.

    A pad's normal number is sqrt(1 - share) fast + sqrt(share) slow, where slow is correlated from
    layer to layer by 0.5 to the power of the distance: showers wider or narrower than expected stay
    so for a few layers.  ``share`` (knots, 3, 3) is measured as a function of Ep.
    """

    def __init__(self, shape: tuple[int, int, int], knots: EnergyKnots) -> None:
        super().__init__()
        x, y, z = shape
        self.knots, self.layers = knots, z
        self.corner = ((x - CORE) // 2, (y - CORE) // 2)
        self.borders = (
            self.corner[1], y - CORE - self.corner[1], self.corner[0], x - CORE - self.corner[0]
        )  # fmt: skip
        self.latent_dim = 2 * z * CORE * CORE
        steps = torch.arange(z)
        correlation = LAYER_CORRELATION ** (steps[:, None] - steps).abs().double()
        self.register_buffer("memory", torch.linalg.cholesky(correlation).float())
        self.register_buffer("share", torch.zeros(knots.size, CORE, CORE))
        self.register_buffer("inside", self._pad(torch.ones(1, 1, CORE, CORE)) > 0)
        self.memory: Tensor
        self.share: Tensor
        self.inside: Tensor

    def forward(self, uniform: Tensor, latent: Tensor, energy: Tensor) -> Tensor:
        """The uniform numbers (N, Z, X, Y), those of the core replaced."""
        normal = normal_from_uniform(latent).reshape(-1, 2, self.layers, CORE * CORE)
        fast, slow = normal[:, 0], self.memory @ normal[:, 1]
        weights: Tensor = self.knots(energy)
        share = (weights @ self.share.flatten(1))[:, None]
        mixed = torch.sqrt(1.0 - share) * fast + torch.sqrt(share) * slow
        core = 0.5 + 0.5 * torch.erf(mixed * math.sqrt(0.5))
        core = self._pad(core.reshape(-1, self.layers, CORE, CORE))
        return torch.where(self.inside, core, uniform)

    def window(self, image: Tensor) -> Tensor:
        """The core (N, Z, 3, 3) of images (N, Z, X, Y)."""
        x, y = self.corner
        return image[:, :, x : x + CORE, y : y + CORE]

    def _pad(self, core: Tensor) -> Tensor:
        return functional.pad(core, self.borders)


def _roll(image: Tensor, dim: int) -> Tensor:
    size = image.shape[dim]
    return torch.cat([image.narrow(dim, 1, size - 1), image.narrow(dim, 0, 1)], dim=dim)
