"""Where in depth a shower begins: a photon converts in one of the first layers.

Until then it leaves nothing behind, and from there on its shower is like any other: counted from
the layer in which it begins, the energies of the layers hardly know where that was.  So the first
layer with energy is drawn, and the rest is made as if all showers began in the first one.  Layers
that are not alike are counted in radiation lengths: there are more places than layers then.

Thick layers see what is scattered back as well, in most showers.  There a shower begins in the
first layer with what one particle leaves, and the layers before are places, too.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from caloforge.networks.factorised.axis import of_layers
from caloforge.networks.factorised.knots import Condition

FLOOR_GEV = 1e-5
"""Layer energies below are zero."""


class Conversion(nn.Module):
    """The layer in which a shower begins, from one uniform number.

    ``places`` (Z): depths of the layers in equal steps, the first one's 0.  ``above_gev``: energy
    in the layer in which a shower begins; ``before``: places before it that have energies, so that
    no shower begins deeper.  ``begun`` (knots, Z - 1): probability that a shower begins in a layer
    or before.
    """

    latent_dim = 1

    def __init__(
        self, places: Sequence[int], knots: int, above_gev: float = 0.0, before: int = 0
    ) -> None:
        super().__init__()
        self.above_gev, self.before = max(above_gev, FLOOR_GEV), before
        self.size = before + places[-1] + 1
        self.deepest = sum(place <= before for place in places) - 1 if before else len(places) - 1
        self.register_buffer("begun", torch.ones(knots, len(places) - 1))
        depth = torch.tensor(places, dtype=torch.float32)
        self.register_buffer("depth", depth + before, persistent=False)
        self.register_buffer("steps", depth.diff(), persistent=False)
        self.register_buffer("layer_at", _layer_at(places, before), persistent=False)
        self.begun: Tensor
        self.depth: Tensor
        self.steps: Tensor
        self.layer_at: Tensor

    def forward(self, latent: Tensor, energy_at: Tensor, condition: Condition) -> Tensor:
        """Energies (N, Z) of the detector's layers, from those at depths counted from the beginning
        (N, places), and a uniform number (N, 1)."""
        later = (latent >= condition.weights @ self.begun).float()
        back = self.depth - (later * self.steps).sum(dim=1, keepdim=True)
        return torch.where(back < 0.0, 0.0, of_layers(energy_at, back.clamp(min=0.0)))

    def counted(self, layer_energy: Tensor) -> tuple[Tensor, Tensor]:
        """Energies (N, places) at depths counted from the layer in which each shower begins, of
        those of its layers (N, Z); and whether no layer is there, so that they are unknown.

        >>> Conversion([0, 1, 2], knots=1).counted(torch.tensor([[0.0, 0.2, 0.1]]))
        (tensor([[0.2000, 0.1000, 0.0000]]), tensor([[False, False,  True]]))
        >>> Conversion([0, 1, 3], knots=1).counted(torch.tensor([[0.0, 0.2, 0.1]]))
        (tensor([[0.2000, 0.0000, 0.1000, 0.0000]]), tensor([[False,  True, False,  True]]))
        >>> late = Conversion([0, 1, 2], knots=1, above_gev=0.05, before=1)
        >>> late.counted(torch.tensor([[0.01, 0.2, 0.1]]))
        (tensor([[0.0100, 0.2000, 0.1000, 0.0000]]), tensor([[False, False, False,  True]]))
        """
        layer = self.layer_at[self.first(layer_energy)]
        unknown = layer < 0
        return torch.where(unknown, 0.0, layer_energy.gather(1, layer.clamp(min=0))), unknown

    def first(self, layer_energy: Tensor) -> Tensor:
        """The layer (N,) in which showers of layer energies (N, Z) begin."""
        return first_layer(layer_energy, self.above_gev).clamp(max=self.deepest)


def first_layer(layer_energy: Tensor, above_gev: float = FLOOR_GEV) -> Tensor:
    """The first layer (N,) with so much energy; 0 in a shower without.

    >>> first_layer(torch.tensor([[0.0, 0.0, 0.1], [0.2, 0.0, 0.1], [0.0, 0.0, 0.0]]))
    tensor([2, 0, 0])
    """
    return (layer_energy >= above_gev).int().argmax(dim=1)


def _layer_at(places: Sequence[int], before: int) -> Tensor:
    """The layer (Z, places) at a depth counted from ``before`` each of the layers; -1: none."""
    found = torch.full((len(places), before + places[-1] + 1), -1)
    for first, begins in enumerate(places):
        for layer, place in enumerate(places):
            if place + before >= begins:
                found[first, place + before - begins] = layer
    return found
