"""Where in depth a shower begins: a photon converts in one of the first layers.

Until then it leaves nothing behind, and from there on its shower is like any other: counted from
the layer in which it begins, the energies of the layers hardly know where that was.  So the first
layer with energy is drawn, and the rest is made as if all showers began in the first one.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from caloforge.networks.factorised.axis import of_layers
from caloforge.networks.factorised.knots import Condition

FLOOR_GEV = 1e-5
"""Layer energies below are zero."""


class Conversion(nn.Module):
    """The layer in which a shower begins, from one uniform number.

    ``begun`` (knots, Z - 1): probability that it begins in a layer or before.
    """

    latent_dim = 1

    def __init__(self, layers: int, knots: int) -> None:
        super().__init__()
        self.register_buffer("begun", torch.ones(knots, layers - 1))
        self.register_buffer("depth", torch.arange(float(layers)), persistent=False)
        self.begun: Tensor
        self.depth: Tensor

    def forward(self, latent: Tensor, layer_energy: Tensor, condition: Condition) -> Tensor:
        """Energies (N, Z) of the detector's layers, from those counted from the beginning, and a
        uniform number (N, 1)."""
        first = (latent >= condition.weights @ self.begun).float().sum(dim=1, keepdim=True)
        back = self.depth - first
        return torch.where(back < 0.0, 0.0, of_layers(layer_energy, back.clamp(min=0.0)))


def first_layer(layer_energy: Tensor) -> Tensor:
    """The first layer (N,) with energy; 0 in an empty shower.

    >>> first_layer(torch.tensor([[0.0, 0.0, 0.1], [0.2, 0.0, 0.1], [0.0, 0.0, 0.0]]))
    tensor([2, 0, 0])
    """
    return (layer_energy >= FLOOR_GEV).int().argmax(dim=1)


def counted(layer_energy: Tensor) -> tuple[Tensor, Tensor]:
    """Energies (N, Z) counted from the layer in which each shower begins, and whether they are
    beyond the last layer: unknown.

    >>> counted(torch.tensor([[0.0, 0.2, 0.1]]))
    (tensor([[0.2000, 0.1000, 0.0000]]), tensor([[False, False,  True]]))
    """
    last = layer_energy.shape[1] - 1
    layer = torch.arange(last + 1) + first_layer(layer_energy)[:, None]
    beyond = layer > last
    return torch.where(beyond, 0.0, layer_energy.gather(1, layer.clamp(max=last))), beyond
