"""The axis of a shower in a cylinder is the cylinder's: nothing to draw, nothing to move."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from caloforge.networks.base import Domain
from caloforge.networks.factorised.knots import Condition


class ParticleAxis(nn.Module):
    """As :class:`caloforge.networks.factorised.axis.ShowerAxis`, at the middle of all rings."""

    kind = "factorised_rings"
    latent_dim = 0
    whole = True
    moves_centre = reads_impact = False

    def __init__(self, domain: Domain) -> None:
        super().__init__()
        self.image, self.window = domain.shape, domain.shape[:2]

    def forward(
        self, impact: Tensor, layer_energy: Tensor, condition: Condition, tilt: Tensor | None = None
    ) -> Tensor:
        """Axis (N, Z, 2): zero, whatever the impact point, the energies and the condition."""
        zero = torch.zeros_like(layer_energy)
        return torch.stack([zero, zero], dim=2)

    def entered(self, impact: Tensor) -> Tensor:
        """Impact points as they are: there are none."""
        return impact

    def tables(self) -> dict[str, Tensor]:
        """What a sampler reads of it: nothing."""
        return {}

    def displacement(self, layer_energy: Tensor, slope: Tensor) -> Tensor:
        """How far (N, Z) the axis is from the barycentre's: not at all."""
        return torch.zeros_like(layer_energy)

    def centre(self, axis: Tensor) -> Tensor:
        """Whole pads (N, Z) from the image's centre to the window's: none."""
        return torch.zeros_like(axis[..., 1])

    def cut(self, cells: Tensor, centre: Tensor) -> Tensor:
        """The window is the whole image (N, X, Y, Z)."""
        return cells

    def missed(self, latent: Tensor, condition: Condition) -> None:
        """Nothing moves the centre."""

    def image_of(
        self, window: Tensor, centre: Tensor, hits: None, missed: Tensor | None = None
    ) -> Tensor:
        """The image (N, X, Y, Z) is centred on the particle, wherever its energy falls."""
        return window
