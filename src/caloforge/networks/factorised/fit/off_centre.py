"""Measures how far energy beside the image moves its centre.

Geant4's image is cut out about the pad of the barycentre of all energy, also of that which is not
in the image.  So the barycentre of what is in it lies beside the middle pad now and then.  Where
far hits pull it by t with the density q exp(-t / L) / L, and barycentres near the pad's border have
the density d, q d L (1 - exp(-1 / L)) lie half a pad beside the middle, and of these exp(-1 / 2L)
lie a pad beside it.  Far hits are seldom, and move a faint shower by pads, a bright one hardly.
"""

from __future__ import annotations

import torch
from torch import Tensor

from caloforge.networks.factorised.axis import ShowerAxis
from caloforge.networks.factorised.fit.expectation import ExpectedShowers

BORDER, HALF, WHOLE = 0.35, 0.5, 1.0
"""Pads from the middle: where the pad's border begins, where it ends, and the next pad's middle."""
PRIOR = 20.0
"""Showers that every knot is taken to have beside its own, with the shares of all."""
FAR_PRIOR = 10.0
"""The same, of barycentres beside the middle pad, for the share of those far from it."""
LEAST_FAR, MOST_FAR = 0.01, 0.8
LEAST_AT_BORDER = 0.1


class CentreMeasurement:
    """Counts barycentres near the middle pad's border, and beside it; :meth:`apply` sets how often
    and how far they are pulled."""

    def __init__(self, axis: ShowerAxis) -> None:
        self.axis = axis
        self.counts = torch.zeros(4, *axis.pull.shape, dtype=torch.float64)

    def reset(self) -> None:
        """Forget the showers; all images are centred on what is in them."""
        self.counts.zero_()
        self.axis.pull.zero_()

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
        weights = expected.condition.weights.double()
        for along, others in ((1, (2, 3)), (2, (1, 3))):
            pads = torch.arange(cells.shape[along]) - cells.shape[along] // 2
            middle = ((cells.sum(dim=others) * pads).sum(dim=1) / total).abs()
            beside, far = middle > HALF, middle > WHOLE
            at_border = (middle > BORDER) & ~beside
            kinds = torch.stack([at_border, beside, far, torch.ones_like(far)])
            self.counts += kinds.double() @ weights

    def apply(self) -> None:
        """Set pull and rarity of the showers at every knot."""
        at_border, beside, far, showers = self.counts
        in_pad = (showers - beside).sum().clamp(min=1e-12)
        density = (at_border.sum() / (2.0 * (HALF - BORDER) * in_pad)).clamp(min=LEAST_AT_BORDER)
        usual = beside.sum() / showers.sum().clamp(min=1e-12)
        usually_far = far.sum() / beside.sum().clamp(min=1e-12)
        share = (beside + 2.0 * PRIOR * usual) / (showers + 2.0 * PRIOR)
        of_these = (far + FAR_PRIOR * usually_far) / (beside + FAR_PRIOR)
        pull = -0.5 / of_these.clamp(LEAST_FAR, MOST_FAR).log()
        often = share / (density * pull * (1.0 - torch.exp(-1.0 / pull)))
        self.axis.pull.copy_(pull)
        self.axis.rarity.copy_(-often.clamp(1e-6, 1.0).log())
