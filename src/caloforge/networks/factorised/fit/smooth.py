"""Mean and width of a quantity as smooth functions of Ep, as far as few showers tell them.

At every knot they are free, but bends between the knots cost (penalised splines: Eilers and Marx,
Stat. Sci. 11 (1996) 89), as much as predicts best what was left out (generalised cross-validation:
Craven and Wahba, Numer. Math. 31 (1979) 377).  Many showers thus say how it is at each knot, few of
them only that it rises or falls.
"""

from __future__ import annotations

import torch
from torch import Tensor

from caloforge.networks.factorised.knots import Knots

PENALTIES = torch.logspace(-2, 6, 17, dtype=torch.float64)
"""Costs of bends that are tried, in units of what a shower weighs."""
ROUNDS, LARGEST_STEP = 30, 1.0
"""Steps in which the variance's power law is found, and how far one goes in its logarithm."""
FAR = 25.0
"""Times the median of the squares, from which on one tells nothing of the power law: of normal
values one in a thousand is larger, of a long tail those that would bend it."""
LEAST_RATIO = 0.25
"""Of the variance to its power law; few showers show less by chance."""


def smooth_moments(knots: Knots, weights: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and width at the knots (K,) of values (N,) with weights (N, K) between the knots."""
    weights, values = weights.double(), values.double()
    bends = _bends(knots)
    at_knots = torch.stack([torch.ones(knots.size), knots.grid[:, 0]], dim=1).double()
    at_showers = weights @ at_knots
    mean = _spline(weights, values, torch.ones_like(values), bends)
    for _ in range(2):  # the mean needs to know where the values spread
        law = _power_law(at_showers, (values - weights @ mean) ** 2)
        usual = (at_showers @ law).exp()
        mean = _spline(weights, values, usual.mean() / usual, bends)
    ratio = _spline(weights, (values - weights @ mean) ** 2 / usual, torch.ones_like(values), bends)
    width = ((at_knots @ law).exp() * ratio.clamp(min=LEAST_RATIO)).sqrt()
    return mean.float(), width.float()


def _bends(knots: Knots) -> Tensor:
    """Penalty (K, K): squares of the second differences along Ep."""
    energies = knots.counts[0]
    second = torch.eye(energies, dtype=torch.float64).diff(n=2, dim=0)
    same = torch.eye(knots.size // energies, dtype=torch.float64)
    differences = torch.kron(second, same)
    return differences.T @ differences


def _spline(weights: Tensor, values: Tensor, precision: Tensor, bends: Tensor) -> Tensor:
    """Values at the knots (K,) whose interpolation predicts best what was left out."""
    weighted = weights * precision[:, None]
    design, right = weighted.T @ weights, weighted.T @ values
    tiny = 1e-9 * design.trace() * torch.eye(len(design), dtype=torch.float64)
    best, least = right, torch.inf
    for penalty in PENALTIES:
        inverse = torch.linalg.inv(design + penalty * bends + tiny)
        found = inverse @ right
        residual = float(precision @ (values - weights @ found) ** 2)
        score = residual / (len(values) - float((inverse @ design).trace())) ** 2
        if score < least:
            best, least = found, score
    return best


def _power_law(place: Tensor, squares: Tensor) -> Tensor:
    """Logarithm and slope (2,) at places (N, 2) of the variance of which squares (N,) are drawn,
    as if of normal values: the likelihood's largest by Fisher's scoring."""
    squares = squares.clamp(min=1e-30)
    squares = torch.minimum(squares, FAR * squares.median())
    law = torch.stack([squares.mean().log(), squares.new_zeros(())])
    design = torch.linalg.inv(place.T @ place)
    for _ in range(ROUNDS):
        step = design @ (place.T @ (squares / (place @ law).exp() - 1.0))
        law = law + step.clamp(-LARGEST_STEP, LARGEST_STEP)
    return law
