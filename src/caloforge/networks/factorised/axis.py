"""The axis of an inclined shower, and the window of pads around it.

The image is centred on the barycentre, so the axis passes the impact point at the barycentre's
depth and moves by about cot(theta) for a unit of depth, along y or towards where the shower leans:
showers lean a little less than their particle, and faint ones wander by degrees.  A window of whole
pads follows it from layer to layer: in it every cell is asked for its energy.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from caloforge.networks.base import Domain
from caloforge.networks.factorised.centre import centred
from caloforge.networks.factorised.knots import Condition, Knots, look_up

IMPACT_DIM = 2
"""x and y in the pad that is hit: uniform.  Centring the image may make another pad its middle."""
MOST_MOVED = 2
"""Pads by which an image may be moved to have the barycentre in its centre."""
CENTRE_DIM = 2
"""Uniform numbers that say how energy beside the image has moved its centre."""
FORMER_PULL = 0.25
"""Pads that go best with runs of before 0.2, which have half of the mean of all pulls."""
IMPACTS = 17
"""Distances from the middle of the pad, at equal steps of a half, of which the axis's are known."""


class HaloHits(NamedTuple):
    """Energies (N, points) in GeV, 0 for a point that is none; pads counted from the corner."""

    energy: Tensor
    x: Tensor
    y: Tensor
    layer: Tensor

    def layer_energy(self, layers: int) -> Tensor:
        """Sums (N, Z) in GeV."""
        empty = torch.zeros_like(self.energy[:, :1]).expand(-1, layers)
        return empty.scatter_add(1, self.layer.long(), self.energy)

    def scaled(self, factor: Tensor) -> HaloHits:
        """With the energies of each layer multiplied by its factor (N, Z)."""
        return self._replace(energy=self.energy * of_layers(factor, self.layer))


class Sideways(NamedTuple):
    """Of showers that lean elsewhere than along y: where their window is along x, (N, Z) in whole
    pads from the image's centre; and unit vectors (N, 2) along which they lean."""

    centre: Tensor
    toward: Tensor


def of_layers(values: Tensor, layer: Tensor) -> Tensor:
    """Values (N, Z) of showers' layers at points (N, points) in layers ``layer``."""
    showers, layers = values.shape
    first = torch.arange(showers)[:, None].to(torch.int32) * layers
    return look_up(values.flatten(), layer.to(torch.int32) + first)


