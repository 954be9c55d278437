"""What lies aslant to the pads, as showers do that lean neither along x nor along y.

A layer cuts a round Gaussian of an inclined shower into one that is longer towards where the shower
leans, by 1 / sin(theta).  Between the pads' axes its x and y are correlated, by rho, so its
integral over a pad is no product.  It is taken for the mean of two that are: narrower ones, moved
apart along the diagonal until mean and covariance are right.  The kurtosis along x and y is then
off by -2 rho**2, at 60 degrees by -0.04 at most.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from caloforge.networks.factorised.noise import fraction

TURNS_X, TURNS_Y = 37.0, 611.0
"""Times that the digits of a random number are run through, for a place in a pad along x and y."""
PLACES = 256
"""Places in a pad along x and along y."""


class Halves(NamedTuple):
    """Two Gaussians of unit width, as long and narrow along x and y as one that is stretched.

    ``width`` (N, 2): of both along x and y.  ``apart`` (N, 2): how far one lies from the middle
    along x and y, in its widths times the square root of two; the other is opposite.
    """

    width: Tensor
    apart: Tensor


def halves(stretch: Tensor, toward: Tensor) -> Halves:
    """Those of Gaussians that are longer by ``stretch`` (N, 1) along unit vectors (N, 2).

    >>> found = halves(torch.tensor([[2.0]]), torch.tensor([[0.0, 1.0]]))
    >>> found.width.tolist(), found.apart.tolist()
    ([[1.0, 2.0]], [[0.0, 0.0]])
    """
    square = toward**2
    width = torch.sqrt(square.flip(1) + square * stretch**2)
    product = toward[:, :1] * toward[:, 1:]
    correlation = product * (stretch**2 - 1.0) / (width[:, :1] * width[:, 1:])
    size = correlation.abs()
    narrow = torch.sqrt(1.0 - size)
    apart = torch.sqrt(0.5 * size) / narrow
    return Halves(width * narrow, torch.cat([apart, apart * torch.sign(correlation)], dim=1))


def turned(across: Tensor, along: Tensor, toward: Tensor, number: Tensor) -> tuple[Tensor, Tensor]:
    """Places (N, points) along x and y, in pads from a middle, of pads of a shower that leans
    towards unit vectors (N, 2).

    ``across`` and ``along`` (N, points): the pads as they lie where the shower leans along y;
    ``number``: uniform numbers that say where in its pad a point is, never on its border.
    """
    u, v = (
        values + ((torch.floor(fraction(number * turns) * PLACES) + 0.5) / PLACES - 0.5)
        for values, turns in ((across, TURNS_X), (along, TURNS_Y))
    )
    along_x, along_y = toward[:, :1], toward[:, 1:]
    return u * along_y + v * along_x, v * along_y - u * along_x
