"""How many cells a faint layer hits, drawn; its cells are then asked until as many are hit.

In a layer of one or two particles the number of hits says most of what there is to say, and given
the layer's energy it fluctuates less than that of cells which are asked one by one: Geant4's layers
of 1-2 MeV have 4.6 +- 1.8 hits, independent cells 4.4 +- 2.4, and one hit alone five times as
often.  So the number is drawn, by its measured distribution, and the odds of the quantiles of all
cells of the layer are divided by what makes so many of them hits.  Which cells these are, and how
much they have, is drawn as before: cells whose quantiles have small odds for those of their chance
of a hit come first, about as of independent cells of which so many are hit: if one is, then the pad
that nearly always is, as a muon's.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from caloforge.networks.factorised.deposits import CLASSES, EXPECTATIONS, LayerClasses
from caloforge.networks.factorised.knots import Condition, Knots, look_up
from caloforge.scaling import THRESHOLD_GEV

FAINT = 2.0
"""Layers of less energy are counted, in units of what their classes call faint."""
ENERGIES, PER_OCTAVE = 24, 3
"""Rows of the table, of energies up to the largest."""
COLUMNS = 64
MOST_HITS = 15
ALONE, TOGETHER = 6, 4
"""The first layers have tables of their own, those behind them one for so many."""
LEAST_FACTOR, FIRST_STEP, STEPS = 2.0**-16, 2.0**16, 12
"""The factor of the odds is found between 2**-16 and 2**16, by halving in its logarithm."""
LEAST_REST = 2.0**-24
"""Of one, beside the largest quantile: the least that random numbers of engines tell apart."""
STEEP = 1e9
"""Counts without a comparison, which engines do slowly: differences of two numbers times this are
more than one."""


class HitNumbers(nn.Module):
    """Factors by which the odds of the quantiles of cells are divided in faint layers.

    ``table``: numbers of hits by knot, group of layers, energy and quantile; ``chance``: of a hit
    in the rows of the deposits' table.
    """

    def __init__(self, layers: int, knots: Knots, classes: LayerClasses) -> None:
        super().__init__()
        self.layers, self.knots = layers, knots.size
        self.limit_gev = FAINT * classes.faint_gev
        self.latent_dim = 3 * layers
        group = torch.tensor([group_of(layer) for layer in range(layers)])
        self.groups = int(group.max()) + 1
        self.register_buffer("group", group.float(), persistent=False)
        self.register_buffer("table", torch.ones(self.knots * self.groups * ENERGIES * COLUMNS))
        self.register_buffer("chance", torch.ones(CLASSES * EXPECTATIONS))
        self.group: Tensor
        self.table: Tensor
        self.chance: Tensor

    def forward(
        self,
        quantile: Tensor,
        row: Tensor,
        energy: Tensor,
        condition: Condition,
        latent: Tensor,
        larger: Tensor | None = None,
    ) -> Tensor:
        """Quantiles (N, X, Y, Z) of which as many are hits as were drawn where a layer is faint.

        ``quantile``, and ``row`` of the deposits' table, (N, X, Y, Z); ``energy`` (N, Z) of these
        cells in GeV; ``latent`` (N, latent_dim); ``larger``: as
        :class:`caloforge.networks.factorised.pattern.ExpectedCells` has it.
        """
        number = self.numbers(energy, condition, latent, larger)
        factor = torch.where(self.counts(energy), self.factors(quantile, row, number), 1.0)
        factor = factor[:, None, None]
        return quantile / (quantile + factor * (1.0 - quantile))

    def counts(self, energy: Tensor) -> Tensor:
        """Which layers (N, Z) with these energies in GeV are faint, and not empty."""
        return (energy > THRESHOLD_GEV) & (energy < self.limit_gev)

    def place(self, energy: Tensor, larger: Tensor | None = None) -> Tensor:
        """Places of energies in GeV among the rows of the table: larger deposits are as many as
        those of a layer of so much less energy."""
        octaves = torch.log2((energy / self.limit_gev).clamp(min=1e-9))
        if larger is not None:
            octaves = octaves - larger / math.log(2.0)
        return (octaves * PER_OCTAVE + ENERGIES).clamp(0.0, ENERGIES - 1.0)

    def numbers(
        self, energy: Tensor, condition: Condition, latent: Tensor, larger: Tensor | None = None
    ) -> Tensor:
        """Numbers of hits (N, Z) of layers with these energies in GeV."""
        for_number, for_energy, for_knot = latent.reshape(-1, 3, self.layers).unbind(dim=1)
        below = torch.cumsum(condition.weights, dim=1)[:, :-1, None]
        knot = (below <= for_knot[:, None]).to(energy.dtype).sum(dim=1)
        in_energy = torch.floor((self.place(energy, larger) + for_energy).clamp(max=ENERGIES - 1.0))
        row = (knot * self.groups + self.group) * ENERGIES + in_energy
        return look_up(self.table, row * COLUMNS + torch.floor(for_number * COLUMNS))

    def factors(self, quantile: Tensor, row: Tensor, number: Tensor) -> Tensor:
        """Factors (N, Z) below which ``number`` (N, Z) of the cells have the odds of their quantile
        over those of their chance, or, within half a percent of the next one's, one less."""
        chance = look_up(self.chance, row)
        odds = quantile / (1.0 - quantile).clamp(min=LEAST_REST)
        relative = (odds * (1.0 - chance) / chance).flatten(1, 2).transpose(1, 2)
        relative = relative.contiguous()
        factor, step = torch.full_like(number, LEAST_FACTOR)[..., None], FIRST_STEP
        for _ in range(STEPS):
            tried = factor * step
            below = ((tried - relative) * STEEP).clamp(0.0, 1.0).sum(dim=2, keepdim=True)
            factor = torch.where(below <= number[..., None], tried, factor)
            step = step**0.5
        return factor[..., 0]


def group_of(layer: int) -> int:
    """Which of the tables is a layer's.

    >>> [group_of(layer) for layer in (0, 5, 6, 9, 10)]
    [0, 5, 6, 6, 7]
    """
    return layer if layer < ALONE else ALONE + (layer - ALONE) // TOGETHER
