"""How one small network shares out the energy of all layers among the Gaussians about the axis."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from caloforge.networks.factorised.knots import Condition, Knots
from caloforge.networks.meaning import Axes, AxisBlock

SHOWER_INPUTS = (
    "share", "energy", "share before", "from the middle", "depth", "middle", "width in depth",
)  # fmt: skip
SIZE_INPUTS, SIZE_OUTPUTS = ("response", "standing out"), ("larger deposits",)
"""What a shared network is told of a layer, and says of it."""
MOST_WIDTHS, MOST_STANDING_OUT = 4.0, 2.0
"""Widths of the response, and logarithm of a layer's energy, from which on more counts as that."""
MOST_LARGER = 2.0
"""Of deposits, in the logarithm of their size."""
NEAR, FAINTEST_GEV = 2, 1e-6
"""Layers before and behind one from which it stands out, and what the faintest one counts for."""


class SharedWeights(nn.Module):
    """One small network for all layers: what it is told of a layer is where in the shower it lies.

    Few showers teach it as much as many teach a network that sees all layers at once, for every
    layer of every shower is an example; and it cannot know a shower by heart.

    ``sizes``: it says how large deposits are, too.  A layer stands out of its neighbours, and a
    shower has more than the usual response, by larger deposits as well as by more of them; so it
    is told both.  ``usual`` (knots, 2): the usual response, sum over Ep, and one over its width.
    """

    def __init__(
        self, layers: int, number: int, width: int, knots: Knots, *, sizes: bool = False
    ) -> None:
        super().__init__()
        self.features, self.number, self.sizes = knots.features, number, sizes
        outputs = number + len(SIZE_OUTPUTS) * sizes
        inputs = len(SHOWER_INPUTS) + len(SIZE_INPUTS) * sizes + self.features
        self.network = perceptron(inputs, width, outputs)
        self.bias = nn.Parameter(torch.zeros(layers, outputs))
        self.register_buffer("depth", torch.arange(float(layers)), persistent=False)
        self.depth: Tensor
        if sizes:
            self.register_buffer("usual", torch.zeros(knots.size, 2))
            self.register_buffer("near", _mean_of_near(layers), persistent=False)
            self.usual: Tensor
            self.near: Tensor

    def forward(self, layer_energy: Tensor, condition: Condition) -> tuple[Tensor, Tensor | None]:
        """Logarithms (N, Z, number) of weights up to a constant, for layer energies (N, Z) in GeV,
        and (N, Z) of the size of deposits over the usual one; None where it does not say it."""
        size = len(self.depth)
        total = layer_energy.sum(dim=1, keepdim=True)
        share = layer_energy / total.clamp(min=1e-12)
        middle = (share * self.depth).sum(dim=1, keepdim=True)
        square = (share * (self.depth - middle) ** 2).sum(dim=1, keepdim=True)
        told = [
            0.5 * torch.log(share + 1e-4) + 2.0,
            0.3 * torch.log(layer_energy.clamp(min=1e-5)) + 2.1,
            2.0 * (torch.cumsum(share, dim=1) - 0.5 * share) - 1.0,
            (self.depth - middle) / 5.0,
            (4.0 / size * self.depth - 2.0).expand_as(share),
            (4.0 / size * middle - 2.0).expand_as(share),
            (8.0 / size * torch.sqrt(square + 1e-6) - 1.0).expand_as(share),
        ]
        if self.sizes:
            usual = condition.weights @ self.usual
            response = (total / condition.energy[:, None] - usual[:, :1]) * usual[:, 1:]
            told.append(0.5 * response.clamp(-MOST_WIDTHS, MOST_WIDTHS).expand_as(share))
            told.append(2.0 * self._standing_out(layer_energy))
        known = condition.features[:, None].expand(-1, size, -1)
        inputs = torch.cat([torch.stack(told, dim=2), known], dim=2)
        outputs = self.network(inputs.flatten(0, 1)).reshape(-1, *self.bias.shape) + self.bias
        logits = outputs[..., : self.number]
        if not self.sizes:
            return logits, None
        return logits, outputs[..., self.number].clamp(-MOST_LARGER, MOST_LARGER)

    def _standing_out(self, layer_energy: Tensor) -> Tensor:
        """Logarithm (N, Z) of the layers' energies over the mean of those near them."""
        near = (layer_energy @ self.near).clamp(min=FAINTEST_GEV)
        ratio = torch.log(layer_energy.clamp(min=FAINTEST_GEV) / near)
        return ratio.clamp(-MOST_STANDING_OUT, MOST_STANDING_OUT)

    def tables(self) -> dict[str, Tensor]:
        """What a sampler reads of it, beside its weights."""
        return {"network.usual": self.usual} if self.sizes else {}

    def axes(self) -> dict[str, Axes]:
        """See :mod:`caloforge.networks.meaning`."""
        shower, size = (
            tuple(AxisBlock(name, 1) for name in names) for names in (SHOWER_INPUTS, SIZE_INPUTS)
        )
        weighed = (AxisBlock("gaussians", self.number),)
        outputs = weighed + tuple(AxisBlock(name, 1) for name in SIZE_OUTPUTS * self.sizes)
        inputs = (*shower, *(size if self.sizes else ()), AxisBlock("features", self.features))
        return {
            "network.0.weight": {1: inputs},
            "network.4.weight": {0: outputs},
            "network.4.bias": {0: outputs},
            "bias": {0: (AxisBlock("layers", len(self.depth)),), 1: outputs},
        }


def _mean_of_near(layers: int) -> Tensor:
    """Matrix (Z, Z) that makes of layers the mean of each and the two before and behind it, where
    the first and the last layer go on.

    >>> _mean_of_near(3)[:, 0]
    tensor([0.6000, 0.2000, 0.2000])
    """
    steps = torch.arange(-NEAR, NEAR + 1)
    places = (torch.arange(layers)[:, None] + steps).clamp(0, layers - 1)
    return functional.one_hot(places, layers).float().mean(dim=1).T.contiguous()


def perceptron(inputs: int, width: int, outputs: int) -> nn.Sequential:
    """Two hidden layers; at first its outputs do not depend on its inputs."""
    network = nn.Sequential(
        nn.Linear(inputs, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(),
        nn.Linear(width, outputs),
    )  # fmt: skip
    nn.init.zeros_(network[-1].weight)  # type: ignore[arg-type]
    return network
