"""The energy score: how far samples of one distribution are from draws of another.

S = E|X - Y| - E|X - X'| / 2 for X, X' made and Y true; its expectation is smallest where both have
one distribution (Gneiting and Raftery, J. Am. Stat. Assoc. 102 (2007) 359, section 4.3).  A mean
alone, or a spread that is too small, does not lower it.
"""

from __future__ import annotations

import torch
from torch import Tensor

SMALLEST = 1e-8
"""Under the roots of squared distances, which have no slope at zero."""


def energy_score(made: Tensor, true: Tensor, conditions: int) -> Tensor:
    """The mean score over ``conditions`` groups of rows that belong to one condition each.

    ``made`` (conditions x K, D) with K >= 2 and ``true`` (conditions x M, D).

    >>> torch.manual_seed(0).seed() and None
    >>> true = torch.randn(4000, 1)
    >>> right = energy_score(torch.randn(4000, 1), true, 2)
    >>> narrow = energy_score(0.5 * torch.randn(4000, 1), true, 2)
    >>> bool(right < narrow)
    True
    """
    made, true = (rows.reshape(conditions, -1, rows.shape[1]) for rows in (made, true))
    centre = true.mean(1, keepdim=True)
    made, true = made - centre, true - centre
    number = made.shape[1]
    apart = _distances(made, made)
    others = 1.0 - torch.eye(number, device=made.device)
    within = (apart * others).sum() / (conditions * number * (number - 1))
    return _distances(made, true).mean() - 0.5 * within


def pair_distance(made: Tensor, true: Tensor) -> Tensor:
    """The mean distance of rows (N, D) from their partners.

    >>> made, true = torch.tensor([[3.0, 4.0], [1.0, 0.0]]), torch.zeros(2, 2)
    >>> round(float(pair_distance(made, true)), 3)
    3.0
    """
    return (made - true).square().sum(1).add(SMALLEST).sqrt().mean()


def _distances(rows: Tensor, others: Tensor) -> Tensor:
    """Distances (C, K, M) of rows (C, K, D) from others (C, M, D).

    From squares and products: few rows of many features, whose differences need not be kept.
    """
    squares = rows.square().sum(-1).unsqueeze(2) + others.square().sum(-1).unsqueeze(1)
    return (squares - 2.0 * rows @ others.transpose(1, 2)).clamp(min=0.0).add(SMALLEST).sqrt()
