"""Measures how the pads of the core fluctuate together in consecutive layers.

A pad that remembers the layer before shows less of it than it was given: every layer is scaled to
its energy, and the rest of it is independent.  So showers are generated at the measured ones'
conditions, their axis is read off them as it is of these, and the noise is changed by what they
lack, in a few rounds.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from caloforge.networks.factorised.fit.expectation import ExpectedShowers, expect
from caloforge.networks.factorised.fit.generated import generated
from caloforge.networks.factorised.fit.impact import ImpactEncoder, NoImpact
from caloforge.networks.factorised.generator import FactorisedGenerator
from caloforge.networks.factorised.noise import LAYER_CORRELATION, CoreNoise

ROUNDS = 4
DILUTION = 2.0
"""Of the memory that a pad is given, at most half is seen: the steps are so much longer."""


class CoreMeasurement:
    """Sums over measured showers; :meth:`apply` finds the memory of pads that makes others with the
    same correlation of a pad with itself one layer deeper.

    ``sums`` (2, knots, 3, 3): of products of residuals (E - m) / sqrt(m) of a pad's energy E and
    expectation m with those one layer deeper, and of their squares, weighed by the layer's energy.
    """

    def __init__(
        self,
        generator: FactorisedGenerator,
        core: CoreNoise,
        encoder: ImpactEncoder | NoImpact,
    ) -> None:
        self.generator, self.core, self.encoder = generator, core, encoder
        self.sums = torch.zeros(2, *core.share.shape, dtype=torch.float64)
        self.conditions: list[list[Tensor]] = []

    def reset(self) -> None:
        """Forget the showers; the pads of the core fluctuate apart."""
        self.sums.zero_()
        self.conditions = []
        self.core.share.zero_()

    def state_dict(self) -> dict[str, Any]:
        """Sums and conditions."""
        return {"sums": self.sums, "conditions": self.conditions}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The inverse of :meth:`state_dict`."""
        self.sums.copy_(state["sums"])
        self.conditions = state["conditions"]

    def add(self, expected: ExpectedShowers) -> None:
        """Add cells of the core and their expectations."""
        self.sums += self._sums(expected)
        self.conditions.append([expected.condition.energy, expected.condition.theta])

    def apply(self) -> None:
        """Set the share of the common fluctuation."""
        wanted = correlation(self.sums)
        for _ in range(ROUNDS):
            step = DILUTION / LAYER_CORRELATION * (wanted - correlation(self._made()))
            self.core.share.add_(step.float()).clamp_(0.0, 1.0)

    def _made(self) -> Tensor:
        """Sums over showers generated at the conditions of those that were added."""
        sums = torch.zeros_like(self.sums)
        for showers in generated(self.generator, self.conditions):
            sums += self._sums(expect(self.generator, self.encoder, showers))
        return sums

    def _sums(self, showers: ExpectedShowers) -> Tensor:
        condition = showers.condition
        cells, mean = self.core.window(showers.window), self.core.window(showers.expected)
        residual = (cells - mean) / mean.clamp(min=1e-9).sqrt()
        before, after = residual[..., :-1], residual[..., 1:]
        weight = mean.sum(dim=(1, 2), keepdim=True)[..., 1:]
        knots = (condition.weights / condition.energy[:, None] ** 2).double()
        products = torch.stack([after * before, 0.5 * (after**2 + before**2)])
        of_pads = (weight * products).sum(dim=4).double()
        return torch.einsum("nk,snxy->skxy", knots, of_pads)


def correlation(sums: Tensor) -> Tensor:
    """Of a pad with itself one layer deeper (knots, 3, 3), the same in mirror images."""
    product, square = map(_symmetric, sums)
    return product / square.clamp(min=1e-30)


def _symmetric(maps: Tensor) -> Tensor:
    """Mean of maps (knots, 3, 3) over the eight symmetries of the square."""
    turned = torch.stack([torch.rot90(maps, turn, (1, 2)) for turn in range(4)]).mean(dim=0)
    return 0.5 * (turned + turned.transpose(1, 2))
