"""Measures how the pads of the core fluctuate together in consecutive layers."""

from __future__ import annotations

import torch
from torch import Tensor

from caloforge.networks.factorised.fit.expectation import ExpectedShowers
from caloforge.networks.factorised.noise import LAYER_CORRELATION, CoreNoise

DILUTION = 2.0
"""A pad that shares the core's fluctuation shows about half of it, once its layer is scaled to the
layer's energy and the independent rest of the layer with it."""
LARGEST_SHARE = 0.8


class CoreMeasurement:
    """Correlation of a core pad with itself one layer deeper, as a function of Ep.

    The residuals (E - m) / sqrt(m) of energy E and expectation m are weighed by the layer's energy.
    """

    def __init__(self, core: CoreNoise) -> None:
        self.core = core
        self.product = torch.zeros(core.share.shape, dtype=torch.float64)
        self.square = torch.zeros(core.share.shape, dtype=torch.float64)

    def reset(self) -> None:
        """Forget the showers; the pads of the core fluctuate apart."""
        self.product.zero_()
        self.square.zero_()
        self.core.share.zero_()

    def state_dict(self) -> dict[str, Tensor]:
        """The sums."""
        return {"product": self.product, "square": self.square}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """The inverse of :meth:`state_dict`."""
        self.product.copy_(state["product"])
        self.square.copy_(state["square"])

    def add(self, expected: ExpectedShowers) -> None:
        """Add cells of the core and their expectations."""
        cells, mean = self.core.window(expected.window), self.core.window(expected.expected)
        residual = (cells - mean) / mean.clamp(min=1e-9).sqrt()
        before, after = residual[..., :-1], residual[..., 1:]
        weight = mean.sum(dim=(1, 2), keepdim=True)[..., 1:]
        product = (weight * after * before).sum(dim=3)
        square = (0.5 * weight * (after**2 + before**2)).sum(dim=3)
        condition = expected.condition
        knots = condition.weights / condition.energy[:, None] ** 2
        self.product += torch.einsum("nk,nxy->kxy", knots, product)
        self.square += torch.einsum("nk,nxy->kxy", knots, square)

    def apply(self) -> None:
        """Set the share of the common fluctuation, symmetrised over the square."""
        correlation = _symmetric(self.product) / _symmetric(self.square).clamp(min=1e-30)
        share = (DILUTION * correlation / LAYER_CORRELATION).clamp(0.0, LARGEST_SHARE)
        self.core.share.copy_(share)


def _symmetric(maps: Tensor) -> Tensor:
    """Mean of maps (knots, 3, 3) over the eight symmetries of the square."""
    turned = torch.stack([torch.rot90(maps, turn, (1, 2)) for turn in range(4)]).mean(dim=0)
    return 0.5 * (turned + turned.transpose(1, 2))
