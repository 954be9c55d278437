"""Measures the halo of showers: how many hits lie beside the window, how far out, how large."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from caloforge.models.factorised_halo import DISTANCES, ENERGIES, PAIR_POWER, Halo
from caloforge.models.factorised_knots import Condition
from caloforge.models.factorised_layers import local_moments

NEAREST_PADS, FARTHEST_PADS, BINS = 0.5, 60.0, 72
DIRECTIONS = 16
FEWEST_EXPOSED = 2e-3
"""Smallest part of a circle, mean over showers, that must lie beside the window to be measured."""
MOST_PAIRS = 0.4


class HaloMeasurement:
    """Collects the hits beside the window; :meth:`apply` sets the halo's tables."""

    def __init__(self) -> None:
        self.hits: list[Tensor] = []
        self.showers: list[list[Tensor]] = []
        self.paired: list[Tensor] = []

    def state_dict(self) -> dict[str, list]:  # type: ignore[type-arg]
        """What has been collected."""
        return {"hits": self.hits, "showers": self.showers, "paired": self.paired}

    def load_state_dict(self, state: dict[str, list]) -> None:  # type: ignore[type-arg]
        """The inverse of :meth:`state_dict`."""
        self.hits, self.showers = state["hits"], state["showers"]
        self.paired = state["paired"]

    def add(
        self,
        halo: Halo,
        cells: Tensor,
        condition: Condition,
        axis: Tensor,
        centre: Tensor,
        beside: Tensor,
    ) -> None:
        """Add cells (N, X, Y, Z) in GeV; the rest as the halo takes it."""
        first = sum(len(shower[0]) for shower in self.showers)
        shower, x, y, layer = torch.nonzero(cells, as_tuple=True)
        out = halo.beside(x, y, centre[shower, layer])
        shower, x, y, layer = shower[out], x[out], y[out], layer[out]
        from_x = x - (halo.image[0] - 1) / 2 - axis[shower, layer, 0]
        from_y = y - (halo.image[1] - 1) / 2 - axis[shower, layer, 1]
        energy = cells[shower, x, y, layer]
        self.hits.append(
            torch.stack([(shower + first).float(), layer.float(), from_x, from_y, energy])
        )
        self.paired.append(_has_neighbour(cells)[shower, x, y, layer])
        self.showers.append([condition.energy, condition.theta, axis, centre, beside])

    def apply(self, halo: Halo, knots: torch.nn.Module) -> None:
        """Set the tables of a halo."""
        energy, theta, axis, centre, beside = map(torch.cat, zip(*self.showers, strict=True))
        condition: Condition = knots(energy, theta)
        shower, layer, x, y, deposit = torch.cat(self.hits, dim=1)
        shower, layer = shower.long(), layer.long()
        slope, stretch = condition.slope[shower, 0], condition.stretch[shower, 0]
        halo.shift.copy_(_shift(halo, layer, x, y, slope, condition.features[shower, 0]))
        shifted = halo.shifted(condition)
        distance = torch.hypot(x, (y - shifted[shower, layer]) / stretch)
        exposed = _exposed(halo, condition, axis, centre)
        density = _density(halo, layer, distance, exposed, beside)
        halo.distance.copy_(_quantiles(density).flatten())
        counts = torch.zeros(beside.shape)
        counts.index_put_((shower, layer), torch.ones(len(shower)), accumulate=True)
        per_gev = (condition.weights.T @ counts) / (condition.weights.T @ beside).clamp(min=1e-9)
        seen = (exposed * density).sum(dim=2) / density.sum(dim=1)
        halo.per_gev.copy_(
            per_gev
            / torch.stack(
                [local_moments(condition.weights, seen[:, i])[0] for i in range(seen.shape[1])],
                dim=1,
            ).clamp(min=0.02)
        )
        halo.pairs.copy_(_pairs(deposit, torch.cat(self.paired)))
        sizes = torch.sort(deposit.double()).values
        steps = (torch.arange(ENERGIES + 1) * len(sizes)) // ENERGIES
        total = torch.cat([torch.zeros(1, dtype=torch.float64), sizes.cumsum(0)])[steps]
        halo.deposit.copy_(total.diff() / steps.diff().clamp(min=1))


