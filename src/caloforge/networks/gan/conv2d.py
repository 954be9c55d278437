"""conv2d: the 2021 3DGAN, whose volume is drawn by 2D convolutions along three permuted axes.

After Rehm, Vallecorsa, Borras, Kruecker, "Physics validation of novel convolutional 2D
architectures for speeding up high energy physics simulations", EPJ Web Conf. 251 (2021) 03042: the
generator has three paths, each of which takes another axis of the image as its channels, and a last
part that convolves the three volumes, joined, with the layers as channels.  About 2 M parameters.
Layer sizes are not the paper's but ours: channels in multiples of 16, nearest upsampling.

The published network is told Ep as a factor of its latent vector: 200 normal numbers tell it no
better than 5 %.  With ``relative`` the conditions stand beside the latent numbers, and cells are
relative to Ep (:mod:`.told`); :mod:`.ending` has what else may follow.
"""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from caloforge.networks.base import Domain, GeneratorNetwork
from caloforge.networks.blocks import ENERGY_UNIT_GEV, ConvBlock2d, halvings
from caloforge.networks.channels import Channels, chain
from caloforge.networks.gan.discriminator2d import Discriminator2dOptions
from caloforge.networks.gan.ending import Ending, EndingOptions
from caloforge.networks.gan.told import Told
from caloforge.networks.meaning import Axes, AxisBlock, places_of

START_CHANNELS = 32
PERMUTATIONS = {"x": (0, 1, 2, 3), "y": (0, 2, 1, 3), "z": (0, 2, 3, 1)}
"""Channel axis of a path -> how its (N, channel, rows, columns) becomes (N, X, Y, Z)."""


class Conv2dOptions(Discriminator2dOptions, EndingOptions):
    """Size of the network: latent numbers and channels of the paths; :class:`.EndingOptions`."""

    name: Literal["conv2d"] = "conv2d"
    latent: int = Field(200, gt=0)
    channels: int = Field(112, gt=0, multiple_of=16)


class AxisPath(nn.Module):
    """Coarse maps to one volume whose channels are the given axis ("x", "y" or "z")."""

    def __init__(self, axis: str, inputs: int, channels: int, shape: tuple[int, int, int]) -> None:
        super().__init__()
        sizes = dict(zip("xyz", shape, strict=True))
        channel_size = sizes.pop(axis)
        rows, columns = (halvings(size, 2) for size in sizes.values())
        grids = list(zip(rows, columns, strict=True))
        self.order = PERMUTATIONS[axis]
        self.coarse = (START_CHANNELS, *grids[0])
        self.dense = nn.Linear(inputs, START_CHANNELS * grids[0][0] * grids[0][1])
        self.blocks = nn.Sequential(
            ConvBlock2d(START_CHANNELS, channels),
            ConvBlock2d(channels, channels, grids[1]),
            ConvBlock2d(channels, channels, grids[2]),
        )
        self.volume = ConvBlock2d(channels, channel_size)

    def forward(self, vector: Tensor) -> Tensor:
        """Volume (N, X, Y, Z) of vectors (N, inputs)."""
        maps = self.dense(vector).unflatten(1, self.coarse)
        volume: Tensor = self.volume(self.blocks(maps))
        return volume.permute(self.order)


class Conv2dGenerator(GeneratorNetwork):
    """Cells = 10 MeV x ReLU of the last convolution, from the latent vector times Ep; or, relative,
    cells = Ep x 1e-4 x its square, from latent vector and conditions."""

    def __init__(self, options: Conv2dOptions, domain: Domain) -> None:
        super().__init__()
        self.latent_dim = options.latent
        layers = domain.shape[2]
        self.told = Told(options.latent, domain) if options.relative else None
        self.inputs: tuple[AxisBlock, ...] = (AxisBlock("latent", self.latent_dim),)
        if self.told:
            self.inputs = self.told.blocks
        self.ending = Ending(options, options.latent, domain)
        inputs = places_of(self.inputs)
        self.paths = nn.ModuleList(
            AxisPath(axis, inputs, options.channels, domain.shape) for axis in PERMUTATIONS
        )
        self.join = nn.Sequential(
            ConvBlock2d(3 * layers, options.channels),
            ConvBlock2d(options.channels, options.channels),
        )
        self.layers = nn.Conv2d(options.channels, layers, 3, padding=1)

    def axes(self) -> dict[str, Axes]:
        """See :mod:`caloforge.networks.meaning`."""
        outputs = (AxisBlock("layers", self.layers.out_channels),)
        dense: dict[str, Axes] = {
            f"paths.{path}.dense.weight": {1: self.inputs} for path in range(len(self.paths))
        }
        return {"layers.weight": {0: outputs}, "layers.bias": {0: outputs}, **dense}

    @property
    def drawn_part(self) -> nn.Module | None:
        """See :class:`GeneratorNetwork`."""
        return self.ending if self.ending.drawn is not None else None

    def channels(self) -> list[Channels]:
        """See :class:`caloforge.networks.channels.HasChannels`."""
        found = chain(["join.0", "join.1"], "layers")
        for path in range(len(self.paths)):
            blocks = [f"paths.{path}.blocks.{number}" for number in range(3)]
            found += chain(blocks, f"paths.{path}.volume.convolution")
        return found

    def forward(self, latent: Tensor, energy: Tensor, theta: Tensor) -> Tensor:
        """See :class:`GeneratorNetwork`; theta is used by the relative network only."""
        if self.told:
            vector = self.told(latent, energy, theta)
        else:
            vector = latent * (energy / ENERGY_UNIT_GEV).unsqueeze(1)
        volumes = torch.cat([path(vector) for path in self.paths], dim=3)
        image = self.layers(self.join(volumes.permute(0, 3, 1, 2)))
        amplitude = self.ending.amplitudes(image).permute(0, 2, 3, 1)
        cells: Tensor = self.ending(amplitude, latent, energy, theta)
        return cells
