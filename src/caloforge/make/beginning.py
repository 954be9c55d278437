"""Where the showers of a sample begin: those of photons in one of several layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from caloforge.make.depth import faint_gev, layer_places
from caloforge.showers import Showers

LATE = 0.2
"""Share of showers that do not begin in the first layer from which on they begin late."""
BACKSCATTERED = 0.15
"""Share of showers with less in the first layer than any charged particle leaves, from which on
the layers before the beginning are not taken for empty."""
DEEPER = 0.01
"""Share of showers that may begin deeper than the last place that has layers of its own before."""


@dataclass(frozen=True)
class Beginning:
    """Where showers begin that begin late.

    Attributes
    ----------
    places : depths of the layers in equal steps.
    above_gev : energy in the layer in which a shower begins; 0: any.
    before : places before it that have energies, too.
    """

    places: tuple[int, ...]
    above_gev: float = 0.0
    before: int = 0

    @classmethod
    def of(cls, showers: Showers) -> Beginning | None:
        """What these showers say; None where they begin in the first layer."""
        places = layer_places(showers.detector)
        layers = showers.cells.sum(axis=(1, 2))
        layers = layers[layers.sum(axis=1) > 0]
        if places is None or not len(layers):
            return None
        faint = faint_gev(showers.detector)
        empty = float(np.mean(layers[:, 0] == 0))
        scattered = float(np.mean(layers[:, 0] < faint)) - empty
        if scattered > BACKSCATTERED:
            above = 2 * faint
            first = np.argmax(layers >= above, axis=1)
            before = np.quantile(np.array(places)[first], 1.0 - DEEPER, method="higher")
            return cls(places, above, int(before))
        return cls(places) if empty > LATE else None

    def options(self) -> dict[str, Any]:
        """As options of the network."""
        found: dict[str, Any] = {"conversion": True}
        if self.places[-1] >= len(self.places):
            found["layer_places"] = list(self.places)
        if self.before:
            found |= {"begins_above_gev": self.above_gev, "layers_before": self.before}
        return found

    def line(self) -> str:
        """What was found, in words."""
        line = "conversion: showers begin late, in a layer that is drawn"
        if not self.before:
            return line
        return f"{line}: the first with {self.above_gev:g} GeV; before it is what scatters back"