class ShowerAxis(nn.Module):
    """Where the axis of a shower crosses the layers, and the pads around it.

    ``window``: pads in x and y about the axis, which they follow where showers are inclined;
    None: the whole image, which stays.  ``kind``: what samplers call a network of such steps.
    """

    kind = "factorised"
    latent_dim = IMPACT_DIM

    def __init__(
        self,
        domain: Domain,
        window: tuple[int, int] | None,
        knots: Knots,
        *,
        off_centre: bool = False,
        reads_impact: bool = False,
    ) -> None:
        super().__init__()
        x, y, layers = domain.shape
        self.moves_centre, self.reads_impact = off_centre, reads_impact
        if reads_impact:
            self.register_buffer("impact", where_they_enter())
        if off_centre:
            self.register_buffer("pull", torch.zeros(knots.size))
            self.register_buffer("rarity", torch.zeros(knots.size))
            self.register_load_state_dict_pre_hook(_with_pull)  # type: ignore[no-untyped-call]
        self.image, self.whole = domain.shape, window is None
        self.inclined = knots.inclined
        self.window = window or (x, y)
        self.reach = ((x - self.window[0]) // 2, (y - self.window[1]) // 2)
        self.most_moved = min(MOST_MOVED, *self.reach)
        self.most_followed = self.reach[1] - self.most_moved if self.inclined else 0
        self.most_aside = self.reach[0] - self.most_moved if self.inclined else 0
        if self.inclined:
            self.register_buffer("lean", torch.zeros(knots.size))
            self.register_buffer("wander", torch.zeros(knots.size))
        self.register_buffer("depth", torch.tensor(domain.depths_in_pads), persistent=False)
        pads = [torch.arange(size, dtype=torch.float32) for size in self.window]
        self.register_buffer("pads_x", pads[0] + self.reach[0], persistent=False)
        self.register_buffer("pads_y", pads[1] + self.reach[1], persistent=False)
        place = (self.pads_x[:, None, None] * y + self.pads_y[:, None]) * layers
        self.register_buffer("place", place + torch.arange(layers), persistent=False)
        self.lean: Tensor
        self.wander: Tensor
        self.impact: Tensor
        self.pull: Tensor
        self.rarity: Tensor
        self.depth: Tensor
        self.pads_x: Tensor
        self.pads_y: Tensor
        self.place: Tensor

    def forward(
        self,
        impact: Tensor,
        layer_energy: Tensor,
        condition: Condition,
        tilt: Tensor | None = None,
        toward: Tensor | None = None,
    ) -> Tensor:
        """Axis (N, Z, 2) in pads from the centre of the image's middle pad, from impact points
        (N, 2) in pads from there.

        ``tilt`` (N, 1): standard normal numbers, how far inclined showers wander; None: the
        particle's direction.  ``toward`` (N, 2): unit vectors along which showers lean; None: y.
        """
        x, y = impact[:, :1].expand_as(layer_energy), impact[:, 1:].expand_as(layer_energy)
        if self.inclined:
            slope = condition.slope
            if tilt is not None:
                slope = slope * (1.0 + condition.weights @ self.lean)[:, None]
                slope = slope + (condition.weights @ self.wander)[:, None] * tilt
            moved = self.displacement(layer_energy, slope)
            if toward is not None:
                x, moved = x + moved * toward[:, :1], moved * toward[:, 1:]
            y = y + moved
        return torch.stack([x, y], dim=2)

    def entered(self, impact: Tensor) -> Tensor:
        """Where the axis (N, 2) crosses the pad, in pads from its middle, of particles that enter
        it at ``impact`` (N, 2)."""
        if not self.reads_impact:
            return impact
        place = impact.abs() * (2.0 * (IMPACTS - 1))
        whole = torch.floor(place).clamp(max=IMPACTS - 2.0)
        index = whole + torch.tensor([0.0, float(IMPACTS)])
        table = self.impact.flatten()
        near, far = look_up(table, index), look_up(table, index + 1.0)
        distance = near + (place - whole) * (far - near)
        return torch.where(impact < 0.0, -distance, distance)

    def tables(self) -> dict[str, Tensor]:
        """What a sampler reads of it."""
        found: dict[str, Tensor] = {}
        if self.moves_centre:
            found = {"pull": self.pull, "rarity": self.rarity}
        if self.reads_impact:
            found["impact"] = self.impact
        if not self.inclined:
            return found
        return found | {"depth": self.depth, "lean": self.lean, "wander": self.wander}

    def displacement(self, layer_energy: Tensor, slope: Tensor) -> Tensor:
        """How far (N, Z) in pads the axis is from the barycentre, in each layer.

        ``slope`` (N, 1): pads for a pad of depth, on the average ``condition.slope``.
        """
        total = layer_energy.sum(dim=1, keepdim=True).clamp(min=1e-12)
        barycentre = (layer_energy * self.depth).sum(dim=1, keepdim=True) / total
        return (self.depth - barycentre) * slope

    def centre(self, axis: Tensor) -> Tensor:
        """Whole pads (N, Z) along y from the image's centre to the window's, for an axis."""
        if not self.most_followed:
            return torch.zeros_like(axis[..., 1])
        return torch.floor(axis[..., 1] + 0.5).clamp(-self.most_followed, self.most_followed)

    def aside(self, axis: Tensor) -> Tensor:
        """Whole pads (N, Z) along x from the image's centre to the window's, for an axis that may
        lean along x."""
        return torch.floor(axis[..., 0] + 0.5).clamp(-self.most_aside, self.most_aside)

    def cut(self, cells: Tensor, centre: Tensor) -> Tensor:
        """The windows (N, X, Y, Z) of cells (N, X, Y, Z) at ``centre`` (N, Z)."""
        if self.whole:
            return cells
        columns = cells[:, self.reach[0] : self.reach[0] + self.window[0]]
        index = centre[:, None, None] + self.pads_y[:, None]
        return columns.gather(2, index.long().expand(-1, self.window[0], -1, -1))

    def missed(self, latent: Tensor, condition: Condition) -> Tensor | None:
        """How far (N, 2) in pads energy beside the image pulls the barycentre, from uniform numbers
        (N, 2): by far hits, which a shower has with probability exp(-``rarity``) in x and again in
        y, by lengths with an exponential distribution whose mean is ``pull``."""
        if not self.moves_centre:
            return None
        either = 2.0 * latent - 1.0
        rarity = (condition.weights @ self.rarity)[:, None]
        size = (-torch.log(either.abs().clamp(min=1e-6)) - rarity).clamp(min=0.0)
        pull = (condition.weights @ self.pull)[:, None]
        return torch.where(either < 0.0, -size, size) * pull

    def image_of(
        self,
        window: Tensor,
        centre: Tensor,
        hits: HaloHits | None,
        missed: Tensor | None = None,
        sideways: Sideways | None = None,
    ) -> Tensor:
        """Cells (N, X, Y, Z) of a window's cells and hits beside it, centred on the barycentre.

        As Geant4's images are: at low energies the barycentre may lie a pad from the axis.
        ``missed`` (N, 2): what energy beside the image adds to it, in pads; ``sideways``: of
        windows that follow along x, too.
        """
        if hits is None or not self.inclined:
            return centred(window, self.image[:2], hits, missed)
        x, y, z = self.image
        energy = window.sum(dim=(1, 2, 3)) + hits.energy.sum(dim=1)
        by_y = window.sum(dim=1)
        first_x = window.sum(dim=(2, 3)) @ self.pads_x + (hits.energy * hits.x).sum(dim=1)
        first_y = (by_y.sum(dim=2) @ self.pads_y) + (by_y.sum(dim=1) * centre).sum(dim=1)
        first_y = first_y + (hits.energy * hits.y).sum(dim=1)
        corner = centre
        if sideways is not None:
            first_x = first_x + (by_y.sum(dim=1) * sideways.centre).sum(dim=1)
            corner = centre + sideways.centre * y
        per_energy = 1.0 / energy.clamp(min=1e-12)
        middle_x, middle_y = first_x * per_energy, first_y * per_energy
        if missed is not None:
            middle_x, middle_y = middle_x + missed[:, 0], middle_y + missed[:, 1]
        move_x = self._to_centre(middle_x, x)[:, None]
        move_y = self._to_centre(middle_y, y)[:, None]
        place = self.place + ((corner + move_y + move_x * y) * z)[:, None, None]
        hit_x = (hits.x + move_x).clamp(0.0, x - 1.0)
        hit_y = (hits.y + move_y).clamp(0.0, y - 1.0)
        empty = torch.zeros_like(energy[:, None]).expand(-1, x * y * z)
        image = empty.scatter(1, place.long().flatten(1), window.flatten(1))
        hit_place = (hit_x * y + hit_y) * z + hits.layer
        return image.scatter_add(1, hit_place.long(), hits.energy).reshape(-1, x, y, z)

    def _to_centre(self, barycentre: Tensor, size: int) -> Tensor:
        """Whole pads (N,) that bring a barycentre (N,), in pads from the corner, to the centre."""
        pads = size // 2 - torch.floor(barycentre + 0.5)
        return torch.floor(pads).clamp(-self.most_moved, self.most_moved)


def _with_pull(module: ShowerAxis, state: dict[str, Any], prefix: str, *_: Any) -> None:
    """Take from a run of before 0.2 how often and how far the centre is pulled."""
    if f"{prefix}off_centre" in state:
        often = 2.0 * state.pop(f"{prefix}off_centre") / FORMER_PULL
        state[f"{prefix}pull"] = torch.full_like(often, FORMER_PULL)
        state[f"{prefix}rarity"] = -torch.log(often.clamp(1e-6, 1.0))


def where_they_enter() -> Tensor:
    """The table (2, IMPACTS), along x and y, of axes that cross pads where particles enter."""
    return torch.linspace(0.0, 0.5, IMPACTS).repeat(2, 1)
