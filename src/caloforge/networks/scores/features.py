"""What the energy scores look at: groups of features of a shower, from its sum down to its cells.

Energies are relative to Ep; roots of them make small and large deposits count alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from caloforge.networks.slope import measured_slope
from caloforge.scaling import CORE_SIDES

SOFT_THRESHOLDS_GEV = (2e-5, 2e-4)
"""A cell of energy e counts as e / (e + threshold) of a hit: a tenth of, and one, minimum ionising
particle in half a millimetre of silicon."""
BANDS = 5
"""Bands of cells at about 1, 2, 4, 8 and 16 pads from the middle."""
PROFILE_FLOOR, PROJECTION_FLOOR, CELL_FLOOR = 1e-5, 1e-7, 1e-8
"""Added to relative energies under a root, whose slope at zero is infinite: of a slice of the
image, of a line of cells, of a cell."""


GROUPS = (
    "response",
    "profiles",
    "barycentre",
    "widths",
    "cores",
    "bands",
    "layer_widths",
    "projections",
    "hits",
    "cells",
    "slope",
)


def features(
    cells: Tensor, energy: Tensor, groups: Iterable[str] = GROUPS
) -> dict[str, list[Tensor]]:
    """Groups of features, each a list of (N, D), of cells (N, X, Y, Z) and energies (N,) in GeV.

    response, profiles (x, y, z), barycentre and widths (in cells), cores (shares of the middle
    towers of CORE_SIDES), bands (of each layer, by the distance in x from the middle), layer_widths
    (x, y), projections (xy, xz, yz), hits (by layer and in all), cells, slope of the axis.
    """
    relative = cells / energy.reshape(-1, 1, 1, 1)
    profiles = [relative.sum(axes) for axes in ((2, 3), (1, 3), (1, 2))]
    moments = [_moments(profile) for profile in profiles]
    made: dict[str, Callable[[], list[Tensor]]] = {
        "response": lambda: [profiles[2].sum(1, keepdim=True)],
        "profiles": lambda: [(profile + PROFILE_FLOOR).sqrt() for profile in profiles],
        "barycentre": lambda: [mean for mean, _ in moments],
        "widths": lambda: [width for _, width in moments],
        "cores": lambda: _cores(relative.sum(3)),
        "bands": lambda: [_bands(relative.sum(2))],
        "layer_widths": lambda: [_layer_widths(relative.sum(axis)) for axis in (2, 1)],
        "projections": lambda: [
            (relative.sum(axis) + PROJECTION_FLOOR).sqrt().flatten(1) for axis in (3, 2, 1)
        ],
        "hits": lambda: _hits(cells),
        "cells": lambda: [(relative + CELL_FLOOR).sqrt().flatten(1)],
        "slope": lambda: [_slope(cells)],
    }
    return {name: made[name]() for name in groups}


def _bands(image: Tensor) -> Tensor:
    """Roots of layers' energies (N, BANDS x Z) in images (N, X, Z)."""
    size = image.shape[1]
    place = torch.arange(size, device=image.device) - 0.5 * (size - 1)
    band = place.abs().clamp(min=1.0).log2().round().clamp(max=BANDS - 1)
    inside = band == torch.arange(BANDS, device=image.device).unsqueeze(1)
    energies = torch.einsum("bx,nxz->nbz", inside.to(image.dtype), image)
    return (energies + PROFILE_FLOOR).sqrt().flatten(1)


def _layer_widths(image: Tensor) -> Tensor:
    """Roots of layers' energies times the squares of their widths (N, Z) in images (N, X, Z): a
    layer counts for the more, the more energy it has."""
    place = torch.arange(image.shape[1], dtype=image.dtype, device=image.device).unsqueeze(1)
    total = image.sum(1, keepdim=True) + 1e-6
    mean = (image * place).sum(1, keepdim=True) / total
    return ((image * (place - mean).square()).sum(1) + PROFILE_FLOOR).sqrt()


def _hits(cells: Tensor) -> list[Tensor]:
    """Roots of the layers' hits (N, Z), and all hits (N, 1), for each of the soft thresholds."""
    soft = [cells / (cells + threshold) for threshold in SOFT_THRESHOLDS_GEV]
    return [
        *((hits.sum((1, 2)) + 0.5).sqrt() for hits in soft),
        *(hits.sum((1, 2, 3)).unsqueeze(1) for hits in soft),
    ]


def _slope(cells: Tensor) -> Tensor:
    """Pads along y for a layer (N, 1) of the line through the layers' barycentres."""
    depth = torch.arange(cells.shape[3], dtype=cells.dtype, device=cells.device)
    return measured_slope(cells, depth).unsqueeze(1)


def _cores(image: Tensor) -> list[Tensor]:
    """Shares (N, 1) of the middle towers in images (N, X, Y)."""
    total = image.sum((1, 2)) + 1e-6
    shares = []
    for side in CORE_SIDES:
        x, y = (max((size - side) // 2, 0) for size in image.shape[1:])
        core = image[:, x : x + side, y : y + side].sum((1, 2))
        shares.append((core / total).unsqueeze(1))
    return shares


def _moments(profile: Tensor) -> tuple[Tensor, Tensor]:
    """Barycentre and width (N, 1) in cells of profiles (N, D)."""
    place = torch.arange(profile.shape[1], dtype=profile.dtype, device=profile.device)
    total = profile.sum(1, keepdim=True) + 1e-6
    mean = (profile * place).sum(1, keepdim=True) / total
    square = (profile * (place - mean).square()).sum(1, keepdim=True) / total
    return mean, (square + 1e-3).sqrt()