def _shift(
    halo: Halo, layer: Tensor, x: Tensor, y: Tensor, slope: Tensor, feature: Tensor
) -> Tensor:
    """Distance (2, Z) in pads of the halo's centre from the axis in units of cot(theta): its mean,
    and its change with the energy's feature.

    From columns of pads that lie beside the window as a whole.
    """
    column = x.abs() > halo.window[0] / 2 + 0.5
    layer, y = layer[column], y[column]
    design = torch.stack([slope, slope * feature], dim=1)[column]
    layers = halo.grid[0]
    product = torch.zeros(layers, 2).index_add_(0, layer, design * y[:, None])
    square = torch.zeros(layers, 2, 2).index_add_(0, layer, design[:, :, None] * design[:, None])
    solved: Tensor = torch.linalg.solve(square + torch.eye(2), product)
    return solved.T


def _has_neighbour(cells: Tensor) -> Tensor:
    """Whether cells (N, X, Y, Z) have a hit beside them in x or in y, as 0 or 1."""
    hit = functional.pad(cells > 0, (0, 0, 1, 1, 1, 1))
    beside = hit[:, 2:, 1:-1] | hit[:, :-2, 1:-1] | hit[:, 1:-1, 2:] | hit[:, 1:-1, :-2]
    return beside.float()


def _pairs(deposit: Tensor, paired: Tensor) -> Tensor:
    """How often a deposit is followed by one in the next pad: always, and more for the largest.

    Half of all neighbours follow, the other half are followed.
    """
    quantile = (torch.argsort(torch.argsort(deposit)) + 0.5) / len(deposit)
    design = torch.stack([torch.ones_like(quantile), quantile**PAIR_POWER], dim=1)
    followed = (paired - 0.5 * paired.mean())[:, None]
    fitted: Tensor = torch.linalg.lstsq(design, followed).solution[:, 0]
    return fitted.clamp(0.0, MOST_PAIRS)


def _edges() -> Tensor:
    ends = math.log(NEAREST_PADS), math.log(FARTHEST_PADS)
    return torch.cat([torch.zeros(1), torch.exp(torch.linspace(*ends, BINS))])


def _exposed(halo: Halo, condition: Condition, axis: Tensor, centre: Tensor) -> Tensor:
    """Part (N, Z, bins) of circles around the halo's centre that lies in the image, beside the
    window."""
    edges = _edges()
    middle = 0.5 * (edges[1:] + edges[:-1])
    origin = axis[..., 1] + halo.shifted(condition)
    exposed = torch.zeros(*centre.shape, BINS)
    for step in range(DIRECTIONS):
        angle = 2 * math.pi * (step + 0.5) / DIRECTIONS
        x = axis[..., :1] + middle * math.cos(angle)
        y = origin[..., None] + middle * math.sin(angle) * condition.stretch[..., None]
        pads = torch.floor(x + halo.image[0] / 2), torch.floor(y + halo.image[1] / 2)
        exposed += halo.beside(*pads, centre[..., None]).float() / DIRECTIONS
    return exposed


def _density(
    halo: Halo, layer: Tensor, distance: Tensor, exposed: Tensor, beside: Tensor
) -> Tensor:
    """Hits (Z, bins) per distance bin and GeV beside the window, if all circles were exposed."""
    row = torch.bucketize(distance, _edges()[1:-1]) + layer * BINS
    hits = torch.bincount(row, minlength=halo.grid[0] * BINS).view(-1, BINS)
    exposure = torch.einsum("nz,nzb->zb", beside, exposed)
    enough = exposure > FEWEST_EXPOSED * beside.sum(dim=0)[:, None]
    return torch.where(enough, hits / exposure.clamp(min=1e-12), 0.0).clamp(min=1e-12)


def _quantiles(density: Tensor) -> Tensor:
    """Distances (Z, DISTANCES) in pads at equal steps of the integral of densities (Z, bins)."""
    share = torch.cat([torch.zeros(len(density), 1), density.cumsum(dim=1)], dim=1)
    share = share / share[:, -1:]
    levels = ((torch.arange(DISTANCES) + 0.5) / DISTANCES).expand(len(density), -1).contiguous()
    below = (torch.searchsorted(share, levels, right=True) - 1).clamp(0, BINS - 1)
    low, high = share.gather(1, below), share.gather(1, below + 1)
    part = (levels - low) / (high - low).clamp(min=1e-12)
    edges = _edges()
    return edges[below] + part * (edges[below + 1] - edges[below])
