"""Measures the energies of the layers: their quantiles before the flow is trained, their means and
the width of the response after it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from scipy.special import ndtr
from torch import Tensor

from caloforge.networks.factorised.fit.empty import censored_at, first_scores
from caloforge.networks.factorised.fit.expectation import ExpectedShowers
from caloforge.networks.factorised.fit.leakage import leakage
from caloforge.networks.factorised.fit.smooth import smooth_moments
from caloforge.networks.factorised.fit.window import around_knots, local_trend
from caloforge.networks.factorised.knots import Condition, Knots
from caloforge.networks.factorised.layers import LayerEnergies, log_fraction
from caloforge.typing import Float64Array

NARROWER_BY = 0.25
"""Power of a window's weights that makes it twice as wide: correlations, and where showers begin,
need more showers."""
COPIES = 8
"""Showers that are made for each measured one, to calibrate the flow."""
ROUNDS = 3
"""Times that the layers' means are corrected where these share a sum: each correction moves all."""
MOST_CHANGED = 2.0
"""Factor by which the response is corrected; more is a knot that few showers tell of."""
LONG_TAIL = 2.0
"""Standard deviation of the response, over the half of what the middle 68 % span, from which on it
says only how many showers of a long tail were drawn; of a normal variable it is 1."""


class LayerCollection:
    """The layer energies and conditions of all showers that were added."""

    def __init__(self) -> None:
        self.showers: list[list[Tensor]] = []

    def reset(self) -> None:
        """Forget the showers."""
        self.showers = []

    def add(self, expected: ExpectedShowers) -> None:
        """Keep layer energies, energy and angle of showers."""
        showers = expected.showers
        self.showers.append([expected.layer_energy.detach(), showers.energy, showers.theta])

    def state_dict(self) -> dict[str, list[list[Tensor]]]:
        """What was kept."""
        return {"showers": self.showers}

    def load_state_dict(self, state: dict[str, list[list[Tensor]]]) -> None:
        """The inverse of :meth:`state_dict`."""
        self.showers = state["showers"]

    def all(self) -> tuple[Tensor, Tensor, Tensor]:
        """Layer energies (N, Z) in GeV, energies (N,) in GeV, angles (N,) in rad."""
        layer_energy, energy, theta = map(torch.cat, zip(*self.showers, strict=True))
        return layer_energy, energy, theta


class LayerQuantiles(LayerCollection):
    """Quantiles of the layers' energies, and the correlations of their normal scores.

    All of ``modules``, copies of one part, are set.  ``censored``: empty layers are told from
    filled ones (:mod:`.empty`).
    """

    def __init__(self, modules: Sequence[LayerEnergies], *, censored: bool = False) -> None:
        super().__init__()
        self.modules, self.censored = modules, censored

    @torch.no_grad()
    def apply(self) -> None:
        """Set quantiles and correlation from what was added."""
        layer_energy, energy, theta = self.all()
        for layers in self.modules:
            condition = layers.knots(energy, theta)
            if layers.conversion is not None:
                first = layers.conversion.first(layer_energy)
                begun = begun_at(layers.knots, first, layer_energy.shape[1], condition)
                layers.conversion.begun.copy_(begun)
            if layers.draws_sum:
                layers.weight[-1] = 1.0 + leakage(layer_energy, condition)
            if self.censored:
                layers.quantiles.copy_(censored_at(layers, layer_energy, condition))
                scores = first_scores(layers, layer_energy, condition)
            else:
                levels = ndtr(layers.levels.double().numpy())
                fractions = log_fraction(layer_energy, energy)
                table = quantiles_at(layers.knots, fractions, energy, theta, levels)
                layers.quantiles.copy_(torch.cummax(table, dim=2).values)
                scores = layers.scores(layer_energy, condition)
            covariance = torch.cov(scores.double().T)
            lower = torch.linalg.cholesky(covariance + 1e-4 * torch.eye(layers.size))
            local = layers.local
            layers.colouring.copy_(local_roots(layers.knots, scores, condition) if local else lower)
            layers.whitening.copy_(torch.linalg.inv(lower))


def usual_response(knots: Knots, layer_energy: Tensor, energy: Tensor, theta: Tensor) -> Tensor:
    """Mean of the response at the knots and one over its width (knots, 2), of showers with layer
    energies (N, Z) and energies (N,) in GeV at angles (N,) in rad."""
    response = layer_energy.sum(dim=1) / energy
    mean, width = smooth_moments(knots, knots(energy, theta).weights, response)
    return torch.stack([mean, 1.0 / width.clamp(min=1e-6)], dim=1)


