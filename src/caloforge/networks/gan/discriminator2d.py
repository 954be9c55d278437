"""The 2D discriminator of the networks that draw showers with 2D convolutions."""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor, nn

from caloforge.config import FrozenModel
from caloforge.networks.base import ConditionFeatures, Discriminator, Domain, Judgement
from caloforge.networks.blocks import ENERGY_UNIT_GEV, halvings
from caloforge.networks.meaning import Axes, AxisBlock
from caloforge.scaling import TRAINING_POWER

TYPICAL_RESPONSE = 0.02
"""Cell sum over primary energy of a sampling calorimeter, to start the energy measurement near."""


class Discriminator2dOptions(FrozenModel):
    """Channels of the discriminator's first convolutions."""

    discriminator_channels: int = Field(64, gt=0, multiple_of=16)


class Discriminator2d(Discriminator):
    """Layers as input channels, three strided convolutions, beside them the layer energies.

    The image is divided by what a cell of that primary energy would carry, so that all energies
    look alike; Ep is measured as the cell sum times a learned correction.
    """

    def __init__(self, options: Discriminator2dOptions, domain: Domain) -> None:
        super().__init__()
        x, y, layers = domain.shape
        width = options.discriminator_channels
        self.conditions = ConditionFeatures(domain)
        self.convolutions = nn.Sequential(
            nn.Conv2d(layers, width, 3, padding=1),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(width, width, 3, stride=2, padding=1),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(width, 2 * width, 3, stride=2, padding=1),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Flatten(),
        )
        self.maps = 2 * width * halvings(x, 2)[0] * halvings(y, 2)[0]
        self.layers = layers
        inputs = self.maps + layers + self.conditions.size
        self.head = nn.Sequential(nn.Linear(inputs, width), nn.LeakyReLU(0.2, inplace=True))
        self.real, self.correction = nn.Linear(width, 1), nn.Linear(width, 1)

    def axes(self) -> dict[str, Axes]:
        """See :mod:`caloforge.networks.meaning`."""
        layers, features = (
            AxisBlock("layers", self.layers),
            AxisBlock("features", self.conditions.size),
        )
        return {
            "convolutions.0.weight": {1: (layers,)},
            "head.0.weight": {1: (AxisBlock("maps", self.maps), layers, features)},
        }

    def judge(self, image: Tensor, ecal: Tensor, energy: Tensor, theta: Tensor) -> Judgement:
        """See :class:`Discriminator`."""
        relative = image * (energy / ENERGY_UNIT_GEV).pow(-TRAINING_POWER).reshape(-1, 1, 1, 1)
        maps = self.convolutions(relative.permute(0, 3, 1, 2))
        by_layer = (relative.mean(dim=(1, 2)) + 1e-4).log()
        features = self.head(torch.cat([maps, by_layer, self.conditions(energy, theta)], dim=1))
        measured_energy = (
            ecal / TYPICAL_RESPONSE * self.correction(features).squeeze(1).float().exp()
        )
        return Judgement(
            self.real(features).squeeze(1).float(), {"energy": measured_energy, "ecal": ecal}
        )
