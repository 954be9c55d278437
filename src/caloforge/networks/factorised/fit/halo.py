"""Measures the halo of showers: how many hits lie beside the window, in which pads, how large."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from caloforge.networks.factorised.fit.expectation import ExpectedShowers
from caloforge.networks.factorised.halo import ENERGIES, PAIR_POWER, Halo
from caloforge.networks.factorised.knots import Condition, Knots

FEWEST_EXPOSED = 2e-3
"""Part of the showers in which a pad must lie in the image to be measured."""
MOST_NEIGHBOURS = 0.6
BATCH, ROUNDS = 256, 8


class HaloMeasurement:
    """Collects the hits beside the window; :meth:`apply` sets the halo's tables.

    ``prior``: hits that every layer and knot is taken to have beside its own, at the rate of all.
    Without them one hit where next to nothing is expected makes a rate of a million a GeV.
    """

    def __init__(self, halo: Halo, knots: Knots, prior: float = 0.0) -> None:
        self.halo, self.knots, self.prior = halo, knots, prior
        self.hits: list[Tensor] = []
        self.showers: list[list[Tensor]] = []

    def reset(self) -> None:
        """Forget the showers; the halo is then empty."""
        self.hits, self.showers = [], []
        for table in (self.halo.per_gev, self.halo.pairs, self.halo.deposit):
            table.zero_()

    def state_dict(self) -> dict[str, list]:  # type: ignore[type-arg]
        """What has been collected."""
        return {"hits": self.hits, "showers": self.showers}

    def load_state_dict(self, state: dict[str, list]) -> None:  # type: ignore[type-arg]
        """The inverse of :meth:`state_dict`."""
        self.hits, self.showers = state["hits"], state["showers"]

    def add(self, expected: ExpectedShowers) -> None:
        """Keep the hits beside the windows, and what was expected there."""
        cells, centre, condition = expected.showers.cells, expected.centre, expected.condition
        first = sum(len(shower[0]) for shower in self.showers)
        pad_x, pad_y = (torch.arange(size)[:, None] for size in cells.shape[1:3])
        out = self.halo.beside(pad_x[:, None], pad_y, centre[:, None, None])
        far = torch.where(out, cells, 0.0)
        shower, x, y, layer = torch.nonzero(far, as_tuple=True)
        neighbour, energy = (part[shower, x, y, layer] for part in (_has_neighbour(far), far))
        self.hits.append(
            torch.stack([(shower + first).float(), layer.float(), x, y, energy, neighbour])
        )
        self.showers.append([condition.energy, condition.theta, centre, expected.beside])

    def apply(self) -> None:
        """Set the tables of the halo; without a hit it stays empty."""
        halo = self.halo
        energy, theta, centre, beside = map(torch.cat, zip(*self.showers, strict=True))
        showers = _HaloConditions(self.knots(energy, theta), centre, beside)
        shower, layer, x, y, deposit, neighbour = torch.cat(self.hits, dim=1)
        if not len(deposit):
            return
        at = (shower.long(), layer.long(), x.long(), y.long())
        share, seen = _hit_pads(halo, showers, at)
        counts = torch.zeros_like(beside).index_put(at[:2], torch.ones(()), accumulate=True)
        weights = showers.condition.weights
        hits, energy_seen = weights.T @ counts, weights.T @ (beside * seen)
        prior = self.prior * energy_seen.sum() / hits.sum()
        halo.per_gev.copy_((hits + self.prior) / (energy_seen + prior).clamp(min=1e-9))
        by_chance = _chance_of_neighbour(halo, showers, share, at)
        free = _is_free(halo, x, y, centre[at[:2]])
        halo.pairs.copy_(_pairs(deposit[free], neighbour[free], by_chance[free]))
        halo.set_pads(_of_particles(share, halo.partners))
        halo.deposit.copy_(_quantiles(deposit))
        made, _ = _made(halo, showers)
        made = weights.T @ made
        halo.per_gev.mul_((hits + self.prior) / (made + self.prior).clamp(min=1e-9))
        _, energy_made = _made(halo, showers)
        usual = self.prior * deposit.mean()
        halo.deposit.mul_((deposit.sum() + usual) / (energy_made + usual).clamp(min=1e-12))


class _HaloConditions(NamedTuple):
    """What the halo was told of all showers."""

    condition: Condition
    centre: Tensor
    beside: Tensor

    def leans(self, halo: Halo) -> Tensor:
        """Weights (N, leans) of the tables."""
        place = halo.lean(self.condition) - torch.arange(halo.leans)
        return (1.0 - place.abs()).clamp(min=0.0)


At = tuple[Tensor, Tensor, Tensor, Tensor]
"""Shower, layer and pad in x and y of hits, (hits,) each."""


def _hit_pads(halo: Halo, showers: _HaloConditions, at: At) -> tuple[Tensor, Tensor]:
    """Share (leans, Z, X, Y) of the hits in the tables' pads; part (N, Z) that an image holds."""
    condition, centre, beside = showers
    from_window = torch.arange(halo.pads[1]) - (halo.pads[1] - 1) / 2
    in_image = halo.side(condition)[..., None] * from_window + centre[..., None]
    visible = (in_image.abs() <= (halo.image[1] - 1) / 2).float()
    leans, row, (shower, layer, x, _) = showers.leans(halo), _row(halo, showers, at), at
    hits = torch.zeros(halo.leans, halo.layers, *halo.pads)
    for table, weight in zip(hits, leans.T, strict=True):
        table.index_put_((layer, x, row), weight[shower], accumulate=True)
    exposed = torch.einsum("na,nb,nz,nzy->abzy", leans, leans, beside, visible)
    share = _share(halo, hits, exposed)
    return share, torch.einsum("na,azy,nzy->nz", leans, share.sum(dim=2), visible)


