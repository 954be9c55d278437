"""How far features of showers of one condition spread: what makes their scores comparable."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from caloforge.ranks import group

FORGOTTEN = 0.01
"""Part of what was learned that a batch replaces."""
KNOTS_GEV = tuple(10.0**power for power in np.arange(-2.0, 4.1, 0.25).tolist())
"""Energies at which variances are kept; between them their logarithm is linear in log Ep."""
FEWEST = 1e-6
"""Weight of a knot that has seen nothing."""


class FeatureSpread:
    """Variances of lists of features, learned while it trains, as functions of Ep.

    From true showers of one condition, where batches have several; else from those of neighbouring
    energies, which differ by twice the variance, and by what another angle does to them.
    """

    def __init__(self) -> None:
        self.sums: dict[str, Tensor] = {}
        self.repeats = 1

    def learn(self, true: Mapping[str, Tensor], energy: Tensor, repeats: int = 1) -> None:
        """Add features (N, D), by name, of true showers of energies (N,) in GeV, N >= 2, every
        ``repeats`` rows of one condition."""
        if repeats < self.repeats:
            return
        if repeats > self.repeats:
            self.sums, self.repeats = {}, repeats
        if repeats > 1:
            at = energy[::repeats]
            variances = [_within(feature, repeats) for feature in true.values()]
        else:
            order = energy.argsort()
            at = 0.5 * (energy[order][1:] + energy[order][:-1])
            variances = [_of_neighbours(feature[order]) for feature in true.values()]
        weights = _weights(at.double())
        added = torch.stack(
            [torch.stack([weights.sum(0), variance @ weights]) for variance in variances]
        )
        added = group.gathered(added[None].cpu()).mean(0)
        for name, new in zip(true, added, strict=True):
            self.sums[name] = torch.lerp(self.sums.get(name, new), new, FORGOTTEN)

    def of(self, names: Collection[str], energy: Tensor) -> dict[str, Tensor]:
        """Standard deviations (N, 1), each over all features of a list together, at energies (N,)
        in GeV."""
        place, deviations = energy.log().cpu().numpy(), []
        for name in names:
            weight, variance = self.sums[name]
            seen = weight > FEWEST
            logarithm = (variance[seen] / weight[seen]).clamp(min=1e-12).log()
            at = np.interp(place, np.log(KNOTS_GEV)[seen.numpy()], logarithm.numpy())
            deviations.append(np.exp(0.5 * at))
        there = torch.from_numpy(np.stack(deviations)).to(energy, non_blocking=True)
        return dict(zip(names, there.unsqueeze(2), strict=True))

    def state_dict(self) -> dict[str, Any]:
        """What was learned."""
        return {"sums": self.sums, "repeats": self.repeats}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The inverse of :meth:`state_dict`."""
        self.sums, self.repeats = dict(state["sums"]), state["repeats"]


def _within(rows: Tensor, repeats: int) -> Tensor:
    """Variances (C,) of rows (C x repeats, D) of C conditions, summed over D."""
    return rows.double().reshape(-1, repeats, rows.shape[1]).var(1).sum(1)


def _of_neighbours(rows: Tensor) -> Tensor:
    """Half the squares (N - 1,) of neighbours' differences, of rows (N, D), summed over D."""
    return 0.5 * rows.double().diff(dim=0).square().sum(1)


def _weights(energy: Tensor) -> Tensor:
    """Weights (N, K) of the knots on either side of energies (N,) in GeV."""
    first, last = (math.log(KNOTS_GEV[place]) for place in (0, -1))
    place = (energy.log() - first) * ((len(KNOTS_GEV) - 1) / (last - first))
    place = place.clamp(0, len(KNOTS_GEV) - 1).unsqueeze(1)
    knots = torch.arange(len(KNOTS_GEV), dtype=place.dtype, device=place.device)
    return (1.0 - (place - knots).abs()).clamp(min=0.0)