class LayerCalibration(LayerCollection):
    """The mean of every layer, then mean and width of the response at the knots.

    The flow's response r, the sum of its layers over Ep, becomes offset + slope r.  Of
    one with a long tail the mean alone is corrected: few muons radiate, and those leave so much
    that a correction of the width would take all energy from the others; and of one that is drawn
    by its own quantiles, whose width is right.  ``smooth``: what few
    showers do not tell of a knot, those of all do (:mod:`.smooth`).
    """

    def __init__(self, layers: LayerEnergies, *, smooth: bool = False) -> None:
        super().__init__()
        self.layers, self.smooth = layers, smooth

    def reset(self) -> None:
        """Forget the showers, and leave the flow's energies as they are."""
        super().reset()
        self.layers.scale.fill_(1.0)
        self.layers.response.copy_(self.layers.response.new_tensor([0.0, 1.0]))

    @torch.no_grad()
    def apply(self) -> None:
        """Correct what the flow makes at the conditions of the showers that were added."""
        layers = self.layers
        layer_energy, energy, theta = self.all()
        condition = layers.knots(energy, theta)
        many = condition.repeat(COPIES)
        wanted = layer_energy / condition.energy[:, None]
        for _ in range(ROUNDS if layers.draws_sum else 1):
            fractions = layers(torch.rand(len(many.energy), layers.latent_dim), many)
            fractions = fractions / many.energy[:, None]
            made = fractions.mean(dim=0)
            layers.scale.mul_(torch.where(made > 0, wanted.mean(dim=0) / made, 1.0))
        seen = wanted.sum(dim=1)
        response = fractions.sum(dim=1) if layers.draws_sum else fractions @ layers.scale
        mean, width = self._moments(condition.weights, seen)
        made_mean, made_width = self._moments(many.weights, response)
        slope = (width / made_width.clamp(min=1e-9)).clamp(max=MOST_CHANGED)
        offset = mean - slope * made_mean
        if layers.draws_sum or has_long_tail(seen / (condition.weights @ mean)):
            slope = mean / made_mean.clamp(min=1e-9)
            slope = slope.clamp(1.0 / MOST_CHANGED, MOST_CHANGED)
            offset = torch.zeros_like(slope)
        layers.response.copy_(torch.stack([offset, slope], dim=1))

    def _moments(self, weights: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and width (K,) at the knots of values (N,) with weights (N, K) between them."""
        if self.smooth:
            return smooth_moments(self.layers.knots, weights, values)
        return local_moments(weights, values)


def has_long_tail(response: Tensor) -> bool:
    """Whether the width of a response (N,) is that of a few showers, far from all others."""
    low, high = torch.quantile(response, response.new_tensor([0.16, 0.84])).tolist()
    return bool(response.std().item() > LONG_TAIL * (high - low) / 2)


def quantiles_at(
    knots: Knots, values: Tensor, energy: Tensor, theta: Tensor, levels: Float64Array
) -> Tensor:
    """Quantiles (knots, variables, levels) of values (N, variables) at the knots."""
    tables = [
        _local_quantiles(values.double().numpy(), distance, weight, levels)
        for distance, weight in around_knots(knots, energy, theta)
    ]
    return torch.from_numpy(np.stack(tables)).float()


def begun_at(knots: Knots, first: Tensor, layers: int, condition: Condition) -> Tensor:
    """Probability (knots, layers - 1) that showers have begun, of the layer (N,) in which each
    does."""
    begun = (first[:, None] <= torch.arange(layers - 1)).double()
    return torch.stack([weight @ begun for weight in wide_windows(knots, condition)]).float()


def local_roots(knots: Knots, scores: Tensor, condition: Condition) -> Tensor:
    """Roots (knots, Z, Z) of the correlations of normal scores (N, Z) around each knot.

    What the showers around a knot do not tell, being few, those at all conditions do.
    """
    values = scores.double()
    everywhere, roots = torch.corrcoef(values.T), []
    for weight in wide_windows(knots, condition):
        centred = values - weight @ values
        covariance = (centred * weight[:, None]).T @ centred
        width = covariance.diagonal().clamp(min=1e-9).sqrt()
        here = covariance / (width[:, None] * width)
        trust = 1.0 / (1.0 + 0.5 * len(here) * float(weight @ weight))
        mixed = trust * here + (1.0 - trust) * everywhere
        roots.append(torch.linalg.cholesky(mixed + 1e-4 * torch.eye(len(here))))
    return torch.stack(roots).float()


def wide_windows(knots: Knots, condition: Condition) -> Iterator[Tensor]:
    """Weights (N,) of the showers around each knot, in windows for what takes many of them."""
    for _, narrow in around_knots(knots, condition.energy, condition.theta):
        weight = torch.from_numpy(narrow**NARROWER_BY)
        yield weight / weight.sum()


def local_moments(weights: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and width at the knots (K,) of values (N,) with weights (N, K) between the knots."""
    weights, values = weights.double(), values.double()[:, None]
    mean = torch.linalg.lstsq(weights, values).solution
    variance = torch.linalg.lstsq(weights, (values - weights @ mean) ** 2).solution
    return mean[:, 0].float(), variance[:, 0].clamp(min=0.0).sqrt().float()


def _local_quantiles(
    values: Float64Array, distance: Float64Array, weight: Float64Array, levels: Float64Array
) -> Float64Array:
    """Quantiles (variables, levels) of values (N, variables) at distance 0, of distances (N, F).

    The local linear trend is removed, so that the width of the window does not widen the
    distribution.  That of few showers can point anywhere, so values, logarithms of energies over
    Ep, end at 0 or at the largest that was measured.
    """
    level = values - distance @ local_trend(values, distance, weight)
    level = np.minimum(level, np.maximum(values.max(axis=0), 0.0))
    table = np.empty((values.shape[1], len(levels)))
    for variable in range(values.shape[1]):
        order = np.argsort(level[:, variable])
        below = np.cumsum(weight[order]) - 0.5 * weight[order]
        table[variable] = np.interp(levels, below / weight.sum(), level[order, variable])
    return table
