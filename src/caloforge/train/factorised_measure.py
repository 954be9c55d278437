"""Measures how the energy of a cell is distributed, given its expectation, on Geant4 showers.

Cells are sorted by their expectation and the energy of their layer; of each sort, a histogram of
energy over expectation is kept.  The sampler's table follows from its quantiles, and a shift of the
expectation, per layer and energy, makes the mean number of hits right.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from caloforge.models.factorised_deposits import (
    EXPECTATIONS,
    LAYER_CLASSES,
    QUANTILES,
    STEPS_PER_DECADE,
    DepositSampler,
    layer_class,
)
from caloforge.models.factorised_knots import Condition

BIN_WIDTH = 0.025
LOWEST_LOG_RATIO, HIGHEST_LOG_RATIO = -18.5, 13.5
BINS = round((HIGHEST_LOG_RATIO - LOWEST_LOG_RATIO) / BIN_WIDTH)
FEWEST_HITS = 400
SINGLE_DEPOSIT_ROW = 2 * STEPS_PER_DECADE
"""Row (m = 1 keV) under which a hit is one deposit: its energy does not depend on m, its
probability is proportional to m."""
FINE = 4
LARGEST_SHIFT = 3.0
MISSED_LOG_RATIO, FAINTEST_LOG_RATIO = -20.0, -50.0


class DepositMeasurement:
    """Histograms of the cells of many showers; :meth:`apply` turns them into a sampler's tables."""

    def __init__(self, sampler: DepositSampler) -> None:
        self.sampler = sampler
        knots, layers = sampler.shift.shape
        shape = (knots, layers, LAYER_CLASSES, EXPECTATIONS * FINE)
        self.cells = torch.zeros(LAYER_CLASSES, EXPECTATIONS, dtype=torch.float64)
        self.energies = torch.zeros(LAYER_CLASSES, EXPECTATIONS, BINS, dtype=torch.float64)
        self.expectations = torch.zeros(shape, dtype=torch.float64)
        self.hits = torch.zeros(knots, layers, dtype=torch.float64)

    def state_dict(self) -> dict[str, Tensor]:
        """The histograms."""
        return {name: getattr(self, name) for name in ("cells", "energies", "expectations", "hits")}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """The inverse of :meth:`state_dict`."""
        for name, value in state.items():
            getattr(self, name).copy_(value)

    def add(
        self, cells: Tensor, layer_energy: Tensor, expected: Tensor, condition: Condition
    ) -> None:
        """Count cells and their expectations (N, X, Y, Z), and layer energies (N, Z), in GeV."""
        place = self.sampler.coordinate(expected, condition).clamp(0.0, EXPECTATIONS - 1.0)
        sort = layer_class(layer_energy).long()[:, None, None]
        row = torch.round(place).long() + sort * EXPECTATIONS
        self.cells += torch.bincount(row.flatten(), minlength=self.cells.numel()).view_as(
            self.cells
        )
        hit = cells > 0
        ratio = (torch.log(cells[hit] / expected[hit]) - LOWEST_LOG_RATIO) / BIN_WIDTH
        index = row[hit] * BINS + ratio.long().clamp(0, BINS - 1)
        counts = torch.bincount(index, minlength=self.energies.numel())
        self.energies += counts.view_as(self.energies)
        weights = condition.weights.double()
        self.hits += weights.T @ hit.sum(dim=(1, 2)).double()
        layer = torch.arange(cells.shape[3])
        fine = (place * FINE).long() + (layer * LAYER_CLASSES + sort) * (EXPECTATIONS * FINE)
        size = self.expectations[0].numel()
        for knot in range(len(self.hits)):
            weight = weights[:, knot, None, None, None].expand_as(fine)
            found = torch.bincount(fine.flatten(), weight.flatten(), minlength=size)
            self.expectations[knot] += found.view_as(self.expectations[knot])

    def apply(self, sampler: DepositSampler) -> None:
        """Set the table and the shifts of a sampler."""
        table, probability = self._tables()
        sampler.table.copy_(table.flatten())
        sampler.shift.copy_(self._shifts(probability))

    def _tables(self) -> tuple[Tensor, Tensor]:
        """Energy over expectation (sorts, rows, columns); hit probability (sorts, rows)."""
        table = torch.zeros(LAYER_CLASSES, EXPECTATIONS, QUANTILES)
        probability = torch.zeros(LAYER_CLASSES, EXPECTATIONS, dtype=torch.float64)
        for sort in range(LAYER_CLASSES):
            counts, cells = self._enough(sort)
            reference = counts[SINGLE_DEPOSIT_ROW]
            for row in range(EXPECTATIONS):
                below = max(0, SINGLE_DEPOSIT_ROW - row) * math.log(10.0) / STEPS_PER_DECADE
                histogram = reference if below else counts[row]
                if histogram.sum() == 0:
                    table[sort, row], probability[sort, row] = table[sort, row - 1], 1.0
                    continue
                in_row = SINGLE_DEPOSIT_ROW if below else row
                chance = float(histogram.sum() / cells[in_row]) * math.exp(-below)
                table[sort, row] = quantile_row(histogram, chance)
                probability[sort, row] = chance
        return table, probability

    def _enough(self, sort: int) -> tuple[Tensor, Tensor]:
        """Histograms and cell counts of the sort's rows; rows with few hits: of all sorts."""
        few = self.energies[sort].sum(dim=1) < FEWEST_HITS
        counts = torch.where(few[:, None], self.energies.sum(dim=0), self.energies[sort])
        return counts, torch.where(few, self.cells.sum(dim=0), self.cells[sort])

    def _shifts(self, probability: Tensor) -> Tensor:
        """Shifts (knots, Z) in rows: with them, ``probability`` (sorts, rows) gives the hits."""
        place = (torch.arange(EXPECTATIONS * FINE, dtype=torch.float64) + 0.5) / FINE
        low = torch.full_like(self.hits, -LARGEST_SHIFT)
        high = -low
        for _ in range(30):
            middle = 0.5 * (low + high)
            at = (place + middle[..., None]).clamp(0.0, EXPECTATIONS - 1.001)
            row = at.long()
            below, above = probability[:, row], probability[:, row + 1]
            chance = (below + (above - below) * (at - row)).permute(1, 2, 0, 3)
            too_few = (self.expectations * chance).sum(dim=(2, 3)) < self.hits
            low, high = torch.where(too_few, middle, low), torch.where(too_few, high, middle)
        return 0.5 * (low + high)


