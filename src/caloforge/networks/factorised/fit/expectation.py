"""What the factorised network expects of showers: all that its parts are measured on."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from caloforge.networks.factorised.fit.impact import ImpactEncoder, NoImpact
from caloforge.networks.factorised.generator import FactorisedGenerator
from caloforge.networks.factorised.knots import Condition
from caloforge.networks.objective import Batch


class ExpectedShowers(NamedTuple):
    """Showers beside what a network expects of them; energies in GeV.

    ``layer_energy`` (N, Z); ``axis`` (N, Z, 2) in pads from the image's middle pad; ``centre``
    (N, Z): y of the window in pads from there; ``window`` (N, X, Y, Z): the cells in it, and
    ``expected`` of the same shape; ``beside`` (N, Z): what is expected beside it;
    ``larger``: as :class:`caloforge.networks.factorised.pattern.ExpectedCells` has it.
    """

    showers: Batch
    layer_energy: Tensor
    condition: Condition
    axis: Tensor
    centre: Tensor
    window: Tensor
    expected: Tensor
    beside: Tensor
    larger: Tensor | None = None


def expect(
    generator: FactorisedGenerator, encoder: ImpactEncoder | NoImpact, showers: Batch
) -> ExpectedShowers:
    """What a generator expects of Geant4 showers whose impact points the encoder reads."""
    layer_energy = showers.cells.sum(dim=(1, 2))
    condition = generator.knots(showers.energy, showers.theta)
    moved = generator.axis.displacement(layer_energy, condition.slope)
    axis = generator.axis(encoder(showers.cells, condition, moved), layer_energy, condition)
    centre = generator.axis.centre(axis.detach())
    window = generator.axis.cut(showers.cells, centre)
    expected = generator.expected(layer_energy, condition, axis, centre)
    return ExpectedShowers(showers, layer_energy, condition, axis, centre, window, *expected)
