"""Measures how the energy of a cell is distributed, given its expectation, on Geant4 showers.

Cells are sorted by their expectation and the energy of their layer; of each class, a histogram of
energy over expectation is kept.  The sampler's table follows from its quantiles, and a shift of the
expectation, per layer and energy, makes the mean number of hits right.

The cells of a layer add up to its energy, measured ones as well as sampled ones after their
scaling.  Where independent cells have a relative variance k / m, that leaves k (1 - m / L) / m to a
cell that expects m of the layer's L: in the core half of it.  The table must hold what independent
cells have, so a measured cell counts in the row of m / (1 - m / L).  Not so in faint layers, where
the question is which cells are hit: scaling does not change that.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from caloforge.networks.factorised.deposits import (
    CLASSES,
    EXPECTATIONS,
    QUANTILES,
    STEPS_PER_DECADE,
    DepositSampler,
)
from caloforge.networks.factorised.fit.expectation import ExpectedShowers

BIN_WIDTH = 0.025
LOWEST_LOG_RATIO, HIGHEST_LOG_RATIO = -18.5, 13.5
BINS = round((HIGHEST_LOG_RATIO - LOWEST_LOG_RATIO) / BIN_WIDTH)
RATIOS = torch.exp(LOWEST_LOG_RATIO + BIN_WIDTH * (torch.arange(BINS, dtype=torch.float64) + 0.5))
"""Energy over expectation in the middle of each bin."""
FEWEST_HITS = 20
SINGLE_DEPOSIT_ROW = 2 * STEPS_PER_DECADE
"""Row (m = 1 keV) under which a hit is one deposit: its energy does not depend on m, its
probability is proportional to m."""
FINE = 4
LARGEST_SHIFT = 3.0
MISSED_LOG_RATIO = -20.0
FAINTEST_HIT = math.exp(0.5 * (MISSED_LOG_RATIO + LOWEST_LOG_RATIO))
"""Energy over expectation that no hit is below, and nothing else above."""
LARGEST_SHARE = 0.95
FAINT = 4.0
"""Times what the classes call faint."""
GOLDEN = 0.6180339887
"""Steps of the golden ratio fill the unit interval evenly, however many rows there are."""


class DepositMeasurement:
    """Histograms of the cells of many showers; :meth:`apply` makes the sampler's tables of them."""

    def __init__(self, sampler: DepositSampler) -> None:
        self.sampler = sampler
        knots, layers = sampler.shift.shape
        shape = (knots, layers, CLASSES, EXPECTATIONS * FINE)
        self.cells = torch.zeros(CLASSES, EXPECTATIONS, dtype=torch.float64)
        self.energies = torch.zeros(CLASSES, EXPECTATIONS, BINS, dtype=torch.float64)
        self.expectations = torch.zeros(shape, dtype=torch.float64)
        self.hits = torch.zeros(knots, layers, dtype=torch.float64)

    def reset(self) -> None:
        """Forget the showers, and the shifts through which cells find their rows."""
        for histogram in (self.cells, self.energies, self.expectations, self.hits):
            histogram.zero_()
        self.sampler.shift.fill_(self.sampler.usual_shift)

    def state_dict(self) -> dict[str, Tensor]:
        """The histograms."""
        return {name: getattr(self, name) for name in ("cells", "energies", "expectations", "hits")}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """The inverse of :meth:`state_dict`."""
        for name, value in state.items():
            getattr(self, name).copy_(value)

    def add(self, showers: ExpectedShowers) -> None:
        """Count the cells of the windows and their expectations."""
        cells, expected = showers.window, showers.expected
        layer_energy, condition = showers.layer_energy, showers.condition
        place = self._place(expected, showers)
        known = self.sampler.classes
        classes = known.of(layer_energy).long()[:, None, None]
        faint = FAINT * known.faint_gev
        whole = torch.where(layer_energy < faint, math.inf, layer_energy)[:, None, None]
        independent = expected / (1.0 - (expected / whole).clamp(max=LARGEST_SHARE))
        row = torch.round(self._place(independent, showers)).long() + classes * EXPECTATIONS
        self.cells += counted(row, self.cells)
        hit = cells > 0
        ratio = (torch.log(cells[hit] / expected[hit]) - LOWEST_LOG_RATIO) / BIN_WIDTH
        index = row[hit] * BINS + ratio.long().clamp(0, BINS - 1)
        self.energies += counted(index, self.energies)
        weights = condition.weights.double()
        self.hits += weights.T @ hit.sum(dim=(1, 2)).double()
        layer = torch.arange(cells.shape[3])
        fine = (place * FINE).long() + (layer * CLASSES + classes) * (EXPECTATIONS * FINE)
        for knot in range(len(self.hits)):
            weight = weights[:, knot, None, None, None].expand_as(fine)
            self.expectations[knot] += counted(fine, self.expectations[knot], weight)

    def _place(self, expected: Tensor, showers: ExpectedShowers) -> Tensor:
        place = self.sampler.coordinate(expected, showers.condition, showers.larger)
        return place.clamp(0.0, EXPECTATIONS - 1.0)

    def apply(self) -> None:
        """Set the table and the shifts of the sampler."""
        table, probability = self.tables()
        self.sampler.table.copy_(table.flatten())
        self.sampler.shift.copy_(self.sampler.usual_shift + self._shifts(probability))

    def tables(self) -> tuple[Tensor, Tensor]:
        """Energy over expectation (classes, rows, columns); hit probability (classes, rows)."""
        table = torch.zeros(CLASSES, EXPECTATIONS, QUANTILES)
        probability = torch.zeros(CLASSES, EXPECTATIONS, dtype=torch.float64)
        for number in range(CLASSES):
            counts, cells = self._enough(number)
            reference = counts[SINGLE_DEPOSIT_ROW]
            for row in range(EXPECTATIONS):
                below = max(0, SINGLE_DEPOSIT_ROW - row) * math.log(10.0) / STEPS_PER_DECADE
                histogram = reference if below else counts[row]
                if histogram.sum() == 0:
                    table[number, row], probability[number, row] = table[number, row - 1], 1.0
                    continue
                in_row = SINGLE_DEPOSIT_ROW if below else row
                chance = float(histogram.sum() / cells[in_row]) * math.exp(-below)
                table[number, row] = quantile_row(histogram, chance, row)
                probability[number, row] = chance
        return table, probability

    def _enough(self, number: int) -> tuple[Tensor, Tensor]:
        """Histograms and cell counts of a class's rows; rows with few hits: of all classes."""
        few = self.energies[number].sum(dim=1) < FEWEST_HITS
        counts = torch.where(few[:, None], self.energies.sum(dim=0), self.energies[number])
        return counts, torch.where(few, self.cells.sum(dim=0), self.cells[number])

    def _shifts(self, probability: Tensor) -> Tensor:
        """Shifts (knots, Z) in rows: with them, ``probability`` (classes, rows) gives the hits."""
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


