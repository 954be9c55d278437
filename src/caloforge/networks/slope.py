"""How far a shower leans, read off its image: a function without weights, but with a gradient."""

from __future__ import annotations

import torch
from torch import Tensor


def measured_slope(cells: Tensor, depth: Tensor) -> Tensor:
    """Slope (N,), in pads along y for a pad of depth, of the line through the layers' barycentres.

    ``cells``: energies (N, X, Y, Z) in any unit, ``depth`` (Z,) in pads; layers count by their
    energy.
    """
    by_layer = cells.sum(dim=1).transpose(1, 2)
    energy = by_layer.sum(dim=2)
    y = torch.arange(by_layer.shape[2], device=cells.device) - 0.5 * (by_layer.shape[2] - 1)
    share = energy / energy.sum(dim=1, keepdim=True).clamp(min=1e-9)
    barycentre = (by_layer @ y) / energy.clamp(min=1e-9)
    from_z = depth - (share * depth).sum(dim=1, keepdim=True)
    from_y = barycentre - (share * barycentre).sum(dim=1, keepdim=True)
    variance = (share * from_z**2).sum(dim=1).clamp(min=1e-6)
    return (share * from_z * from_y).sum(dim=1) / variance
