"""All that is measured of the factorised network after its training, part by part.

In this order: the halo and the cells need the layers' energies right; the chances of hits are those
of the deposits' table; how cells hang together, and how far showers lean and wander, is measured on
showers that all parts before have made.
"""

from __future__ import annotations

from typing import Any

import torch

from caloforge.networks.factorised.axis import ShowerAxis
from caloforge.networks.factorised.fit.core import CoreMeasurement
from caloforge.networks.factorised.fit.deposits import DepositMeasurement
from caloforge.networks.factorised.fit.expectation import ExpectedShowers, expect
from caloforge.networks.factorised.fit.halo import HaloMeasurement
from caloforge.networks.factorised.fit.hit_numbers import HitNumberMeasurement
from caloforge.networks.factorised.fit.impact import ImpactEncoder, NoImpact
from caloforge.networks.factorised.fit.layers import LayerCalibration
from caloforge.networks.factorised.fit.off_centre import CentreMeasurement
from caloforge.networks.factorised.fit.read_impact import ImpactMeasurement
from caloforge.networks.factorised.fit.rings import RingMeasurement
from caloforge.networks.factorised.fit.tilt import TiltMeasurement
from caloforge.networks.factorised.generator import FactorisedGenerator
from caloforge.networks.factorised.rings.noise import RingNoise
from caloforge.networks.objective import Batch, Measurement
from caloforge.ranks import group


def measured_parts(
    generator: FactorisedGenerator,
    encoder: ImpactEncoder | NoImpact,
    halo_prior: float = 0.0,
    *,
    smooth: bool = False,
) -> dict[str, Measurement[ExpectedShowers]]:
    """What of a generator is measured, by name, in the order in which it is set; ``encoder``: reads
    the impact points of showers."""
    noise = generator.noise
    parts: dict[str, Measurement[ExpectedShowers]] = {}
    if isinstance(generator.axis, ShowerAxis) and generator.axis.reads_impact:
        parts["impact"] = ImpactMeasurement(generator.axis)
    parts["layers"] = LayerCalibration(generator.layers, smooth=smooth)
    parts["deposits"] = DepositMeasurement(generator.deposits)
    if generator.hit_numbers is not None:
        parts["hit_numbers"] = HitNumberMeasurement(generator.hit_numbers, generator.deposits)
    if generator.halo is not None:
        parts["halo"] = HaloMeasurement(generator.halo, generator.knots, halo_prior)
    if isinstance(noise, RingNoise):
        parts["noise"] = RingMeasurement(generator, noise)
    elif noise.core is not None:
        parts["noise"] = CoreMeasurement(generator, noise.core, encoder)
    if isinstance(generator.axis, ShowerAxis) and generator.axis.moves_centre:
        parts["off_centre"] = CentreMeasurement(generator.axis)
    if generator.knots.inclined:
        parts["tilt"] = TiltMeasurement(generator)
    return parts


class GeneratorMeasurement:
    """Measures every part of ``averaged``, whose weights stand still; ``generator`` then takes its
    weights and tables.  A :class:`caloforge.networks.objective.Measurement` of batches."""

    def __init__(
        self,
        generator: FactorisedGenerator,
        averaged: FactorisedGenerator,
        encoder: ImpactEncoder | NoImpact,
        halo_prior: float = 0.0,
        *,
        smooth: bool = False,
    ) -> None:
        self.generator, self.averaged, self.encoder = generator, averaged, encoder
        self.parts = measured_parts(averaged, encoder, halo_prior, smooth=smooth)

    @torch.no_grad()
    def reset(self) -> None:
        """See :class:`Measurement`."""
        for part in self.parts.values():
            part.reset()

    @torch.no_grad()
    def add(self, showers: Batch) -> None:
        """Add this rank's showers; every rank measures those of all, and holds the same tables."""
        cells, energy, theta = map(group.gathered, (showers.cells, showers.energy, showers.theta))
        gathered = Batch(cells, energy, theta)
        expected = expect(self.averaged, self.encoder, gathered)
        for part in self.parts.values():
            part.add(expected)

    @torch.no_grad()
    def apply(self) -> None:
        """Set all parts, and give the generator the averaged weights."""
        for part in self.parts.values():
            part.apply()
        self.generator.load_state_dict(self.averaged.state_dict())

    def state_dict(self) -> dict[str, Any]:
        """The parts' states by name."""
        return {name: part.state_dict() for name, part in self.parts.items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The inverse of :meth:`state_dict`."""
        for name, part in self.parts.items():
            part.load_state_dict(state[name])
