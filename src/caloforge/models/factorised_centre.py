"""Images centred on the barycentre, as Geant4's are cut out of the calorimeter."""

from __future__ import annotations

import torch
from torch import Tensor


def centred(cells: Tensor) -> Tensor:
    """Images (N, X, Y, Z) moved by whole pads, the barycentre then in the middle one.

    At low energies the barycentre often lies beside the pad that was hit; it decides what the
    window is.  What leaves the image on one side enters it on the other.
    """
    showers, x, y, z = cells.shape
    rows = torch.arange(x * y, dtype=cells.dtype)
    in_x = torch.floor(rows / y)
    in_y = rows - in_x * y
    weights = torch.stack([torch.ones_like(rows), in_x - x // 2, in_y - y // 2])
    sums = (weights @ cells.flatten(1, 2)).sum(dim=2)
    move = torch.floor(sums[:, 1:] / sums[:, :1].clamp(min=1e-12) + 0.5)
    from_x = _within(in_x + move[:, :1], x)
    from_y = _within(in_y + move[:, 1:], y)
    first = torch.arange(showers) * (x * y)
    place = (from_x * y + from_y).long() + first[:, None]
    return cells.reshape(-1, z).index_select(0, place.flatten()).view_as(cells)


def _within(place: Tensor, size: int) -> Tensor:
    """Places brought into 0 ... size - 1 by whole sizes."""
    return place - size * torch.floor(place / size)
