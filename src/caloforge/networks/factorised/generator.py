"""factorised: a shower as a chain of small steps, each the physics of one variable.

p(cells | Ep, theta) = p(layer energies) p(impact point) prod p(cell | expected energy), where

1. the layer energies come from a normalising flow (:mod:`.layers`);
2. the axis passes the impact point (:mod:`.axis`), and a mixture of Gaussians about it,
   integrated over the pads, spreads each layer's energy (:mod:`.pattern`): this is the
   expected energy of every cell; in a cylinder the axis is the particle's, and the integrals are
   over rings and sectors (:mod:`.rings`);
3. a cell's energy given its expectation is a compound Poisson variable, a number of deposits of
   about one minimum-ionising particle each, drawn through its measured quantile function
   (:mod:`.deposits`); far from the axis single hits are drawn as points
   (:mod:`.halo`); in faint layers so many cells are hit as was drawn (:mod:`.hit_numbers`); what a
   layer got is then scaled to the layer's energy.

All of it is one pass of a few hundred kFLOP; the random numbers of the cells are built from a few
thousand (:mod:`.noise`).  Mirror images are equally likely: x and -x at any angle, y at
theta and -y at pi - theta; in a cylinder all directions are.  Showers on square pads that lean
elsewhere than along y are known from those that do, as matter looks the same from all sides: axis,
window, Gaussians and halo are turned (:mod:`.aslant`).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Literal, NamedTuple

import torch
from pydantic import Field
from torch import Tensor

from caloforge.card import TABLES
from caloforge.config import FrozenModel
from caloforge.errors import ConfigError
from caloforge.networks.base import Domain, GeneratorNetwork
from caloforge.networks.factorised.axis import CENTRE_DIM, HaloHits, ShowerAxis, Sideways
from caloforge.networks.factorised.conversion import Conversion
from caloforge.networks.factorised.deposits import (
    LARGEST_GEV,
    SILICON,
    DepositSampler,
    LayerClasses,
)
from caloforge.networks.factorised.geometry import steps
from caloforge.networks.factorised.hit_numbers import HitNumbers
from caloforge.networks.factorised.knots import Condition, Knots, unit_vectors
from caloforge.networks.factorised.layers import LayerEnergies, normal_from_uniform
from caloforge.networks.factorised.pattern import ExpectedCells, TransversePattern
from caloforge.scaling import THRESHOLD_GEV

TILT_DIM = 2
"""Uniform numbers that make the normal one by which an inclined shower wanders."""


class FactorisedOptions(FrozenModel):
    """Size of the parts.

    ``flow_steps``, ``flow_width``: coupling steps of the layer energies' flow and hidden units of
    each.  ``rings``: Gaussians in a layer's transverse pattern; ``pattern_width``: hidden units of
    the network that weighs them.  ``sharing``: probability that a cell's deposits follow those of a
    neighbour (particles that cross two pads; in a cylinder it is measured); ``deep_sharing``: the
    same for the cell behind (photons that scatter twice, where no absorber lies between layers);
    ``sharing_wraps``: cells at the end of a window's row follow those at its beginning, as in the
    first models.
    ``layer_classes``: energy in GeV of the faintest layers, and factor between classes of layers
    whose deposits are told apart (None: those of silicon); ``largest_gev``: what a cell expects at
    most, eight decades of which are told apart.  ``window``: pads in x
    and y about the axis in which every cell is asked for its energy (None: the whole image); beside
    it hits are drawn as points, those of at most ``halo_particles`` in a shower.
    What few showers ask for: ``local_correlations`` of the layer energies are measured around each
    knot of Ep instead of once; ``conversion`` draws the layer in which a shower begins, as photons'
    showers begin late (with ``empty_layers = "drawn"`` in the objective), and ``layer_places`` says
    where layers that are not alike lie for it, in equal steps of radiation lengths from the first
    one's 0; where ``layers_before`` is not 0, the shower begins in the first layer with more than
    ``begins_above_gev``, and so many places before it have energies, too.  ``draws_sum`` takes the
    sum of the layers for a variable of its own; ``shared_pattern`` has one network weigh the
    Gaussians in all layers.  ``off_centre``:
    energy beside the image has its part in where the image's centre is, as it has in Geant4's.
    ``reads_impact``: impact points of perpendicular showers are those that were read off the
    sample's, which wide pads and few layers draw towards the middle.
    ``counted_hits``: how many cells a faint layer hits is drawn, too.  ``deposit_sizes``: the
    shared pattern's network says of each layer how large its deposits are, too; it is told the
    response, and how the layer stands out of those near it.
    """

    name: Literal["factorised"] = "factorised"
    flow_steps: int = Field(6, gt=0)
    flow_width: int = Field(48, gt=0)
    rings: int = Field(10, gt=1)
    pattern_width: int = Field(96, gt=0)
    sharing: float = Field(0.09, ge=0, lt=0.5)
    deep_sharing: float = Field(0.0, ge=0, lt=0.5)
    sharing_wraps: bool = True
    layer_classes: tuple[Annotated[float, Field(gt=0)], Annotated[float, Field(gt=1)]] | None = None
    largest_gev: float = Field(LARGEST_GEV, gt=0)
    window: tuple[int, int] | None = None
    halo_particles: int = Field(384, gt=0)
    local_correlations: bool = False
    conversion: bool = False
    layer_places: tuple[int, ...] | None = None
    begins_above_gev: float = Field(0.0, ge=0)
    layers_before: int = Field(0, ge=0)
    draws_sum: bool = False
    shared_pattern: bool = False
    off_centre: bool = False
    reads_impact: bool = False
    counted_hits: bool = False
    deposit_sizes: bool = False

    @property
    def for_thick_layers(self) -> bool:
        """Whether a step is as only thick layers need it, which see most of a shower's energy."""
        return bool(self.draws_sum or self.layers_before or self.deep_sharing or self.layer_classes)


