"""What the showers of a sample are like: how wide they are, so that the pads are known in which
every cell is asked for its energy, and whether they begin late."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from caloforge.make.layer_look import LayerLook
from caloforge.make.sharing import Sharing
from caloforge.scaling import ANGLE_TOLERANCE_RAD
from caloforge.showers import Showers
from caloforge.train.files import ShowerFiles
from caloforge.typing import BoolArray, Float64Array

LOOKED_AT = 1024
IN_WINDOW = 0.985
"""Share of the energy in the window; beside it hits are rare and single."""
MOST_OF_IMAGE = 0.6
"""A window of more of the image's pads than this saves nothing: every cell is asked."""
FEW_CELLS = 1000
"""The same of an image of so few."""
LAYERS_FOR_SIZES = 4
"""Layers from which on one may stand out of those near it."""
ROOM = 1.3
"""Places for particles beside the window, for one in the fullest shower."""
HALO_STEP = 32
PATTERN_WIDTH = 32
"""Hidden units of the network that all layers share."""


@dataclass(frozen=True)
class Look:
    """What some showers, from all over a sample, show.

    Attributes
    ----------
    window : pads in x and y about the axis; None: the whole image.
    halo_particles : places for particles beside it.
    sharing : how often a cell follows its neighbour; None: of rings and sectors the training
        measures it.
    layers : what the energies of the layers are like.
    inclined : whether some lean.
    """

    window: tuple[int, int] | None
    halo_particles: int
    sharing: Sharing | None
    layers: LayerLook
    inclined: bool

    @classmethod
    def at(cls, files: ShowerFiles) -> Look:
        """Look at showers from all over the files, which may be sorted."""
        rows = np.linspace(0, len(files) - 1, min(LOOKED_AT, len(files)))
        return cls.of(files.read_rows(rows.astype(int)))

    def options(self) -> dict[str, Any]:
        """As options of the network."""
        found: dict[str, Any] = {"shared_pattern": True, "pattern_width": PATTERN_WIDTH}
        if self.layers.number >= LAYERS_FOR_SIZES:
            found["deposit_sizes"] = True
        found |= self.layers.options()
        if self.window is not None:
            found |= {"window": list(self.window), "halo_particles": self.halo_particles}
        if self.sharing is not None:
            found |= {**self.sharing.options(), "off_centre": True}
            if not self.inclined:
                found["reads_impact"] = True
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
            lines += self.sharing.lines()
        return lines + self.layers.lines()

    @classmethod
    def of(cls, showers: Showers) -> Look:
        """Look at these showers; of rings and sectors every cell is asked."""
        layers = LayerLook.of(showers)
        if showers.detector.readout != "pads":
            return cls(None, HALO_STEP, None, layers, inclined=False)
        sharing, window, inclined = Sharing.of(showers), window_of(showers), _inclined(showers)
        if window is None:
            return cls(None, HALO_STEP, sharing, layers, inclined)
        beside = (showers.cells > 0) & ~_inside(showers, window)
        fullest = int(beside.sum(axis=(1, 2, 3)).max())
        particles = HALO_STEP * -(-int(ROOM * fullest + 1) // HALO_STEP)
        return cls(window, particles, sharing, layers, inclined)


def window_of(showers: Showers) -> tuple[int, int] | None:
    """Pads in x and y about the axis that hold IN_WINDOW of the energy; None where that is most
    of the image, or this has few cells."""
    x, y, layers = showers.cell_shape
    if x * y * layers <= FEW_CELLS:
        return None
    distance_x, distance_y = _from_axis(showers)
    window = _width(showers, distance_x, x), _width(showers, distance_y, y)
    if x == y and not _inclined(showers):
        window = (max(window), max(window))
    return window if np.prod(window) <= MOST_OF_IMAGE * x * y else None


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
