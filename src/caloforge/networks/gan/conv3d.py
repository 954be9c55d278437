"""conv3d: the 2018 3DGAN.

Vallecorsa, Carminati, Khattak, "3D convolutional GAN for fast simulation", EPJ Web Conf. 214 (2019)
02010.  The latent vector (200 normal numbers) is multiplied by Ep; 3D convolutions and upsampling
grow 7 x 7 x 8 to 25 x 25 x 25.  Kernels and channels are the published ones (0.87 M parameters).
Departures: batch norm stands before the activation, so that it folds into the convolution; Ep is
measured through a softplus, because the published ReLU can die; any image shape is reached by a
larger start and cropping.

With ``angle`` it is the 3DGAN of the inclined showers (Khattak et al., Eur. Phys. J. C 82 (2022)
386): Ep and theta stand beside the latent numbers, and the discriminator also measures theta, from
the barycentres of the layers.  ``coarseness`` 3 then grows 9 x 9 x 8 to 51 x 51 x 25.

With ``relative`` the conditions stand beside the latent numbers as features of order one
(:mod:`.told`), and the cells are relative to Ep, as in :mod:`.conv2d`; :mod:`.ending` has what else
may follow.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from caloforge.errors import ConfigError
from caloforge.networks.base import (
    Discriminator,
    Domain,
    GeneratorNetwork,
    Judgement,
)
from caloforge.networks.blocks import ENERGY_UNIT_GEV, crop
from caloforge.networks.channels import Channels
from caloforge.networks.gan.dropout import ByteDropout
from caloforge.networks.gan.ending import Ending, EndingOptions
from caloforge.networks.gan.folding import FoldedConv3d, Size
from caloforge.networks.gan.told import Told
from caloforge.networks.meaning import Axes, AxisBlock, places_of
from caloforge.networks.slope import measured_slope
from caloforge.scaling import TRAINING_POWER

START_CHANNELS = 8


class Conv3dOptions(EndingOptions):
    """Size of the network: latent numbers and channels of its widest generator layer.

    ``coarseness``: factor in x and y of the first upsampling.  ``angle``: condition the generator
    on theta, and measure it.  The others: :class:`.EndingOptions`.
    """

    name: Literal["conv3d"] = "conv3d"
    latent: int = Field(200, gt=0)
    channels: int = Field(64, gt=0, multiple_of=16)
    coarseness: int = Field(2, gt=1)
    angle: bool = False


def _start(size: int, added: int, factor: int) -> int:
    return -(-(size + added) // factor)


def _block(inputs: int, outputs: int, kernel: Size, padding: Size, *, fold: int) -> nn.Module:
    convolution = FoldedConv3d(
        inputs, outputs, kernel, padding, bias=False, fold=fold, image_fold=1
    )
    nn.init.kaiming_uniform_(convolution.weight, a=0.3)
    return nn.Sequential(convolution, nn.BatchNorm3d(outputs), nn.LeakyReLU(0.3, inplace=True))


class Conv3dGenerator(GeneratorNetwork):
    """Cells = 10 MeV x ReLU of the last convolution, or Ep x 1e-4 x its square.

    Where layers are drawn, one that is dead has no gradient any more: ``layers``, added to
    what the convolutions find in each, lets them have what another layer has.
    """

    def __init__(self, options: Conv3dOptions, domain: Domain) -> None:
        super().__init__()
        self.latent_dim = options.latent
        x, y, z = domain.shape
        self.shape = domain.shape
        self.angle = options.angle
        self.first_factors = (float(options.coarseness), float(options.coarseness), 2.0)
        factor = 2 * options.coarseness
        start = (_start(x, 3, factor), _start(y, 3, factor), _start(z, 23, 6))
        self.start = (START_CHANNELS, *start)
        pixels = start[0] * start[1] * start[2]
        self.told = Told(options.latent, domain) if options.relative else None
        self.inputs = self._blocks()
        inputs = places_of(self.inputs)
        self.dense = nn.Linear(inputs, START_CHANNELS * pixels)
        self.keep_size = nn.ConstantPad3d((3, 4, 2, 3, 2, 3), 0.0)
        self.wide = _block(START_CHANNELS, options.channels, (6, 6, 8), (0, 0, 0), fold=1)
        self.middle = _block(options.channels, 6, (6, 5, 8), (2, 2, 0), fold=2)
        self.fine = nn.Sequential(FoldedConv3d(6, 6, (3, 3, 8), (1, 0, 3)), nn.LeakyReLU(0.3))
        self.cells = nn.Conv3d(6, 1, (2, 2, 2), bias=False)
        self.layers = nn.Parameter(torch.zeros(z)) if options.drawn_layers else None
        self.ending = Ending(options, options.latent, domain)

    def _blocks(self) -> tuple[AxisBlock, ...]:
        """What the dense layer is given; with ``angle``, Ep does not multiply the latent numbers,
        which then are others."""
        latent = AxisBlock("latent", self.latent_dim)
        if self.told:
            return self.told.blocks
        if self.angle:
            return (AxisBlock("energy, theta", 2), latent)
        return (latent._replace(name="latent times energy"),)

    def axes(self) -> dict[str, Axes]:
        """See :mod:`caloforge.networks.meaning`."""
        layers: dict[str, Axes] = {}
        if self.layers is not None:
            layers["layers"] = {0: (AxisBlock("layers", len(self.layers)),)}
        return {"dense.weight": {1: self.inputs}, **layers}

    @property
    def drawn_part(self) -> nn.Module | None:
        """See :class:`GeneratorNetwork`."""
        return self.ending if self.ending.drawn is not None else None

    def channels(self) -> list[Channels]:
        """See :class:`caloforge.networks.channels.HasChannels`."""
        return [Channels("wide.0", "wide.1", "middle.0")]

    def forward(self, latent: Tensor, energy: Tensor, theta: Tensor) -> Tensor:
        """See :class:`GeneratorNetwork`; theta is used with ``angle`` or ``relative``."""
        vector = self._vector(latent, energy, theta)
        image = self.wide(self.keep_size(self.dense(vector).unflatten(1, self.start)))
        image = self.middle(functional.interpolate(image, scale_factor=self.first_factors))
        image = self.fine(functional.interpolate(image, scale_factor=(2.0, 2.0, 3.0)))
        amplitude = crop(self.cells(image).squeeze(1).float(), self.shape)
        if self.layers is not None:
            amplitude = amplitude + self.layers
        cells: Tensor = self.ending(self.ending.amplitudes(amplitude), latent, energy, theta)
        return cells

    def _vector(self, latent: Tensor, energy: Tensor, theta: Tensor) -> Tensor:
        """What the dense layer is given: latent numbers and conditions (N, inputs)."""
        if self.told:
            vector: Tensor = self.told(latent, energy, theta)
            return vector
        in_units = (energy / ENERGY_UNIT_GEV).unsqueeze(1)
        if self.angle:
            return torch.cat([in_units, theta.unsqueeze(1), latent], dim=1)
        return latent * in_units


class Conv3dDiscriminator(Discriminator):
    """Four 3D convolutions (5 x 6 x 6), average pooling, and the published three outputs."""

    def __init__(self, options: Conv3dOptions, domain: Domain) -> None:
        super().__init__()
        x, y, z = domain.shape
        if x < 4 or y < 8 or z < 8:
            msg = f"conv3d needs images of at least 4 x 8 x 8 cells, got {x} x {y} x {z}"
            raise ConfigError(msg)
        self.convolutions = nn.Sequential(
            _judge(1, 16, 2, norm=False),
            _judge(16, 8, 2),
            _judge(8, 8, 2),
            _judge(8, 8, 1),
            nn.AvgPool3d(2),
            nn.Flatten(),
        )
        pooled = ((x - 2) // 2) * ((y - 6) // 2) * ((z - 6) // 2)
        self.real, self.energy = nn.Linear(8 * pooled, 1), nn.Linear(8 * pooled, 1)
        self.angle = options.angle
        self.register_buffer("depth", torch.tensor(domain.depths_in_pads), persistent=False)
        self.depth: Tensor

    def judge(self, image: Tensor, ecal: Tensor, energy: Tensor, theta: Tensor) -> Judgement:
        """See :class:`Discriminator`; the conditions are not shown to it (published)."""
        features = self.convolutions(image.unsqueeze(1))
        measured_energy = functional.softplus(self.energy(features).squeeze(1).float())
        measured = {"energy": measured_energy * ENERGY_UNIT_GEV, "ecal": ecal}
        if self.angle:
            measured["theta"] = measured_angle(image, self.depth)
        return Judgement(self.real(features).squeeze(1).float(), measured)


def measured_angle(image: Tensor, depth: Tensor) -> Tensor:
    """Theta (N,) in rad by an energy-weighted line through the barycentres of the layers.

    ``image``: training images (N, X, Y, Z); ``depth`` (Z,) of the layers in pads.
    """
    return 0.5 * math.pi - torch.atan(
        measured_slope(image.float() ** (1.0 / TRAINING_POWER), depth)
    )


def _judge(inputs: int, outputs: int, padding: int, *, norm: bool = True) -> nn.Module:
    paddings = (padding, padding, padding)
    image_fold = {1: 6, 8: 2, 16: 1}[inputs]
    layers: list[nn.Module] = [
        FoldedConv3d(inputs, outputs, (5, 6, 6), paddings, image_fold=image_fold)
    ]
    if norm:
        layers.append(nn.BatchNorm3d(outputs))
    return nn.Sequential(*layers, nn.LeakyReLU(0.3, inplace=norm), ByteDropout(0.2))
