"""Measures how the cells of rings and sectors hang together: next to each other, and in depth.

What particles that cross borders and showers that lie to one side do to the sums of products of
residuals is not computed but compared: showers are generated at the measured ones' conditions, and
the noise is changed by what they lack, in a few rounds.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from caloforge.networks.factorised.fit.expectation import ExpectedShowers
from caloforge.networks.factorised.fit.generated import generated
from caloforge.networks.factorised.generator import FactorisedGenerator
from caloforge.networks.factorised.knots import Condition
from caloforge.networks.factorised.rings.noise import LAYER_CORRELATION, MOMENTS, RingNoise

ROUNDS = 3
STEPS = (1, 2, 4)
"""Layers between those that are compared."""
MOST_SHARED, LARGEST_SHARE = 0.4, 0.8
MOST_CORRELATED = 0.9


class RingSums(NamedTuple):
    """Sums over showers of products of residuals (E - m) / Ep of energies and expectations.

    ``square``, ``beyond``, ``beside`` (X,): of cells of a ring with themselves, with the next
    ring's and the next sector's; ``pole_in_depth`` (knots, X, moments): of the rings' multipoles
    with those of the layers behind, and ``pole`` what it would be if the field were all there is.
    """

    square: Tensor
    beyond: Tensor
    beside: Tensor
    pole: Tensor
    pole_in_depth: Tensor

    @classmethod
    def empty(cls, noise: RingNoise) -> RingSums:
        """Sums over no showers."""
        x = noise.sharing.shape[1]
        sizes = [(x,)] * 3 + [tuple(noise.field.share.shape)] * 2
        return cls(*(torch.zeros(size, dtype=torch.float64) for size in sizes))

    def plus(self, other: RingSums) -> RingSums:
        """Sums over the showers of both."""
        return RingSums(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))

    def sharing(self) -> Tensor:
        """Correlation (2, X) of a cell with its neighbours in the next ring and the next sector."""
        next_square = torch.cat([self.square[1:], self.square[-1:]])
        of_rings = (self.square * next_square).sqrt().clamp(min=1e-30)
        beyond = self.beyond / of_rings
        beyond[-1] = 0.0
        return torch.stack([beyond, self.beside / self.square.clamp(min=1e-30)])

    def odds(self) -> Tensor:
        """Of each multipole (knots, X, moments), what remembers over what does not."""
        share = self.pole_in_depth / self.pole.clamp(min=1e-30)
        share = share.clamp(-MOST_CORRELATED, MOST_CORRELATED)
        return share / (1.0 - share)


class RingMeasurement:
    """Sums of measured showers; :meth:`apply` finds the noise that makes others with the same."""

    def __init__(self, generator: FactorisedGenerator, noise: RingNoise) -> None:
        self.generator, self.noise = generator, noise
        self.sums = RingSums.empty(noise)
        self.conditions: list[list[Tensor]] = []

    def reset(self) -> None:
        """Forget the showers; the cells are independent."""
        self.sums, self.conditions = RingSums.empty(self.noise), []
        self.noise.sharing.zero_()
        self.noise.field.share.zero_()

    def state_dict(self) -> dict[str, list]:  # type: ignore[type-arg]
        """Sums and conditions."""
        return {"sums": list(self.sums), "conditions": self.conditions}

    def load_state_dict(self, state: dict[str, list]) -> None:  # type: ignore[type-arg]
        """The inverse of :meth:`state_dict`."""
        self.sums, self.conditions = RingSums(*state["sums"]), state["conditions"]

    def add(self, expected: ExpectedShowers) -> None:
        """Add showers."""
        condition = expected.condition
        self.sums = self.sums.plus(
            ring_sums(self.noise, expected.window - expected.expected, condition)
        )
        self.conditions.append([condition.energy, condition.theta])

    def apply(self) -> None:
        """Set how often neighbours share their numbers, and how much the rings remember."""
        sharing, share = self.noise.sharing, self.noise.field.share
        wanted, odds = self.sums.sharing(), self.sums.odds()
        per_odds = self._per_odds()
        for _ in range(ROUNDS):
            made = self._made()
            sharing.add_((wanted - made.sharing()).float()).clamp_(0.0, MOST_SHARED)
            share.add_(((odds - made.odds()) * per_odds).float()).clamp_(min=0.0)
            together = share.sum(dim=2, keepdim=True).clamp(min=1e-9)
            share.mul_((LARGEST_SHARE / together).clamp(max=1.0))

    def _per_odds(self) -> Tensor:
        """Share (moments,) of a cell's variance that gives a ring's multipole odds of one."""
        field = self.noise.field
        sums = field.basis.square().sum(dim=2).amax(dim=0)
        of_moment = torch.zeros(MOMENTS).index_add(0, field.moment, sums)
        of_moment = of_moment / torch.bincount(field.moment)
        return torch.where(of_moment > 0, 1.0 / of_moment.clamp(min=1e-9), 0.0)

    def _made(self) -> RingSums:
        """Sums over showers generated at the conditions of those that were added."""
        generator, sums = self.generator, RingSums.empty(self.noise)
        for showers in generated(generator, self.conditions):
            condition = generator.knots(showers.energy, showers.theta)
            layer_energy = showers.cells.sum(dim=(1, 2))
            none = torch.zeros_like(layer_energy)
            expected, *_ = generator.pattern(layer_energy, condition, none[:, 0], none)
            sums = sums.plus(ring_sums(self.noise, showers.cells - expected, condition))
        return sums


def ring_sums(noise: RingNoise, difference: Tensor, condition: Condition) -> RingSums:
    """Sums over showers (N, X, Y, Z) of energies without their expectations, in GeV."""
    residual = difference / condition.energy[:, None, None, None]
    flat = residual.flatten(1)
    cells = (
        residual * other.view_as(residual)
        for other in (flat, flat[:, noise.next_ring], flat[:, noise.next_sector])
    )
    square, beyond, beside = (product.sum(dim=(0, 2, 3)).double() for product in cells)
    field = noise.field
    poles = residual.permute(3, 0, 1, 2).flatten(1, 2)
    poles = poles @ field.basis.transpose(1, 2)
    poles = poles.reshape(len(poles), len(residual), -1, poles.shape[-1])
    remembered = torch.tensor(LAYER_CORRELATION)[field.moment]
    square_kept = torch.zeros_like(poles[0])
    in_depth = torch.zeros_like(poles[0])
    for step in STEPS:
        before, behind = poles[:-step], poles[step:]
        in_depth += (before * behind).sum(dim=0)
        square_kept += remembered**step * 0.5 * (before**2 + behind**2).sum(dim=0)
    of_moments = torch.zeros_like(field.share, dtype=torch.float64)
    found = [
        of_moments.index_add(
            2, field.moment, torch.einsum("nk,nrm->krm", condition.weights, products).double()
        )
        for products in (square_kept, in_depth)
    ]
    return RingSums(square, beyond, beside, *found)
