"""From the last amplitudes of a network of convolutions to cells in GeV."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional

from caloforge.config import FrozenModel
from caloforge.errors import ConfigError
from caloforge.networks.base import Domain
from caloforge.networks.blocks import IMAGE_UNIT_GEV, relative_cells, zero_below_threshold
from caloforge.networks.gan.lateral import LateralProfile
from caloforge.networks.gan.response import DrawnLayers, DrawnResponse

CHAIN = ("relative", "drawn_response", "drawn_layers", "lateral")
"""Options that each need those before it."""
SMALLEST_SUM = 1e-4
"""Of squares of amplitudes: where there are less, less energy than was drawn; and a gradient."""


class EndingOptions(FrozenModel):
    """How amplitudes become cells.

    ``relative``: cells are relative to Ep, and the conditions stand beside the latent numbers.
    ``drawn_response``: the sum of the cells is drawn; ``drawn_layers``: so are the layers' shares
    of it (:mod:`.response`); ``lateral``: and the rings about the shower's axis of a layer's
    (:mod:`.lateral`).  Each needs those before it.  ``fading``: amplitudes fall off below zero
    instead of ending there, so that no cell, and no layer, is ever without a gradient; it needs
    ``relative``.
    """

    relative: bool = False
    drawn_response: bool = False
    drawn_layers: bool = False
    lateral: bool = False
    fading: bool = False


class Ending(nn.Module):
    """Cells = 10 MeV x amplitude; relative, Ep x 1e-4 x its square, or its square's share of what
    is drawn.

    Raises :class:`ConfigError` for an option without those that it needs.
    """

    def __init__(self, options: EndingOptions, latent: int, domain: Domain) -> None:
        super().__init__()
        _check(options)
        self.relative, self.fading = options.relative, options.fading
        self.lateral = LateralProfile(latent, domain) if options.lateral else None
        self.drawn: DrawnResponse | DrawnLayers | None = None
        if options.drawn_layers:
            self.drawn = DrawnLayers(latent, domain)
        elif options.drawn_response:
            self.drawn = DrawnResponse(domain)

    def amplitudes(self, image: Tensor) -> Tensor:
        """Amplitudes, none below zero, of the last convolution's image."""
        image = image.float()
        if self.fading:
            return functional.relu(image) + image.clamp(max=0.0).exp()
        return functional.relu(image)

    def forward(self, amplitude: Tensor, latent: Tensor, energy: Tensor, theta: Tensor) -> Tensor:
        """Cells (N, X, Y, Z) of amplitudes of that shape, none below zero, latent (N, L), energy
        (N,) in GeV and theta (N,) in rad; of amplitudes (1, 1, 1, Z), what is drawn beside them."""
        if not self.relative:
            return zero_below_threshold(amplitude * IMAGE_UNIT_GEV)
        if self.drawn is None:
            return relative_cells(amplitude, energy)
        drawn = self.drawn(latent, energy, theta)
        squares = amplitude * amplitude
        if self.lateral is not None:
            squares = self.lateral(squares, latent, energy, theta)
        total = squares.sum((1, 2))
        if drawn.shape[1] == 1:
            total = total.sum(1, keepdim=True)
        factor = drawn / (total + SMALLEST_SUM)
        return zero_below_threshold(squares * factor[:, None, None])


def _check(options: EndingOptions) -> None:
    for needed, name in [*pairwise(CHAIN), ("relative", "fading")]:
        if getattr(options, name) and not getattr(options, needed):
            msg = f"network.{name} needs network.{needed} = true"
            raise ConfigError(msg)