class MadeShowers(NamedTuple):
    """Showers whose images are not yet cut out about their barycentres.

    ``layer_energy`` (N, Z) and ``cells`` (N, X, Y, Z) of the window in GeV, and what these
    ``expected``; ``hits`` beside the window.  The others are as :mod:`.axis` has them.
    """

    condition: Condition
    layer_energy: Tensor
    expected: Tensor
    cells: Tensor
    hits: HaloHits | None
    centre: Tensor
    missed: Tensor | None
    sideways: Sideways | None


class FactorisedGenerator(GeneratorNetwork):
    """See the module.  Empty showers until its tables have been measured.

    The latent numbers are uniform in [0, 1).  ``takes_phi``: whether its showers may lean anywhere.
    """

    latent_distribution = "uniform"
    runs_best = TABLES

    def __init__(self, options: FactorisedOptions, domain: Domain) -> None:
        super().__init__()
        layers = domain.shape[2]
        self.knots = Knots(domain)
        self.layers = LayerEnergies(
            layers, options.flow_steps, options.flow_width, self.knots,
            local=options.local_correlations, draws_sum=options.draws_sum,
            conversion=_conversion(options, layers, self.knots),
        )  # fmt: skip
        self.axis, self.pattern, self.noise, self.halo = steps(options, domain, self.knots)
        classes = options.layer_classes
        self.deposits = DepositSampler(
            layers,
            self.knots,
            SILICON if classes is None else LayerClasses(*classes),
            options.largest_gev,
        )
        self.hit_numbers = (
            HitNumbers(layers, self.knots, self.deposits.classes) if options.counted_hits else None
        )
        self.for_thick_layers = options.for_thick_layers
        self.parts = [
            self.layers.latent_dim,
            self.axis.latent_dim,
            self.noise.latent_dim,
            self.halo.latent_dim if self.halo else 0,
            TILT_DIM if self.knots.inclined else 0,
            CENTRE_DIM if options.off_centre else 0,
            self.hit_numbers.latent_dim if self.hit_numbers else 0,
        ]
        self.latent_dim = sum(self.parts)
        self.impact_latent = self.layers.latent_dim if self.axis.latent_dim else None
        x, y, _ = domain.shape
        self.takes_phi = self.knots.inclined and x == y

    def forward(
        self, latent: Tensor, energy: Tensor, theta: Tensor, phi: Tensor | None = None
    ) -> Tensor:
        """See :class:`GeneratorNetwork`; ``phi`` (N,) in rad is which way showers lean, from the
        pads' x towards y, of a network that ``takes_phi``; None: along y."""
        made = self.make(latent, energy, theta, phi)
        if made.hits is None:
            return self.axis.image_of(made.cells, made.centre, None, made.missed)
        assert isinstance(self.axis, ShowerAxis)
        return self.axis.image_of(made.cells, made.centre, made.hits, made.missed, made.sideways)

    def make(
        self, latent: Tensor, energy: Tensor, theta: Tensor, phi: Tensor | None = None
    ) -> MadeShowers:
        """Showers before their images are cut out; arguments as :meth:`forward` takes them."""
        condition = self.knots(energy, theta)
        for_layers, for_impact, for_cells, for_halo, for_tilt, for_centre, for_numbers = (
            torch.split(latent, self.parts, dim=1)
        )
        layer_energy = self.layers(for_layers, condition)
        tilt = normal_from_uniform(for_tilt)[:, :1] if self.knots.inclined else None
        impact, sideways = self.axis.entered(for_impact - 0.5), None
        if phi is None:
            axis = self.axis(impact, layer_energy, condition, tilt)
            centre = self.axis.centre(axis)
            expected, beside, larger = self.expected(layer_energy, condition, axis, centre)
        else:
            assert isinstance(self.axis, ShowerAxis)
            assert isinstance(self.pattern, TransversePattern)
            toward = unit_vectors(phi)
            axis = self.axis(impact, layer_energy, condition, tilt, toward)
            centre, sideways = self.axis.centre(axis), Sideways(self.axis.aside(axis), toward)
            from_window = axis - torch.stack([sideways.centre, centre], dim=2)
            expected, beside, larger = self.pattern.aslant(
                layer_energy, condition, from_window, toward
            )
        missed = self.axis.missed(for_centre, condition)
        hits, in_hits = None, None
        if self.halo is not None:
            hits = self.halo(beside, condition, centre, for_halo, sideways)
            in_hits = hits.layer_energy(layer_energy.shape[1])
        quantile, dither = self.noise(for_cells, condition)
        row = self.deposits.rows(expected, layer_energy, condition, dither, larger)
        counted = None
        if self.hit_numbers is not None:
            own = layer_energy if in_hits is None else layer_energy - in_hits
            counted = self.hit_numbers.counts(own)
            quantile = self.hit_numbers(quantile, row, own, condition, for_numbers, larger)
        deposit = expected * self.deposits.ratio(row, quantile)
        cells, scale = scale_to_layers(deposit, layer_energy, in_hits, counted)
        if hits is not None:
            hits = hits.scaled(scale if counted is None else torch.where(counted, 1.0, scale))
        return MadeShowers(condition, layer_energy, expected, cells, hits, centre, missed, sideways)

    def expected(
        self, layer_energy: Tensor, condition: Condition, axis: Tensor, centre: Tensor
    ) -> ExpectedCells:
        """What the cells of the windows expect."""
        expected: ExpectedCells = self.pattern(
            layer_energy, condition, axis[:, 0, 0], axis[..., 1] - centre
        )
        return expected


