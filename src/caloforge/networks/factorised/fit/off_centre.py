"""Measures how far energy beside the image moves its centre.

Geant4's image is cut out about the pad of the barycentre of all energy, also of that which is not
in the image.  So the barycentre of what is in it lies beside the middle pad now and then; how
often, in each of x and y, is half of how far it is moved on the average: at the border of the pad
there are half as many barycentres as evenly spread ones would be.
"""

from __future__ import annotations

import torch
from torch import Tensor

from caloforge.networks.factorised.axis import ShowerAxis
from caloforge.networks.factorised.fit.expectation import ExpectedShowers

PRIOR = 20.0
"""Showers that every knot is taken to have beside its own, with the share of all."""


class CentreMeasurement:
    """Counts showers whose barycentre lies beside the middle pad; :meth:`apply` sets the share."""

    def __init__(self, axis: ShowerAxis) -> None:
        self.axis = axis
        self.counts = torch.zeros(2, *axis.off_centre.shape, dtype=torch.float64)

    def reset(self) -> None:
        """Forget the showers; all images are centred on what is in them."""
        self.counts.zero_()
        self.axis.off_centre.zero_()

    def state_dict(self) -> dict[str, Tensor]:
        """The counts."""
        return {"counts": self.counts}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """The inverse of :meth:`state_dict`."""
        self.counts.copy_(state["counts"])

    def add(self, expected: ExpectedShowers) -> None:
        """Count showers, x and y of each."""
        cells = expected.showers.cells
        total = cells.sum(dim=(1, 2, 3)).clamp(min=1e-12)
        beside = torch.zeros_like(total)
        for along, others in ((1, (2, 3)), (2, (1, 3))):
            pads = torch.arange(cells.shape[along]) - cells.shape[along] // 2
            middle = (cells.sum(dim=others) * pads).sum(dim=1) / total
            beside += 0.5 * (middle.abs() > 0.5)
        weights = expected.condition.weights.double()
        self.counts += torch.stack([beside.double() @ weights, weights.sum(dim=0)])

    def apply(self) -> None:
        """Set the share of the showers at every knot."""
        beside, showers = self.counts
        everywhere = beside.sum() / showers.sum().clamp(min=1e-12)
        self.axis.off_centre.copy_((beside + PRIOR * everywhere) / (showers + PRIOR))