def quantile_row(histogram: Tensor, probability: float) -> Tensor:
    """Mean of energy over expectation (QUANTILES,) in the steps of u**(1/4), large ones first.

    ``histogram`` (BINS,): hits in log(energy / expectation); ``probability``: of a hit.  The
    integral over u is one: the mean of the cell's energy is its expectation.  Steps without a hit
    fall off steeply under any hit, so that a layer in which no cell is hit gives its energy to the
    cell that was nearest to it.
    """
    occupied = max(1, round(probability**0.25 * QUANTILES))
    edges = (torch.arange(QUANTILES + 1, dtype=torch.float64) / QUANTILES) ** 4
    ratio = torch.exp(
        LOWEST_LOG_RATIO + BIN_WIDTH * (torch.arange(BINS, dtype=torch.float64) + 0.5)
    ).flip(0)
    counts = histogram.flip(0)
    share = torch.cat([torch.zeros(1, dtype=torch.float64), counts.cumsum(0)]) / counts.sum()
    energy = torch.cat([torch.zeros(1, dtype=torch.float64), (counts * ratio).cumsum(0)])
    inside = edges[: occupied + 1] / edges[occupied]
    bin_below = (torch.searchsorted(share, inside, right=True) - 1).clamp(0, BINS - 1)
    width = (share[bin_below + 1] - share[bin_below]).clamp(min=1e-300)
    part = ((inside - share[bin_below]) / width).clamp(0.0, 1.0)
    reached = energy[bin_below] + part * (energy[bin_below + 1] - energy[bin_below])
    hit = reached.diff() / energy[-1] / edges.diff()[:occupied]
    missed = MISSED_LOG_RATIO - torch.arange(QUANTILES - occupied, dtype=torch.float64)
    return torch.cat([hit, torch.exp(missed.clamp(min=FAINTEST_LOG_RATIO))]).float()