def _conversion(options: FactorisedOptions, layers: int, knots: Knots) -> Conversion | None:
    """Where showers begin that begin late; None: they are not taken for late."""
    if not options.conversion:
        return None
    places = _places(options, layers)
    return Conversion(places, knots.size, options.begins_above_gev, options.layers_before)


def _places(options: FactorisedOptions, layers: int) -> Sequence[int]:
    """Where the layers lie for a shower that begins late."""
    places = options.layer_places
    if places is None:
        return range(layers)
    rising = all(one < other for one, other in pairwise(places))
    if len(places) != layers or places[0] != 0 or not rising:
        msg = f"layer_places must rise from 0 with one for each of {layers} layers, got {places}"
        raise ConfigError(msg)
    return places


def scale_to_layers(
    deposit: Tensor,
    layer_energy: Tensor,
    beside: Tensor | None = None,
    alone: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Cells (N, X, Y, Z) that add up to their layer's energy (N, Z), all in GeV; and the factors.

    ``beside`` (N, Z): deposits that have a part in the layer's energy, and are scaled with its
    cells, or, where these are scaled ``alone`` (N, Z), have it as they are.  Cells below the
    threshold are zero.  A layer in which no cell was hit gives its energy to the cell that came
    nearest to it, the largest of its negligible deposits.
    """
    flat = deposit.flatten(1, 2)
    total = (flat.new_ones(1, flat.shape[1]) @ flat)[:, 0]  # faster than a sum in every engine
    if beside is not None and alone is not None:
        layer_energy = torch.where(alone, layer_energy - beside, layer_energy)
        beside = torch.where(alone, 0.0, beside)
    if beside is not None:
        total = total + beside
    largest = flat.amax(dim=1)
    empty = total < THRESHOLD_GEV
    scale = layer_energy / torch.where(empty, largest, total).clamp(min=1e-30)
    threshold = torch.where(empty, 0.999 * layer_energy, THRESHOLD_GEV).clamp(min=THRESHOLD_GEV)
    cells = deposit * scale[:, None, None]
    return torch.where(cells < threshold[:, None, None], 0.0, cells), scale
