"""What a sample says of the energies of the layers: where showers begin, whether the layers share a
sum, and into which classes they fall."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from caloforge.make.beginning import Beginning
from caloforge.showers import Showers
from caloforge.units import MeV

SHARED = 0.02
"""Of the variance that the response would have if layers fluctuated apart: where it has less, the
layers share an energy that is known much better than each of them."""
LARGEST_OF_SILICON_GEV, MOST_LARGER = 64 * MeV, 0.3
"""Energy from which on the largest class of silicon's layers takes all, and share of the layers
that may be in it."""
FAINT_SHARE, LARGE_SHARE = 0.1, 0.99
"""Of the layers, between which those of other calorimeters are divided into classes."""
ONE_PARTICLE_HITS, MOSTLY = 2, 0.6
"""Cells, at most, that one particle hits in a layer, and share of such layers from which on their
hits are counted."""
STEPS = 6
"""Classes between these two."""
LARGEST_GEV = 1.0
"""At least of what cells are taken to expect at most."""
FEW_LAYERS, FEW_STEPS, BEFORE = 3, 4, 4.0
"""First layers, which have classes of their own, fewer, from a fraction of the energy on."""


class Classes(NamedTuple):
    """The faintest class of layers in GeV and the factor from there on, by which deposits are told
    apart, and the energy of the largest layer, which is more than any cell expects."""

    faint_gev: float
    ratio: float
    largest_gev: float


@dataclass(frozen=True)
class LayerLook:
    """What some showers show of their layers.

    Attributes
    ----------
    number : of them.
    beginning : where showers begin, if in one of several layers, as those of photons do.
    draws_sum : whether the layers share an energy that is hardly lost.
    classes : by which their deposits are told apart; None: those of thin silicon.
    counted : whether most layers are crossed by one particle, as a muon's are.
    """

    number: int
    beginning: Beginning | None
    draws_sum: bool
    classes: Classes | None
    counted: bool

    @classmethod
    def of(cls, showers: Showers) -> LayerLook:
        """Look at these showers."""
        return cls(
            showers.cell_shape[2],
            Beginning.of(showers),
            share_a_sum(showers),
            layer_classes(showers),
            single_particles(showers) > MOSTLY,
        )

    def options(self) -> dict[str, Any]:
        """As options of the network."""
        found = {} if self.beginning is None else self.beginning.options()
        if self.draws_sum:
            found["draws_sum"] = True
        if self.classes is not None:
            faint, ratio, largest = self.classes
            found |= {"layer_classes": [faint, ratio], "largest_gev": max(largest, LARGEST_GEV)}
        if self.counted:
            found["counted_hits"] = True
        return found

    def lines(self) -> list[str]:
        """What was found, in words."""
        lines = [] if self.beginning is None else [self.beginning.line()]
        if self.draws_sum:
            lines.append(
                "draws_sum: hardly any energy is lost; what all layers have is drawn first"
            )
        if self.classes is not None:
            faint, ratio, largest = self.classes
            lines.append(
                f"layers in classes from {faint:g} GeV on, each {ratio:g} times the last; "
                f"the largest has {largest:g} GeV"
            )
        if self.counted:
            lines.append(
                "counted_hits: most layers are one particle's; how many cells it hits is drawn"
            )
        return lines


def single_particles(showers: Showers) -> float:
    """Share of the layers with energy that have no more hits than one particle makes."""
    hits = np.count_nonzero(showers.cells, axis=(1, 2))
    hits = hits[hits > 0]
    return float(np.mean(hits <= ONE_PARTICLE_HITS)) if len(hits) else 0.0


def share_a_sum(showers: Showers) -> bool:
    """Whether the layers' energies add up to one that hardly varies."""
    layers = showers.cells.sum(axis=(1, 2), dtype=np.float64) / showers.energy[:, None]
    return float(layers.sum(axis=1).var()) < SHARED * float(layers.var(axis=0).sum())


def layer_classes(showers: Showers) -> Classes | None:
    """Classes of the layers; None where those of silicon do."""
    layers = showers.cells.sum(axis=(1, 2))
    layers = layers[layers > 0]
    if not len(layers) or np.mean(layers > LARGEST_OF_SILICON_GEV) < MOST_LARGER:
        return None
    few = showers.cell_shape[2] <= FEW_LAYERS
    faint, large = np.quantile(layers, [FAINT_SHARE, LARGE_SHARE])
    ratio = (large / faint) ** (1 / (FEW_STEPS if few else STEPS))
    found = (BEFORE * faint if few else faint, ratio, layers.max())
    return Classes(*(float(f"{each:.2g}") for each in found))
