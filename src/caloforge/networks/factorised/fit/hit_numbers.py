"""Measures how many cells a faint layer hits, given its energy, on Geant4 showers."""

from __future__ import annotations

import torch
from torch import Tensor

from caloforge.networks.factorised.deposits import QUANTILES, DepositSampler
from caloforge.networks.factorised.fit.deposits import FAINTEST_HIT, counted
from caloforge.networks.factorised.fit.expectation import ExpectedShowers
from caloforge.networks.factorised.hit_numbers import COLUMNS, ENERGIES, MOST_HITS, HitNumbers

PRIOR = 5.0
"""Layers of a group at any Ep that each of its knots has beside its own, and layers of any depth
that each group has."""


class HitNumberMeasurement:
    """Counts layers by their number of hits; :meth:`apply` sets the table, and the chances of hits
    in the table of deposits, which stands by then."""

    def __init__(self, numbers: HitNumbers, deposits: DepositSampler) -> None:
        self.numbers, self.deposits = numbers, deposits
        shape = (numbers.knots, numbers.groups, ENERGIES, MOST_HITS + 1)
        self.layers = torch.zeros(shape, dtype=torch.float64)

    def reset(self) -> None:
        """Forget the showers."""
        self.layers.zero_()

    def state_dict(self) -> dict[str, Tensor]:
        """The counts."""
        return {"layers": self.layers}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """The inverse of :meth:`state_dict`."""
        self.layers.copy_(state["layers"])

    def add(self, expected: ExpectedShowers) -> None:
        """Count the faint layers of the windows."""
        energy = expected.window.sum(dim=(1, 2))
        hits = (expected.window > 0).sum(dim=(1, 2)).clamp(1, MOST_HITS)
        in_energy = torch.round(self.numbers.place(energy, expected.larger)).long()
        index = self.numbers.group.long() * ENERGIES + in_energy
        index = index * (MOST_HITS + 1) + hits
        weights = expected.condition.weights.double()
        faint = self.numbers.counts(energy)
        for knot in range(self.numbers.knots):
            weight = weights[:, knot, None].expand_as(index)[faint]
            self.layers[knot] += counted(index[faint], self.layers[knot], weight)

    def apply(self) -> None:
        """Set the table and the chances."""
        of_energy = self.layers.sum(dim=(0, 1))
        of_energy[:, 1] += 1.0
        of_energy = of_energy / of_energy.sum(dim=-1, keepdim=True)
        of_group = _with_prior(self.layers.sum(dim=0), of_energy)
        below = _with_prior(self.layers, of_group).cumsum(dim=-1)
        level = (torch.arange(COLUMNS, dtype=torch.float64) + 0.5) / COLUMNS
        number = (below[..., None, :-1] < level[:, None]).sum(dim=-1)
        self.numbers.table.copy_(number.flatten())
        self.numbers.chance.copy_(chances(self.deposits.table))


def chances(table: Tensor) -> Tensor:
    """Chances (rows,) of a hit in the rows of a table of deposits."""
    hits = (table.view(-1, QUANTILES) > FAINTEST_HIT).sum(dim=1)
    return (hits.double() / (QUANTILES - 0.01)).clamp(max=1.0) ** 4


def _with_prior(layers: Tensor, prior: Tensor) -> Tensor:
    """Shares (..., MOST_HITS + 1) of layers, beside some that are distributed as the prior."""
    return (layers + PRIOR * prior) / (layers.sum(dim=-1, keepdim=True) + PRIOR)
