"""Images centred on the barycentre, as Geant4's are cut out of the calorimeter."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from caloforge.networks.factorised.axis import HaloHits


def centred(
    window: Tensor,
    image: tuple[int, int],
    hits: HaloHits | None = None,
    missed: Tensor | None = None,
) -> Tensor:
    """Images (N, X, Y, Z) moved by whole pads, the barycentre then in the middle one.

    ``window`` (N, X', Y', Z): cells in the middle of the image of X and Y pads; ``hits`` beside it;
    ``missed`` (N, 2): what energy beside the image adds to the barycentre, in pads.
    At low energies the barycentre often lies beside the pad that was hit; it decides what the
    image is.  What leaves the image on one side enters it on the other.
    """
    showers, *size, layers = window.shape
    cells = window.flatten(1, 2)
    rows = torch.arange(cells.shape[1], dtype=cells.dtype)
    in_x = torch.floor(rows / size[1])
    offsets = [in_x - size[0] // 2, rows - in_x * size[1] - size[1] // 2]
    sums = (torch.stack([torch.ones_like(rows), *offsets]) @ cells).sum(dim=2)
    if hits is not None:
        parts = [hits.energy, *(hits.energy * pads for pads in _from_middle(hits, image))]
        sums = sums + torch.stack([part.sum(dim=1) for part in parts], dim=1)
    middle = sums[:, 1:] / sums[:, :1].clamp(min=1e-12)
    if missed is not None:
        middle = middle + missed
    move = torch.floor(middle + 0.5)
    images = _moved(cells, size, image, move)
    if hits is not None:
        x, y = _within(hits.x - move[:, :1], image[0]), _within(hits.y - move[:, 1:], image[1])
        place = (x * image[1] + y) * layers + hits.layer
        images = images.reshape(showers, -1).scatter_add(1, place.long(), hits.energy)
    return images.reshape(showers, *image, layers)


def _from_middle(hits: HaloHits, image: tuple[int, int]) -> tuple[Tensor, Tensor]:
    return hits.x - image[0] // 2, hits.y - image[1] // 2


def _moved(cells: Tensor, size: list[int], image: tuple[int, int], move: Tensor) -> Tensor:
    """Rows (N * X * Y, Z) of the images: those of the window (N, X' * Y', Z), or an empty one."""
    rows = torch.arange(image[0] * image[1], dtype=cells.dtype)
    in_x = torch.floor(rows / image[1])
    in_y = rows - in_x * image[1]
    from_x = _within(in_x + move[:, :1], image[0]) - (image[0] - size[0]) // 2
    from_y = _within(in_y + move[:, 1:], image[1]) - (image[1] - size[1]) // 2
    place = from_x * size[1] + from_y
    showers, window, layers = cells.shape
    if size != list(image):
        middle_x, middle_y = (size[0] - 1) / 2, (size[1] - 1) / 2
        inside = ((from_x - middle_x).abs() <= middle_x) & ((from_y - middle_y).abs() <= middle_y)
        place = torch.where(inside, place, float(window))
        cells = torch.cat([cells, torch.zeros_like(cells[:, :1])], dim=1)
    first = torch.arange(showers) * cells.shape[1]
    place = place.to(torch.int32) + first[:, None].to(torch.int32)
    return cells.reshape(-1, layers).index_select(0, place.flatten())


def _within(place: Tensor, size: int) -> Tensor:
    """Places brought into 0 ... size - 1 by whole sizes."""
    return place - size * torch.floor(place / size)
