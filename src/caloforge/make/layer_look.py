"""What a sample says of the energies of the layers: where showers begin, whether the layers share a
sum, and into which classes they fall."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

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
FEW_LAYERS, FEW_STEPS, BEFORE = 3, 4, 4.0
"""First layers, which have classes of their own, fewer, from a fraction of the energy on."""


@dataclass(frozen=True)
class LayerLook:
    """What some showers show of their layers.

    Attributes
    ----------
    number : of them.
    beginning : where showers begin, if in one of several layers, as those of photons do.
    draws_sum : whether the layers share an energy that is hardly lost.
    classes : layer energy in GeV, and factor from there on, by which deposits are told apart; None:
        those of thin silicon.
    largest_gev : of all layers, which is more than any cell expects.
    counted : whether most layers are crossed by one particle, as a muon's are.
    """

    number: int
    beginning: Beginning | None
    draws_sum: bool
    classes: tuple[float, float] | None
    largest_gev: float
    counted: bool

    @classmethod
    def of(cls, showers: Showers) -> LayerLook:
        """Look at these showers."""
        return cls(
            showers.cell_shape[2],
            Beginning.of(showers),
            share_a_sum(showers),
            layer_classes(showers),
            float(f"{showers.cells.sum(axis=(1, 2)).max():.2g}"),
            single_particles(showers) > MOSTLY,
        )

    def options(self) -> dict[str, Any]:
        """As options of the network."""
        found = {} if self.beginning is None else self.beginning.options()
        if self.draws_sum:
            found["draws_sum"] = True
        if self.classes is not None:
            found["layer_classes"] = list(self.classes)
            found["largest_gev"] = max(self.largest_gev, 1.0)
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
            faint, ratio = self.classes
            lines.append(
                f"layers in classes from {faint:g} GeV on, each {ratio:g} times the last; "
                f"the largest has {self.largest_gev:g} GeV"
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


def layer_classes(showers: Showers) -> tuple[float, float] | None:
    """Energy in GeV of the faintest class of layers, and the factor between classes; None where
    those of silicon do."""
    few = showers.cell_shape[2] <= FEW_LAYERS
    layers = showers.cells.sum(axis=(1, 2))
    layers = layers[layers > 0]
    if not len(layers) or np.mean(layers > LARGEST_OF_SILICON_GEV) < MOST_LARGER:
        return None
    faint, large = np.quantile(layers, [FAINT_SHARE, LARGE_SHARE])
    ratio = (large / faint) ** (1 / (FEW_STEPS if few else STEPS))
    faint = BEFORE * faint if few else faint
    return float(f"{faint:.2g}"), float(f"{ratio:.2g}")
