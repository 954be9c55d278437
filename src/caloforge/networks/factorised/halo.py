"""The halo: single hits far from the axis, drawn as points instead of asking every cell.

Beside the window around the axis a shower is a Poisson process: photons and electrons of a few MeV,
each leaving about 0.3 MeV in one pad, whatever the shower.  A layer's number of them is drawn from
its Poisson distribution; counted through from the first layer to the last, each finds its layer.
Its pad is drawn from the measured density by Walker's alias method (ACM TOMS 3 (1977) 253): the
table's row says how often a pad keeps the points that fall on it, and which other one has the rest.
A hit may be followed by one in the next pad: a particle that crosses two pads, as those that
deposit much energy often do.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from scipy.special import pdtr, pdtrik
from torch import Tensor, nn

from caloforge.networks.factorised.aslant import turned
from caloforge.networks.factorised.axis import HaloHits, ShowerAxis, Sideways, of_layers
from caloforge.networks.factorised.knots import Condition, Knots, look_up
from caloforge.networks.factorised.noise import fraction

ENERGIES = 1024
PAIR_POWER = 16
"""Pairs rise with the deposit's quantile to this power: only the largest often have a neighbour."""
DITHER = 32
"""The digits of a particle's number behind those of its deposit say whether it has a partner, and
those behind this factor of them which of two tables it takes."""
LEANS = 3
"""Tables of pads, equally spaced in abs(cot(theta)), where showers are inclined."""
MEANS, MEANS_PER_ROOT, PROBABILITIES = 128, 16, 512
"""Rows of the Poisson table, in steps of the root of the mean, and its columns."""


