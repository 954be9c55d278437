"""layered2d: a 2D network whose output channels are the calorimeter's layers.

A dense layer lays 64 coarse x-y maps; three blocks (3 x 3 convolution, batch norm, ReLU) refine
them at a quarter, a half and the full transverse size; a last convolution gives one channel per
layer.  Built to be fast and to quantize: nearest upsampling, channels in multiples of 16, no 3D
convolution, no float island between the first convolution and the last.  0.76 M parameters for
25 x 25 x 25.
"""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from caloforge.networks.base import ConditionFeatures, Domain, GeneratorNetwork
from caloforge.networks.blocks import ConvBlock2d, halvings, relative_cells
from caloforge.networks.gan.discriminator2d import Discriminator2dOptions
from caloforge.networks.meaning import Axes, AxisBlock


class Layered2dOptions(Discriminator2dOptions):
    """Size of the network: latent numbers and channels."""

    name: Literal["layered2d"] = "layered2d"
    latent: int = Field(200, gt=0)
    channels: int = Field(64, gt=0, multiple_of=16)


class Layered2dGenerator(GeneratorNetwork):
    """Cells = Ep x 1e-4 x a**2, where a >= 0 is the last convolution."""

    def __init__(self, options: Layered2dOptions, domain: Domain) -> None:
        super().__init__()
        self.latent_dim = options.latent
        x, y, layers = domain.shape
        sizes = list(zip(halvings(x, 2), halvings(y, 2), strict=True))
        width = options.channels
        self.coarse = (width, *sizes[0])
        self.conditions = ConditionFeatures(domain)
        self.dense = nn.Linear(
            options.latent + self.conditions.size, width * sizes[0][0] * sizes[0][1]
        )
        self.blocks = nn.Sequential(
            ConvBlock2d(width, width), *(ConvBlock2d(width, width, size) for size in sizes[1:])
        )
        self.layers = nn.Conv2d(width, layers, 3, padding=1)

    def axes(self) -> dict[str, Axes]:
        """See :mod:`caloforge.networks.meaning`."""
        inputs = (AxisBlock("latent", self.latent_dim), AxisBlock("features", self.conditions.size))
        outputs = (AxisBlock("layers", self.layers.out_channels),)
        return {
            "dense.weight": {1: inputs},
            "layers.weight": {0: outputs},
            "layers.bias": {0: outputs},
        }

    def forward(self, latent: Tensor, energy: Tensor, theta: Tensor) -> Tensor:
        """See :class:`GeneratorNetwork`."""
        conditions = self.conditions(energy, theta)
        maps = self.dense(torch.cat([latent, conditions], dim=1)).unflatten(1, self.coarse)
        amplitude = functional.relu(self.layers(self.blocks(maps))).float()
        return relative_cells(amplitude, energy).permute(0, 2, 3, 1)
