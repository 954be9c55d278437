"""Corrects the tables of deposits for what scaling to the layers' energies makes of them.

A layer's cells are drawn one by one and then scaled to its energy.  In a faint layer a few hits are
all there is: it often got one too few or too many, and the hits' energies move with the scale; in
the first layers, too, where the particle crosses its own pad.  How much that is, is counted, not
computed.  Showers are generated at the measured ones' conditions; where hits of an energy are rarer
than Geant4's among cells of one expectation and one class of layers, the table gets more of them.
That makes more hits than there should be in faint layers, of less energy: in the last rounds all
hits of such a class become rarer together, until there are as many as Geant4 has.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from caloforge.networks.factorised.deposits import (
    CLASSES,
    EXPECTATIONS,
    LAYER_CLASSES,
    LOWEST_GEV,
)
from caloforge.networks.factorised.fit.deposits import (
    ENERGY_BIN_WIDTH,
    ENERGY_BINS,
    DepositMeasurement,
    counted,
)
from caloforge.networks.factorised.fit.expectation import ExpectedShowers
from caloforge.networks.factorised.generator import FactorisedGenerator
from caloforge.networks.factorised.knots import Condition

BATCH = 256
FAINT = list(range(5))
CORRECTED = [*FAINT, *range(LAYER_CLASSES, CLASSES)]
"""Classes that are corrected: faint layers, and the first ones.  In brighter ones scaling changes
little, and a correction would be noise."""
ROUNDS, ROUNDS_OF_NUMBERS = 3, 2
PRIOR, PRIOR_OF_CLASS = 5.0, 50.0
"""Hits that are as they should be, which every bin and every class has beside those counted."""
MOST_IN_ROUND, MOST_CHANGED = 4.0, 20.0
"""Factors by which a probability is corrected, at most."""


class CellCounts:
    """Cells (classes, rows) by class and expectation, and their hits by energy as well."""

    def __init__(self) -> None:
        self.cells = torch.zeros(CLASSES, EXPECTATIONS, dtype=torch.float64)
        self.hits = torch.zeros(CLASSES, EXPECTATIONS, ENERGY_BINS, dtype=torch.float64)

    def add(self, cells: Tensor, row: Tensor) -> None:
        """Count cells in GeV; ``row``, of the same shape, counts through all classes."""
        self.cells += counted(row, self.cells)
        hit = cells > 0
        number = (torch.log(cells[hit] / LOWEST_GEV) / ENERGY_BIN_WIDTH).long()
        number = number.clamp(0, ENERGY_BINS - 1)
        self.hits += counted(row[hit] * ENERGY_BINS + number, self.hits)

    def over(self, made: CellCounts) -> Tensor:
        """Probabilities (classes, rows, ENERGY_BINS) of hits of an energy, over those of others."""
        wanted, found = (_smooth(_smooth(_smooth(each.hits, 1), 1), 2) for each in (self, made))
        cells, of_made = (
            _smooth(_smooth(each.cells, 1), 1).clamp(min=1e-9) for each in (self, made)
        )
        found = found * (cells / of_made)[..., None]
        return ((wanted + PRIOR) / (found + PRIOR)).clamp(1.0 / MOST_IN_ROUND, MOST_IN_ROUND)

    def number_over(self, made: CellCounts) -> Tensor:
        """Hits (classes,) of a layer, over those of others."""
        wanted, found = (each.hits.sum(dim=(1, 2)) for each in (self, made))
        cells, of_made = (each.cells.sum(dim=1).clamp(min=1.0) for each in (self, made))
        return (wanted + PRIOR_OF_CLASS) / (found * (cells / of_made) + PRIOR_OF_CLASS)


class FeedbackMeasurement:
    """Counts the cells of measured showers; :meth:`apply` corrects the tables that ``deposits``
    has set."""

    def __init__(self, generator: FactorisedGenerator, deposits: DepositMeasurement) -> None:
        self.generator, self.deposits = generator, deposits
        self.reset()

    def reset(self) -> None:
        """Forget the showers."""
        self.measured = CellCounts()
        self.conditions: list[list[Tensor]] = []

    def state_dict(self) -> dict[str, Any]:
        """Counts and conditions."""
        counts = self.measured
        return {"cells": counts.cells, "hits": counts.hits, "conditions": self.conditions}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The inverse of :meth:`state_dict`."""
        self.measured.cells.copy_(state["cells"])
        self.measured.hits.copy_(state["hits"])
        self.conditions = state["conditions"]

    def add(self, expected: ExpectedShowers) -> None:
        """Count the cells of the windows."""
        condition = expected.condition
        row = self._rows(expected.expected, expected.layer_energy, condition)
        self.measured.add(expected.window, row)
        self.conditions.append([condition.energy, condition.theta])

    def apply(self) -> None:
        """Correct the table of the sampler."""
        factor = torch.ones_like(self.measured.hits)
        for _ in range(ROUNDS):
            factor[CORRECTED] *= self.measured.over(self._made())[CORRECTED]
            self._set(factor)
        for _ in range(ROUNDS_OF_NUMBERS):
            factor[FAINT] *= self.measured.number_over(self._made())[FAINT, None, None]
            self._set(factor)

    def _set(self, factor: Tensor) -> None:
        """Set the table with hits so many times (classes, rows, ENERGY_BINS) as often."""
        factor.clamp_(1.0 / MOST_CHANGED, MOST_CHANGED)
        self.deposits.sampler.table.copy_(self.deposits.tables(factor)[0].flatten())

    def _made(self) -> CellCounts:
        """Counts of showers generated at the conditions of those that were added."""
        counts, generator = CellCounts(), self.generator
        energy, theta = map(torch.cat, zip(*self.conditions, strict=True))
        for e, t in zip(torch.split(energy, BATCH), torch.split(theta, BATCH), strict=True):
            made = generator.make(generator.draw_latent(len(e)), e, t)
            counts.add(made.cells, self._rows(made.expected, made.layer_energy, made.condition))
        return counts

    def _rows(self, expected: Tensor, layer_energy: Tensor, condition: Condition) -> Tensor:
        """The table's row of each cell (N, X, Y, Z) without the layers' shifts, which are not known
        when the first shower comes, counted through all classes."""
        sampler = self.deposits.sampler
        shift = (condition.weights @ sampler.shift)[:, None, None]
        place = sampler.coordinate(expected, condition) - shift
        classes = sampler.classes.of(layer_energy).long()[:, None, None]
        return torch.round(place.clamp(0.0, EXPECTATIONS - 1.0)).long() + classes * EXPECTATIONS


def _smooth(values: Tensor, dim: int) -> Tensor:
    """Values of which a quarter goes to each neighbour along a dimension."""
    ends = values.narrow(dim, 0, 1), values.narrow(dim, values.shape[dim] - 1, 1)
    padded = torch.cat([ends[0], values, ends[1]], dim=dim)
    before, here, after = (padded.narrow(dim, start, values.shape[dim]) for start in range(3))
    return 0.25 * (before + after) + 0.5 * here