class Halo(nn.Module):
    """Hits beside the window; those of at most ``particles`` in a shower, one or two hits of each.

    The pads of the tables are counted along x from the image's corner, along y from the window,
    in the direction in which the shower leans.  Where that is not along y, points are turned.
    """

    def __init__(self, axis: ShowerAxis, particles: int, knots: Knots) -> None:
        super().__init__()
        x, y, self.layers = axis.image
        self.image, self.window = axis.image, axis.window
        self.parts = [self.layers, self.layers, particles, particles]
        self.latent_dim = sum(self.parts)
        self.pads = (x, y + 2 * axis.most_followed)
        self.steepest, self.leans = knots.steepest, LEANS if knots.inclined else 1
        places = self.leans * self.layers * math.prod(self.pads)
        self.register_buffer("per_gev", torch.zeros(knots.size, self.layers))
        self.register_buffer("pairs", torch.zeros(2))
        self.register_buffer("kept", torch.ones(places))
        self.register_buffer("alias", torch.zeros(places))
        self.register_buffer("deposit", torch.zeros(ENERGIES))
        self.register_buffer("poisson", poisson_table().flatten(), persistent=False)
        before = torch.ones(self.layers, self.layers).triu()
        self.register_buffer("before", before, persistent=False)
        number = torch.arange(particles, dtype=torch.float32)
        self.register_buffer("number", number, persistent=False)
        self.register_load_state_dict_pre_hook(_with_todays_names)  # type: ignore[no-untyped-call]
        self.per_gev: Tensor
        self.pairs: Tensor
        self.kept: Tensor
        self.alias: Tensor
        self.deposit: Tensor
        self.poisson: Tensor
        self.before: Tensor
        self.number: Tensor

    def forward(
        self,
        beside: Tensor,
        condition: Condition,
        centre: Tensor,
        latent: Tensor,
        sideways: Sideways | None = None,
    ) -> HaloHits:
        """Hits before the layer is scaled to its sum.

        ``beside`` (N, Z): GeV expected beside the window; ``centre`` (N, Z): y of the window in
        pads from the centre of the image; ``sideways``: of showers that do not lean along y.
        """
        count, dither, where, size = torch.split(latent, self.parts, dim=1)
        layer = self._layer(self._particles(self.rate(beside, condition), count, dither))
        there = layer < self.layers
        layer = layer.clamp(max=self.layers - 1.0)
        across, along = self._pad(where, size, layer, condition)
        if sideways is not None:
            middle = of_layers(sideways.centre, layer), of_layers(centre, layer)
            across, along = self._turned(across, along, sideways.toward, middle, where)
        follow = fraction(size * ENERGIES) / self.followed(size)
        step_x, step_y = _step(follow)
        across, along, layer = (
            torch.cat([own, of_next], dim=1)
            for own, of_next in (
                (across, across + step_x), (along, along + step_y), (layer, layer),
            )
        )  # fmt: skip
        there = torch.cat([there, there & (follow < 1.0)], dim=1)
        size = torch.cat([size, fraction(4.0 * follow)], dim=1)
        energy = look_up(self.deposit, torch.floor(size * ENERGIES))
        half_x, half_y = self._middle
        x = across + (half_x if sideways is None else of_layers(sideways.centre, layer) + half_x)
        y = along + (of_layers(centre, layer) + half_y)
        hit = there & self._in_image(x, y) & ~self._in_window(across, along)
        return HaloHits(torch.where(hit, energy, 0.0), x, y, layer)

    def set_pads(self, share: Tensor) -> None:
        """Take the pads' tables from their shares (leans, Z, X, Y) of the particles."""
        tables = [alias_table(pads) for pads in share.flatten(0, 1).flatten(1)]
        self.kept.copy_(torch.cat([kept for kept, _ in tables]))
        self.alias.copy_(torch.cat([alias for _, alias in tables]))

    def rate(self, beside: Tensor, condition: Condition) -> Tensor:
        """Particles (N, Z) expected beside the window, in the image or not."""
        rate: Tensor = beside * (condition.weights @ self.per_gev) / (1.0 + self.partners)
        return rate

    def followed(self, quantile: Tensor) -> Tensor:
        """Probability that a deposit of this quantile is followed by one in the next pad."""
        few, more = self.pairs
        followed: Tensor = (few + more * quantile**PAIR_POWER).clamp(min=1e-6)
        return followed

    @property
    def partners(self) -> Tensor:
        """Mean number of partners that a particle's hit has."""
        few, more = self.pairs
        mean: Tensor = few + more / (PAIR_POWER + 1)
        return mean

    def beside(self, pad_x: Tensor, pad_y: Tensor, centre: Tensor) -> Tensor:
        """Whether pads (counted from the image's corner) are in the image, beside the window."""
        half_x, half_y = self._middle
        in_window = self._in_window(pad_x - half_x, pad_y - half_y - centre)
        return self._in_image(pad_x, pad_y) & ~in_window

    def lean(self, condition: Condition) -> Tensor:
        """Place (N, 1) of showers between the tables, whose last is for the steepest ones."""
        last = self.leans - 1.0
        return (condition.slope.abs() * (last / self.steepest)).clamp(max=last)

    def side(self, condition: Condition) -> Tensor:
        """The direction (N, 1) along y in which showers lean: 1 or -1."""
        return torch.where(condition.slope < 0.0, -1.0, 1.0)

    def _particles(self, rate: Tensor, count: Tensor, dither: Tensor) -> Tensor:
        """Numbers of particles (N, Z)."""
        root = torch.sqrt(rate.clamp(min=0.0))  # what rounding leaves beside a window may be less
        row = torch.floor(root * MEANS_PER_ROOT + dither).clamp(max=MEANS - 1.0)
        return look_up(self.poisson, row * PROBABILITIES + torch.floor(count * PROBABILITIES))

    def _layer(self, particles: Tensor) -> Tensor:
        """Layers (N, particles) of all that a shower may have; Z of those it does not have."""
        last = particles @ self.before
        return (self.number >= last[..., None]).float().sum(dim=1)

    def _pad(
        self, where: Tensor, size: Tensor, layer: Tensor, condition: Condition
    ) -> tuple[Tensor, Tensor]:
        """Pads (N, particles) in x and y, counted from the window's middle."""
        row = layer
        if self.leans > 1:
            dither = fraction(size * (ENERGIES * DITHER))
            row = row + self.layers * torch.floor(self.lean(condition) + dither)
        place = where * math.prod(self.pads)
        pad = torch.floor(place)
        index = row * math.prod(self.pads) + pad
        kept = place - pad < look_up(self.kept, index)
        pad = torch.where(kept, pad, look_up(self.alias, index))
        x = torch.floor((pad + 0.5) / self.pads[1])
        across, along = x - self._middle[0], pad - x * self.pads[1] - (self.pads[1] - 1) / 2
        return across, along * self.side(condition) if self.leans > 1 else along

    def _turned(
        self,
        across: Tensor,
        along: Tensor,
        toward: Tensor,
        middle: tuple[Tensor, Tensor],
        where: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Pads (N, particles) of showers that lean along unit vectors (N, 2), from those of showers
        that lean along y, both counted from the window's middle, which is at ``middle`` in pads
        from the image's.

        What is turned into the window takes a place that was left empty beside it: its mirror
        image, or the opposite one, whichever is nearer; and so does what is turned out of the
        image, in its corners.
        """
        half_x, half_y = self._middle
        x, y = turned(across, along, toward, fraction(where * math.prod(self.pads)))
        mirror = torch.where(y * along < x * across, -1.0, 1.0)
        pad_x = torch.floor(x + (half_x + 0.5)) - half_x
        pad_y = torch.floor(y + (half_y + 0.5)) - half_y
        in_window = self._in_window(pad_x, pad_y)
        inside = self._in_image(pad_x + (middle[0] + half_x), pad_y + (middle[1] + half_y))
        from_image = along + (middle[0] * toward[:, :1] + middle[1] * toward[:, 1:])
        would_be = from_image.abs() < half_y + 0.5
        corner_x = -mirror * across - middle[0]
        corner_y = torch.floor(mirror * from_image + (half_y + 0.5)) - half_y - middle[1]
        pad_x = torch.where(would_be & ~inside, corner_x, pad_x)
        pad_y = torch.where(would_be & ~inside, corner_y, pad_y)
        pad_y = torch.where(inside & ~would_be, 2.0 * self.image[1], pad_y)  # nowhere
        return (
            torch.where(in_window, -mirror * across, pad_x),
            torch.where(in_window, mirror * along, pad_y),
        )

    @property
    def _middle(self) -> tuple[float, float]:
        """The image's middle in pads from its corner."""
        return (self.image[0] - 1) / 2, (self.image[1] - 1) / 2

    def _in_image(self, pad_x: Tensor, pad_y: Tensor) -> Tensor:
        half_x, half_y = self._middle
        return ((pad_x - half_x).abs() <= half_x) & ((pad_y - half_y).abs() <= half_y)

    def _in_window(self, from_x: Tensor, from_y: Tensor) -> Tensor:
        half_x, half_y = (self.window[0] - 1) / 2, (self.window[1] - 1) / 2
        return (from_x.abs() <= half_x) & (from_y.abs() <= half_y)


def _with_todays_names(module: nn.Module, state: dict[str, Any], prefix: str, *_: Any) -> None:
    """Runs and models of before 0.2 have the alias under another name."""
    if f"{prefix}instead" in state:
        state[f"{prefix}alias"] = state.pop(f"{prefix}instead")


def alias_table(share: Tensor) -> tuple[Tensor, Tensor]:
    """How often each place keeps what falls on it, and which other place has the rest: both (K,).

    For shares (K,) that add up to one (or to nothing: then every place keeps all).  Places are
    drawn uniformly.

    >>> alias_table(torch.tensor([0.75, 0.25]))
    (tensor([1.0000, 0.5000]), tensor([0., 0.]))
    """
    left = (share.double() * len(share)).tolist()
    kept, alias = [1.0] * len(left), [float(place) for place in range(len(left))]
    poor = [place for place, value in enumerate(left) if value < 1.0]
    rich = [place for place, value in enumerate(left) if value >= 1.0]
    while poor and rich:
        place, giver = poor.pop(), rich[-1]
        kept[place], alias[place] = left[place], float(giver)
        left[giver] -= 1.0 - left[place]
        if left[giver] < 1.0:
            poor.append(rich.pop())
    return torch.tensor(kept), torch.tensor(alias)


def poisson_table() -> Tensor:
    """Quantiles (MEANS, PROBABILITIES) of Poisson distributions, of means (row / 16)**2."""
    mean = (np.arange(MEANS)[:, None] / MEANS_PER_ROOT) ** 2
    level = (np.arange(PROBABILITIES) + 0.5) / PROBABILITIES
    count = np.ceil(pdtrik(level, mean))
    below = np.maximum(count - 1, 0)  # where rounding made the quantile one too many
    return torch.from_numpy(np.where(pdtr(below, mean) >= level, below, count)).float()


def _step(number: Tensor) -> tuple[Tensor, Tensor]:
    """One pad in x or y, forth or back, by a quarter of [0, 1) each."""
    quarter = torch.floor(4.0 * number)
    along_y = (quarter == 2.0).float() - (quarter == 3.0).float()
    return (quarter == 0.0).float() - (quarter == 1.0).float(), along_y
