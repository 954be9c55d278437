"""Measures where axes cross their pads, as they were read off the showers.

What the pattern is made for is what the encoder reads: of showers that hardly tell where they
entered, something near the middle.  Particles enter anywhere in the pad, so the quantiles of what
is read say where the axis of each lies.
"""

from __future__ import annotations

import torch
from torch import Tensor

from caloforge.networks.factorised.axis import IMPACTS, ShowerAxis, where_they_enter
from caloforge.networks.factorised.fit.expectation import ExpectedShowers

BINS = 512
PRIOR = 50.0
"""Showers that are taken to lie anywhere in the pad, beside those measured."""


class ImpactMeasurement:
    """Counts distances from the middle of the pad that the axis crosses; :meth:`apply` sets their
    quantiles."""

    def __init__(self, axis: ShowerAxis) -> None:
        self.axis = axis
        self.counts = torch.zeros(2, BINS, dtype=torch.float64)

    def reset(self) -> None:
        """Forget the showers; axes lie where particles enter."""
        self.counts.zero_()
        self.axis.impact.copy_(where_they_enter())

    def state_dict(self) -> dict[str, Tensor]:
        """The counts."""
        return {"counts": self.counts}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """The inverse of :meth:`state_dict`."""
        self.counts.copy_(state["counts"])

    def add(self, expected: ExpectedShowers) -> None:
        """Count axes, which cross all layers of perpendicular showers in one place."""
        place = expected.axis[:, 0]
        distance = (place - torch.round(place)).abs()
        for side in (0, 1):
            self.counts[side] += torch.histc(distance[:, side].double(), BINS, 0.0, 0.5)

    def apply(self) -> None:
        """Set the table of distances."""
        edges = torch.linspace(0.0, 0.5, BINS + 1, dtype=torch.float64)
        wanted = torch.linspace(0.0, 1.0, IMPACTS, dtype=torch.float64)
        for side, counts in enumerate(self.counts):
            share = torch.cumsum(counts + PRIOR / BINS, dim=0)
            share = torch.cat([share.new_zeros(1), share / share[-1]])
            after = torch.searchsorted(share, wanted).clamp(1, BINS)
            low, high = share[after - 1], share[after]
            part = (wanted - low) / (high - low)
            self.axis.impact[side] = edges[after - 1] + part * (edges[after] - edges[after - 1])
