"""Uniform random numbers for every cell of a shower, built from far fewer.

u[x, y, z] = frac(a[x, y] + b[x, z] + c[y, z]) with uniform a, b, c: each u is uniform and any two are
independent, though 1875 numbers make 15 625.  Floor and addition are exact, so every engine gives the
same u.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class CellNoise(nn.Module):
    """Two uniform numbers for every cell, from uniform latents (N, latent_dim).

    With probability ``sharing`` along x, and again along y, a cell takes the first number of its
    neighbour: particles that cross the border of two pads leave energy in both.
    """

    def __init__(self, shape: tuple[int, int, int], sharing: float) -> None:
        super().__init__()
        x, y, z = shape
        self.planes = ((1, x, y), (z, x, 1), (z, 1, y))
        self.sizes = [first * second * third for first, second, third in self.planes]
        self.sharing = sharing
        self.latent_dim = 2 * sum(self.sizes)

    def forward(self, latent: Tensor) -> tuple[Tensor, Tensor]:
        """Quantiles (N, Z, X, Y), with sharing, and independent numbers of the same shape."""
        first, second = (self._cells(half) for half in latent.chunk(2, dim=1))
        along_x, along_y = _roll(first, 2), _roll(first, 3)
        shared = torch.where(second < 2.0 * self.sharing, along_y, first)
        return torch.where(second < self.sharing, along_x, shared), second

    def _cells(self, latent: Tensor) -> Tensor:
        planes = torch.split(latent, self.sizes, dim=1)
        a, b, c = (p.unflatten(1, s) for p, s in zip(planes, self.planes, strict=True))
        total = a + b + c
        return total - torch.floor(total)


def _roll(image: Tensor, dim: int) -> Tensor:
    size = image.shape[dim]
    return torch.cat([image.narrow(dim, 1, size - 1), image.narrow(dim, 0, 1)], dim=dim)
