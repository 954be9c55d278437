"""Measures how the pads of the core fluctuate together in consecutive layers.

A pad that remembers the layer before shows less of it than it was given: every layer is scaled to
its energy, and the rest of it is independent.  So showers are generated at the measured ones'
conditions, their axis is read off them as it is of these, and the noise is changed by what they
lack, in a few rounds.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from caloforge.networks.factorised.fit.expectation import ExpectedShowers, expect
from caloforge.networks.factorised.fit.impact import ImpactEncoder, NoImpact
from caloforge.networks.factorised.generator import FactorisedGenerator
from caloforge.networks.factorised.noise import LAYER_CORRELATION, CoreNoise
from caloforge.networks.objective import Batch

ROUNDS, BATCH = 4, 64
DILUTION = 2.0
"""Of the memory that a pad is given, at most half is seen: the steps are so much longer."""


class CoreSums(NamedTuple):
    """Sums (knots, 3, 3) over showers, of products of residuals (E - m) / sqrt(m) of a pad's energy
    E and expectation m with those one layer deeper, and of their squares, weighed by the layer's
    energy."""

    product: Tensor
    square: Tensor

    def plus(self, other: CoreSums) -> CoreSums:
        """Sums over the showers of both."""
        return CoreSums(self.product + other.product, self.square + other.square)

    def correlation(self) -> Tensor:
        """Of a pad with itself one layer deeper (knots, 3, 3), the same in mirror images."""
        return _symmetric(self.product) / _symmetric(self.square).clamp(min=1e-30)


class CoreMeasurement:
    """Sums of measured showers; :meth:`apply` finds the memory of pads that makes others with the
    same correlation."""

    def __init__(
        self,
        generator: FactorisedGenerator,
        core: CoreNoise,
        encoder: ImpactEncoder | NoImpact,
    ) -> None:
        self.generator, self.core, self.encoder = generator, core, encoder
        self.reset()

    def reset(self) -> None:
        """Forget the showers; the pads of the core fluctuate apart."""
        none = torch.zeros(self.core.share.shape, dtype=torch.float64)
        self.sums, self.conditions = CoreSums(none, none), list[list[Tensor]]()
        self.core.share.zero_()

    def state_dict(self) -> dict[str, Any]:
        """Sums and conditions."""
        return {"sums": list(self.sums), "conditions": self.conditions}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The inverse of :meth:`state_dict`."""
        self.sums, self.conditions = CoreSums(*state["sums"]), state["conditions"]

    def add(self, expected: ExpectedShowers) -> None:
        """Add cells of the core and their expectations."""
        self.sums = self.sums.plus(self._sums(expected))
        self.conditions.append([expected.condition.energy, expected.condition.theta])

    def apply(self) -> None:
        """Set the share of the common fluctuation."""
        wanted = self.sums.correlation()
        for _ in range(ROUNDS):
            missing = wanted - self._made().correlation()
            step = DILUTION / LAYER_CORRELATION * missing
            self.core.share.add_(step.float()).clamp_(0.0, 1.0)

    def _made(self) -> CoreSums:
        """Sums over showers generated at the conditions of those that were added."""
        generator, sums = self.generator, CoreSums(*map(torch.zeros_like, self.sums))
        energy, theta = map(torch.cat, zip(*self.conditions, strict=True))
        for e, t in zip(torch.split(energy, BATCH), torch.split(theta, BATCH), strict=True):
            showers = Batch(generator(generator.draw_latent(len(e)), e, t), e, t)
            sums = sums.plus(self._sums(expect(generator, self.encoder, showers)))
        return sums

    def _sums(self, showers: ExpectedShowers) -> CoreSums:
        condition = showers.condition
        cells, mean = self.core.window(showers.window), self.core.window(showers.expected)
        residual = (cells - mean) / mean.clamp(min=1e-9).sqrt()
        before, after = residual[..., :-1], residual[..., 1:]
        weight = mean.sum(dim=(1, 2), keepdim=True)[..., 1:]
        knots = (condition.weights / condition.energy[:, None] ** 2).double()
        products = (after * before, 0.5 * (after**2 + before**2))
        return CoreSums(
            *(
                torch.einsum("nk,nxy->kxy", knots, (weight * product).sum(dim=3).double())
                for product in products
            )
        )


def _symmetric(maps: Tensor) -> Tensor:
    """Mean of maps (knots, 3, 3) over the eight symmetries of the square."""
    turned = torch.stack([torch.rot90(maps, turn, (1, 2)) for turn in range(4)]).mean(dim=0)
    return 0.5 * (turned + turned.transpose(1, 2))
