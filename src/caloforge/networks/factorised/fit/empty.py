"""Layers without energy: their probability, and normal scores that stand for them.

A layer without energy has no logarithm.  Taken for one faint energy it is a lump in the normal
scores, and half of all photons have not converted in the first layers.  So the table of quantiles
says below which score a layer is empty, and the score of an empty layer is any below that: drawn
from what the scores of the other layers make likely, if all were normal with their correlations
(a censored Gaussian, sampled in turn layer by layer).  Where layers are counted from that in which
the shower begins, those beyond the calorimeter are unknown: theirs may be any score.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy.special import ndtr, ndtri
from torch import Tensor

from caloforge.networks.factorised.conversion import FLOOR_GEV
from caloforge.networks.factorised.fit.window import around_knots, local_trend
from caloforge.networks.factorised.knots import Condition
from caloforge.networks.factorised.layers import LayerEnergies, log_fraction
from caloforge.typing import Float64Array

DROP = 4.5
"""How far below the floor, in the logarithm, an empty layer's entry in the table lies: about as far
as energies lie above it, so that between two knots the probability is about between theirs."""
FARTHEST = 3.0
"""Times DROP, the lowest entry."""
FEWEST_FILLED, MOST_EMPTY = 10, 1.0 - 1e-4
"""Showers with energy in a layer from which on it has any."""
SWEEPS, SWEEPS_TO_MEET = 3, 15
"""Rounds over the layers, for given correlations and to find them."""
LARGEST_SCORE = 5.0
RIDGE = 1e-3


def censored_at(layers: LayerEnergies, layer_energy: Tensor, condition: Condition) -> Tensor:
    """Quantiles (knots, Z, levels) of log(E / Ep) of layer energies (N, Z) in GeV: below the score
    that says how often a layer is empty, what the generator takes for no energy.

    The trend of few showers can point anywhere: no entry is above all that were measured.
    """
    knots, levels = layers.knots, layers.levels.double().numpy()
    layer_energy, unknown = layers.counted(layer_energy)
    known = (~unknown).numpy()
    filled = (layer_energy >= FLOOR_GEV).numpy()
    values = log_fraction(layer_energy, condition.energy).double().numpy()
    around = around_knots(knots, condition.energy, condition.theta)
    tables = []
    for (distance, weight), energy in zip(around, knots.energies().tolist(), strict=True):
        floor = math.log(FLOOR_GEV / energy)
        table = np.full((layers.size, len(levels)), floor - DROP)
        for layer, rows in enumerate(filled.T):
            of_known = weight[known[:, layer]].sum()
            empty = 1.0 - weight[rows].sum() / of_known if of_known > 0 else 1.0
            if rows.sum() >= FEWEST_FILLED and empty < MOST_EMPTY:
                level = values[rows, layer]
                level = level - distance[rows] @ local_trend(level, distance[rows], weight[rows])
                most = max(values[rows, layer].max(), floor)
                level = np.clip(level, floor, most)
                table[layer] = _row(level, weight[rows], empty, levels, floor)
        tables.append(table)
    return torch.from_numpy(np.stack(tables)).float()


def first_scores(layers: LayerEnergies, layer_energy: Tensor, condition: Condition) -> Tensor:
    """Scores (N, Z) of layer energies, those of empty layers drawn with the correlations that all
    scores then have; always the same."""
    score, empty, below = _known(layers, layer_energy, condition)
    random = torch.Generator().manual_seed(0)
    precision = torch.eye(layers.size)
    for _ in range(SWEEPS_TO_MEET):
        uniform = torch.rand(1, *score.shape, generator=random)
        score = draw_empty(score, empty, below, precision, uniform)
        covariance = torch.cov(score.double().T) + RIDGE * torch.eye(layers.size)
        precision = torch.linalg.inv(covariance).float()
    return score


def drawn_scores(
    layers: LayerEnergies, layer_energy: Tensor, condition: Condition, uniform: Tensor
) -> Tensor:
    """Scores (N, Z) of layer energies (N, Z) in GeV, those of empty layers drawn with the
    correlations that were measured; ``uniform`` (N, SWEEPS, Z) in [0, 1)."""
    score, empty, below = _known(layers, layer_energy, condition)
    precision = layers.whitening.T @ layers.whitening
    start = _under(torch.zeros(()), torch.ones(()), below, uniform[:, 0])
    score = torch.where(empty, start, score)
    return draw_empty(score, empty, below, precision, uniform.transpose(0, 1))


def empty_below(layers: LayerEnergies, condition: Condition) -> Tensor:
    """Scores (N, Z) under which the generator makes no energy."""
    table = layers.table(condition)
    floor = (math.log(FLOOR_GEV) - condition.energy.log())[:, None]
    last = len(layers.levels) - 1
    over = table >= floor[..., None]
    above = torch.where(over.any(dim=2), over.float().argmax(dim=2), last)
    below = (above - 1).clamp(min=0)
    low, high = (table.gather(2, at[..., None])[..., 0] for at in (below, above))
    part = ((floor - low) / (high - low).clamp(min=1e-6)).clamp(0.0, 1.0)
    return layers.levels[below] + part * (layers.levels[above] - layers.levels[below])


def draw_empty(
    score: Tensor, empty: Tensor, below: Tensor, precision: Tensor, uniform: Tensor
) -> Tensor:
    """Scores (N, Z) with those that are ``empty`` drawn anew, below their limits.

    ``precision`` (Z, Z): inverse of the scores' covariance; ``uniform`` (sweeps, N, Z): numbers in
    [0, 1) that the draws are made of.
    """
    scores = list(score.T)
    for numbers in uniform:
        for layer in torch.nonzero(empty.any(dim=0))[:, 0].tolist():
            now = torch.stack(scores, dim=1)
            width = precision[layer, layer] ** -0.5
            mean = now[:, layer] - (now @ precision[layer]) * width**2
            drawn = _under(mean, width, below[:, layer], numbers[:, layer])
            scores[layer] = torch.where(empty[:, layer], drawn, now[:, layer])
    return torch.stack(scores, dim=1)


def _known(
    layers: LayerEnergies, layer_energy: Tensor, condition: Condition
) -> tuple[Tensor, Tensor, Tensor]:
    """Scores (N, Z) of layers with energy; which layers are to be drawn, and under what."""
    energies, unknown = layers.counted(layer_energy)
    score = layers.scores(energies.clamp(min=FLOOR_GEV), condition)
    below = torch.where(unknown, LARGEST_SCORE, empty_below(layers, condition))
    return score, energies < FLOOR_GEV, below


def _under(mean: Tensor, width: Tensor, limit: Tensor, uniform: Tensor) -> Tensor:
    """Normal numbers of this mean and width, under a limit, from uniform ones."""
    share = torch.special.ndtr((limit - mean) / width) * uniform
    number = mean + width * torch.special.ndtri(share.clamp(1e-7, 1.0 - 1e-7))
    return torch.minimum(number, limit).clamp(-LARGEST_SCORE, LARGEST_SCORE)


def _row(
    level: Float64Array, weight: Float64Array, empty: float, scores: Float64Array, floor: float
) -> Float64Array:
    """Quantiles at normal scores of a layer that is empty with this probability, else at one of
    the levels (n,) above the floor; between two scores the line crosses the floor where it must."""
    order = np.argsort(level)
    share = (np.cumsum(weight[order]) - 0.5 * weight[order]) / weight.sum()
    row: Float64Array = np.interp((ndtr(scores) - empty) / (1.0 - empty), share, level[order])
    limit = ndtri(empty) if empty > 0 else -np.inf
    last = int(np.searchsorted(scores, limit, side="right")) - 1
    if last < 0:
        return row
    row[:last] = floor - DROP
    row[last] = floor - DROP
    if last + 1 < len(scores):
        part = float((limit - scores[last]) / (scores[last + 1] - scores[last]))
        above = row[last + 1] - floor
        row[last] = floor - min(above * part / (1.0 - part), FARTHEST * DROP)
        row[:last] = min(floor - DROP, row[last])
    return row
