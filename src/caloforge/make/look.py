"""What the showers of a sample are like: how wide they are, so that the pads are known in which
every cell is asked for its energy, and whether they begin late."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from caloforge.make.depth import layer_places
from caloforge.scaling import ANGLE_TOLERANCE_RAD
from caloforge.showers import Showers
from caloforge.train.files import ShowerFiles
from caloforge.typing import BoolArray, Float64Array

LOOKED_AT = 1024
IN_WINDOW = 0.985
"""Share of the energy in the window; beside it hits are rare and single."""
MOST_OF_IMAGE = 0.6
"""A window of more of the image's pads than this saves nothing: every cell is asked."""
ROOM = 1.3
"""Places for particles beside the window, for one in the fullest shower."""
HALO_STEP = 32
MOST_SHARING = 0.2
FAINT = 0.3
"""Cells that are hit more often have more than one particle."""
PATTERN_WIDTH = 32
"""Hidden units of the network that all layers share."""
LATE = 0.2
"""Share of showers without energy in the first layer from which on they begin late."""


@dataclass(frozen=True)
class Look:
    """What some showers, from all over a sample, show.

    Attributes
    ----------
    window : pads in x and y about the axis; None: the whole image.
    halo_particles : places for particles beside it.
    sharing : how often a cell follows its neighbour, as particles do that cross two pads; None: of
        rings and sectors the training measures it.
    places : depths of the layers in equal steps, where showers begin in one of several of them, as
        those of photons do; None: where they do not.
    """

    window: tuple[int, int] | None
    halo_particles: int
    sharing: float | None
    places: tuple[int, ...] | None

    @classmethod
    def at(cls, files: ShowerFiles) -> Look:
        """Look at showers from all over the files, which may be sorted."""
        rows = np.linspace(0, len(files) - 1, min(LOOKED_AT, len(files)))
        return cls.of(files.read_rows(rows.astype(int)))

    def options(self) -> dict[str, Any]:
        """As options of the network."""
        found: dict[str, Any] = {"shared_pattern": True, "pattern_width": PATTERN_WIDTH}
        if self.places is not None:
            found["conversion"] = True
            if self.places[-1] >= len(self.places):
                found["layer_places"] = list(self.places)
        if self.window is not None:
            found |= {"window": list(self.window), "halo_particles": self.halo_particles}
        if self.sharing is not None:
            found |= {"sharing": self.sharing, "off_centre": True}
        return found

    def lines(self) -> list[str]:
        """What was found, in words."""
        lines = ["no window: every cell is asked for its energy"]
        if self.window is not None:
            x, y = self.window
            lines = [
                f"window {x} x {y}: holds {IN_WINDOW:.1%} of the energy; beside it "
                f"{self.halo_particles} places for particles"
            ]
        if self.sharing is not None:
            lines.append(
                f"sharing {self.sharing:g}: hits in neighbouring pads that are one particle's"
            )
        if self.places is not None:
            lines.append("conversion: showers begin late, in a layer that is drawn")
        return lines

    @classmethod
    def of(cls, showers: Showers) -> Look:
        """Look at these showers; of rings and sectors every cell is asked."""
        places = layer_places(showers.detector) if begin_late(showers) else None
        if showers.detector.readout != "pads":
            return cls(None, HALO_STEP, None, places)
        sharing = round(min(max(neighbours_follow(showers), 0.0), MOST_SHARING), 3)
        window = window_of(showers)
        if window is None:
            return cls(None, HALO_STEP, sharing, places)
        beside = (showers.cells > 0) & ~_inside(showers, window)
        fullest = int(beside.sum(axis=(1, 2, 3)).max())
        particles = HALO_STEP * -(-int(ROOM * fullest + 1) // HALO_STEP)
        return cls(window, particles, sharing, places)


def begin_late(showers: Showers) -> bool:
    """Whether many showers leave the first layer empty."""
    layers = showers.cells.sum(axis=(1, 2))
    late = (layers[:, 0] == 0) & (layers.sum(axis=1) > 0)
    return float(late.mean()) > LATE


def window_of(showers: Showers) -> tuple[int, int] | None:
    """Pads in x and y about the axis that hold IN_WINDOW of the energy; None where that is most
    of the image."""
    x, y, _ = showers.cell_shape
    distance_x, distance_y = _from_axis(showers)
    window = _width(showers, distance_x, x), _width(showers, distance_y, y)
    if x == y and not _inclined(showers):
        window = (max(window), max(window))
    return window if np.prod(window) <= MOST_OF_IMAGE * x * y else None


def neighbours_follow(showers: Showers) -> float:
    """Probability that a cell's energy is that of a particle which its neighbour in x has, too.

    Neighbours are hit together more often than cells two pads apart, which are near each other in
    the shower as well but share no particle: by the probability of a hit times what is sought.
    """
    hit = showers.cells > 0
    chance = hit.mean(axis=0, dtype=np.float64)
    chance[chance > FAINT] = 0.0
    (both, apart, follow), (near, near_apart, _) = _pairs(hit, chance, 1), _pairs(hit, chance, 2)
    together = near / max(near_apart, 1e-12)
    return float((both - together * apart) / max(follow - apart, 1e-12))


def _pairs(hit: BoolArray, chance: Float64Array, pads: int) -> tuple[float, float, float]:
    """Pairs of cells so many pads apart in x: how many are hit, would be if they were
    independent, and if one always followed the other."""
    first, second = chance[:-pads], chance[pads:]
    used = (first > 0) & (second > 0)
    hits = (hit[:, :-pads] & hit[:, pads:]).mean(axis=0, dtype=np.float64)
    return (
        float(hits[used].sum()),
        float((first * second)[used].sum()),
        float(np.minimum(first, second)[used].sum()),
    )


def _inclined(showers: Showers) -> bool:
    return bool(np.any(np.abs(showers.theta - np.pi / 2) > ANGLE_TOLERANCE_RAD))


def _from_axis(showers: Showers) -> tuple[Float64Array, Float64Array]:
    """Distances of the cells' middles from the axis along x (1, X, 1, 1) and y (N, 1, Y, Z), in
    pads."""
    x, y, _ = showers.cell_shape
    across_x = np.abs(np.arange(x) - (x - 1) / 2)[None, :, None, None]
    depth = showers.detector.layer_centres_mm / showers.detector.pad_mm[1]
    layers = showers.cells.sum(axis=(1, 2), dtype=np.float64)
    middle = (layers @ depth) / np.maximum(layers.sum(axis=1), 1e-12)
    slope = 1.0 / np.tan(showers.theta.astype(np.float64))
    axis = np.floor((depth - middle[:, None]) * slope[:, None] + 0.5)
    across_y = np.abs(np.arange(y)[None, :, None] - (y - 1) / 2 - axis[:, None])[:, None]
    return across_x, across_y


def _inside(showers: Showers, window: tuple[int, int]) -> BoolArray:
    """Whether cells (N, X, Y, Z) are in a window about the axis."""
    across_x, across_y = _from_axis(showers)
    inside: BoolArray = (across_x <= (window[0] - 1) / 2) & (across_y <= (window[1] - 1) / 2)
    return inside


def _width(showers: Showers, distance: Float64Array, size: int) -> int:
    """The smallest width, of the parity of ``size``, whose pads hold enough of the energy."""
    enough = 0.5 * (1.0 + IN_WINDOW) * showers.cells.sum(dtype=np.float64)
    for width in range(size % 2 or 2, size, 2):
        inside = distance <= 0.5 * (width - 1)
        if np.sum(showers.cells, where=inside, dtype=np.float64) >= enough:
            return width
    return size
