"""Pieces that several networks share.  Convolution -> batch norm -> activation, in that order, so
that batch norm folds into the convolution and INT8 stays INT8."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from caloforge.scaling import THRESHOLD_GEV, TRAINING_POWER

ENERGY_UNIT_GEV = 100.0
"""Primary energy that is 1 to a network (published: it multiplies the latent vector)."""
IMAGE_UNIT_GEV = 0.01
"""Cell energy that is 1 in a training image (the published factor of 100 per GeV)."""

CELL_FRACTION = 1e-4
"""Cell energy over primary energy where a network's last convolution gives 1 (relative cells)."""


def training_image(cells: Tensor) -> Tensor:
    """Cells in GeV as the image that a discriminator sees: (cells / 10 MeV) ** 0.85.

    A tenth of the cell threshold is added first, because the power has no gradient at zero
    (Khattak et al., Eur. Phys. J. C 82 (2022) 386 for the power).

    >>> training_image(torch.tensor([0.01])).round(decimals=3)
    tensor([1.])
    """
    floor = 0.1 * THRESHOLD_GEV
    return ((cells + floor) * (1.0 / IMAGE_UNIT_GEV)) ** TRAINING_POWER


def zero_below_threshold(cells: Tensor) -> Tensor:
    """Cells in GeV with those under the cell threshold (10 eV) set to exactly zero."""
    return torch.where(cells < THRESHOLD_GEV, 0.0, cells)


def relative_cells(amplitude: Tensor, energy: Tensor) -> Tensor:
    """Cells in GeV, Ep x 1e-4 x a**2, of amplitudes a >= 0 and energies (N,) in GeV.

    A square spans the seven orders of magnitude of the cells and costs one multiplication.
    """
    scale = (energy * CELL_FRACTION).reshape(-1, *[1] * (amplitude.dim() - 1))
    return zero_below_threshold(amplitude * amplitude * scale)


def crop(image: Tensor, shape: Sequence[int]) -> Tensor:
    """The central part of the trailing axes, one size each; an odd surplus leaves the far end.

    >>> crop(torch.arange(6.0).reshape(1, 6), [3])
    tensor([[1., 2., 3.]])
    """
    first = image.dim() - len(shape)
    for axis, size in enumerate(shape, start=first):
        surplus = image.shape[axis] - size
        if surplus:
            image = image.narrow(axis, surplus // 2, size)
    return image


def halvings(size: int, times: int) -> list[int]:
    """Sizes from coarse to fine, each half of the next, rounded up.

    >>> halvings(25, 2)
    [7, 13, 25]
    """
    sizes = [size]
    for _ in range(times):
        sizes.insert(0, -(-sizes[0] // 2))
    return sizes


class ConvBlock2d(nn.Module):
    """3 x 3 convolution -> batch norm -> ReLU, after nearest upsampling where asked.

    ``size``: (height, width) to upsample to, or None to stay at the input's size.
    """

    def __init__(self, inputs: int, outputs: int, size: tuple[int, int] | None = None) -> None:
        super().__init__()
        self.size = size
        self.convolution = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, image: Tensor) -> Tensor:
        """Features (N, outputs, height, width)."""
        if self.size is not None:
            image = functional.interpolate(image, size=self.size, mode="nearest")
        return functional.relu(self.norm(self.convolution(image)), inplace=True)