def _row(halo: Halo, showers: _HaloConditions, at: At) -> Tensor:
    """Pads (hits,) along y in the tables."""
    shower, layer, _, y = at
    from_window = y - (halo.image[1] - 1) / 2 - showers.centre[shower, layer]
    turned = halo.side(showers.condition)[shower, 0] * from_window
    return torch.round(turned + (halo.pads[1] - 1) / 2).long()


def _chance_of_neighbour(halo: Halo, showers: _HaloConditions, share: Tensor, at: At) -> Tensor:
    """Probability (hits,) that another particle has hit one of the four pads around."""
    shower, layer, x, _ = at
    leans, row = showers.leans(halo)[shower], _row(halo, showers, at)
    around = torch.stack([_around(table)[layer, x, row] for table in share], dim=1)
    rate = showers.beside * (showers.condition.weights @ halo.per_gev)
    return 1.0 - torch.exp(-rate[shower, layer] * (leans * around).sum(dim=1))


def _quantiles(deposit: Tensor) -> Tensor:
    """Mean deposits (ENERGIES,) between equally spaced quantiles, of as few hits as there are."""
    sizes = torch.sort(deposit.double()).values.repeat_interleave(-(-ENERGIES // len(deposit)))
    steps = (torch.arange(ENERGIES + 1) * len(sizes)) // ENERGIES
    total = torch.cat([torch.zeros(1, dtype=torch.float64), sizes.cumsum(0)])[steps]
    return total.diff() / steps.diff().clamp(min=1)


def _share(halo: Halo, hits: Tensor, exposed: Tensor) -> Tensor:
    """Share (leans, Z, X, Y) of the points that fall on each pad of the tables.

    Least squares: in a shower with weights w, hits are expected in proportion to the sum of w times
    the tables.  ``hits`` (leans, Z, X, Y) are sums of w; ``exposed`` (leans, leans, Z, Y) of their
    products, times the GeV expected beside the window in showers whose image holds that pad.  A
    layer's neighbours count by half, mirror images in full.
    """
    hits, exposed = hits + _mirrored(hits, 2), exposed * 2.0
    if halo.leans == 1:
        hits, exposed = hits + _mirrored(hits, 3), exposed + _mirrored(exposed, 3)
        if halo.pads[0] == halo.pads[1]:
            hits, exposed = hits + hits.transpose(2, 3), exposed * 2.0
    hits, exposed = _with_next_layers(hits, 1), _with_next_layers(exposed, 2)
    product = exposed.permute(2, 3, 0, 1).double()
    scale = product.diagonal(dim1=2, dim2=3).amax(dim=(1, 2))[:, None, None, None]
    ridge = FEWEST_EXPOSED * scale.clamp(min=1e-12) * torch.eye(halo.leans)
    solved: Tensor = torch.linalg.solve(product + ridge, hits.permute(1, 3, 0, 2).double())
    density = solved.permute(2, 0, 3, 1).clamp(min=0.0).float()
    return density / density.sum(dim=(2, 3), keepdim=True).clamp(min=1e-12)


def _mirrored(values: Tensor, dim: int) -> Tensor:
    """Pads along ``dim`` turned about the middle one (of an even number it is off the centre)."""
    return values.flip(dim).roll(1 - values.shape[dim] % 2, dim)


def _with_next_layers(values: Tensor, dim: int) -> Tensor:
    """Values with half of those of the layers, which are counted along ``dim``, around."""
    last = values.shape[dim] - 1
    before = torch.cat([values.narrow(dim, 0, 1), values.narrow(dim, 0, last)], dim=dim)
    behind = torch.cat([values.narrow(dim, 1, last), values.narrow(dim, last, 1)], dim=dim)
    return values + 0.5 * (before + behind)


def _has_neighbour(cells: Tensor) -> Tensor:
    """Whether cells (N, X, Y, Z) have a hit beside them in x or in y, as 0 or 1."""
    hit = functional.pad(cells > 0, (0, 0, 1, 1, 1, 1))
    beside = hit[:, 2:, 1:-1] | hit[:, :-2, 1:-1] | hit[:, 1:-1, 2:] | hit[:, 1:-1, :-2]
    return beside.float()


def _is_free(halo: Halo, x: Tensor, y: Tensor, centre: Tensor) -> Tensor:
    """Whether all four pads around pads are in the image, beside the window, as they are."""
    free = halo.beside(x + 1, y, centre) & halo.beside(x - 1, y, centre)
    return free & halo.beside(x, y + 1, centre) & halo.beside(x, y - 1, centre)


def _made(halo: Halo, showers: _HaloConditions) -> tuple[Tensor, Tensor]:
    """Pads (N, Z) that the halo hits in showers like those measured, and its energy in all."""
    condition, centre, beside = showers
    pads = math.prod(halo.image[:2])
    made, energy = [], torch.zeros(())
    for part in torch.split(torch.arange(len(beside)), BATCH):
        some = Condition(*(values[part] for values in condition))
        hits = halo(beside[part], some, centre[part], torch.rand(len(part), halo.latent_dim))
        place = (hits.layer * halo.image[0] + hits.x) * halo.image[1] + hits.y
        place = torch.where(hits.energy > 0, place, float(halo.layers * pads)).long()
        hit = torch.zeros(len(part), halo.layers * pads + 1).scatter(1, place, 1.0)
        made.append(hit[:, :-1].reshape(-1, halo.layers, pads).sum(dim=2))
        energy += hits.energy.sum()
    return torch.cat(made), energy


def _of_particles(share: Tensor, partners: Tensor) -> Tensor:
    """Share of the particles that fall on each pad, for that of hits (leans, Z, X, Y).

    Each particle has so many ``partners`` in the pads around it; those in the window are no hits.
    """
    particles = share
    for _ in range(ROUNDS):
        around = torch.stack([_around(tables) for tables in particles])
        hits = torch.where(share > 0, particles + 0.25 * partners * around, 0.0)
        hits = hits / hits.sum(dim=(2, 3), keepdim=True).clamp(min=1e-12)
        particles = particles * share / hits.clamp(min=1e-12)
    return particles / particles.sum(dim=(2, 3), keepdim=True).clamp(min=1e-12)


def _around(share: Tensor) -> Tensor:
    """Share (Z, X, Y) of the points in the four pads around each."""
    wide = functional.pad(share, (1, 1, 1, 1))
    return wide[:, 2:, 1:-1] + wide[:, :-2, 1:-1] + wide[:, 1:-1, 2:] + wide[:, 1:-1, :-2]


def _pairs(deposit: Tensor, neighbour: Tensor, by_chance: Tensor) -> Tensor:
    """How often a deposit is followed by one in the next pad: always, and more for the largest.

    ``neighbour``: whether each has one, also ``by_chance``.  Half of all others follow, the other
    half are followed.
    """
    quantile = (torch.argsort(torch.argsort(deposit)) + 0.5) / len(deposit)
    design = torch.stack([torch.ones_like(quantile), quantile**PAIR_POWER], dim=1)
    paired = (neighbour - by_chance) / (1.0 - by_chance).clamp(min=0.1)
    mean = paired.mean().clamp(0.0, MOST_NEIGHBOURS)
    followed = (paired - 0.5 * mean) * 2.0 / (2.0 - mean)
    # in float32 LAPACK's last bits depend on where in memory the numbers lie
    least = torch.linalg.lstsq(design.double(), followed.double()[:, None])
    fitted: Tensor = least.solution[:, 0].float()
    return fitted.clamp(0.0, MOST_NEIGHBOURS)