def counted(index: Tensor, like: Tensor, weight: Tensor | None = None) -> Tensor:
    """How often each place of a tensor is in an index of any shape; ``weight``: of every time."""
    weights = None if weight is None else weight.flatten()
    return torch.bincount(index.flatten(), weights, minlength=like.numel()).view_as(like)


def quantile_row(histogram: Tensor, probability: float, row: int = 0) -> Tensor:
    """Mean of energy over expectation (QUANTILES,) in the steps of u**(1/4), large ones first.

    ``histogram`` (BINS,): hits in log(energy / expectation); ``probability``: of a hit.  The
    integral over u is one: the mean of the cell's energy over its expectation.  The last step with
    hits spans decades of energy.  It holds not their mean but one hit, at another place of its
    width in every ``row``: rows are drawn at random, and together make the faint hits.  Steps
    without a hit hold, under any hit, probability / u over the row's expectation: a layer in which
    no cell is hit gives its energy to the cell that was nearest to it, and a cell is the nearest in
    proportion to its probability.
    """
    occupied = max(1, round(probability**0.25 * QUANTILES))
    edges = (torch.arange(QUANTILES + 1, dtype=torch.float64) / QUANTILES) ** 4
    ratio = RATIOS.flip(0)
    counts = histogram.flip(0) / histogram.sum()
    share = torch.cat([torch.zeros(1, dtype=torch.float64), counts.cumsum(0)])
    energy = torch.cat([torch.zeros(1, dtype=torch.float64), (counts * ratio).cumsum(0)])
    inside = edges[: occupied + 1] / edges[occupied]
    hit = _interpolated(inside, share, energy).diff() / inside.diff()
    place = _bin_of(inside[-2] + row * GOLDEN % 1.0 * (inside[-1] - inside[-2]), share)
    hit[-1] = ratio[place]
    hit = hit / (hit @ edges[: occupied + 1].diff())
    beyond = torch.arange(QUANTILES - occupied, dtype=torch.float64)
    missed = MISSED_LOG_RATIO - 4.0 * torch.log1p((beyond + 0.5) / occupied)
    missed = missed - row * math.log(10.0) / STEPS_PER_DECADE
    return torch.cat([hit, torch.exp(missed)]).float()


def _bin_of(level: Tensor, share: Tensor) -> Tensor:
    """The bin in which the share of hits (BINS + 1,) reaches a level."""
    return (torch.searchsorted(share, level, right=True) - 1).clamp(0, BINS - 1)


def _interpolated(levels: Tensor, share: Tensor, energy: Tensor) -> Tensor:
    """Energy of the hits up to levels of their share; both sums (BINS + 1,) over the bins."""
    below = _bin_of(levels, share)
    width = (share[below + 1] - share[below]).clamp(min=1e-300)
    part = ((levels - share[below]) / width).clamp(0.0, 1.0)
    return energy[below] + part * (energy[below + 1] - energy[below])
