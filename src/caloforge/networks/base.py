"""What every network is: a generator of showers and, for a GAN, a discriminator of them."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import torch
from pydantic import model_validator
from torch import Tensor, nn

from caloforge.config import FrozenModel
from caloforge.detector import Detector
from caloforge.networks.blocks import training_image


class Rings(FrozenModel):
    """The read-out of a cylinder about the particle, layer by layer.

    ``edges``: of each layer's rings (Z lists), in pads along x; ``sectors`` (Z,): of each layer.
    """

    edges: tuple[tuple[float, ...], ...]
    sectors: tuple[int, ...]


class Domain(FrozenModel):
    """The showers that a network is built for: image shape and range of conditions.

    ``shape`` is (X, Y, Z) in cells with Z the layers; energies in GeV, angles in rad.
    ``layer_depths_pads``: depth of each layer's centre in pads along y.  ``rings``: where X counts
    rings and Y sectors; None where both count pads.
    """

    shape: tuple[int, int, int]
    energy_range_gev: tuple[float, float]
    theta_range_rad: tuple[float, float]
    layer_depths_pads: tuple[float, ...] = ()
    rings: Rings | None = None

    @classmethod
    def of(
        cls,
        detector: Detector,
        window: str,
        energy_range_gev: tuple[float, float],
        theta_range_rad: tuple[float, float],
    ) -> Domain:
        """The domain of a detector's window, for ranges in GeV and rad."""
        pad_x, pad_y = detector.pad_mm
        rings = None
        if detector.readout == "cylinder":
            edges = detector.ring_edges_mm(window)
            rings = Rings(
                edges=tuple(tuple((each / pad_x).tolist()) for each in edges),
                sectors=tuple(detector.sectors(window)),
            )
        return cls(
            shape=detector.cell_shape(window),
            energy_range_gev=energy_range_gev,
            theta_range_rad=theta_range_rad,
            layer_depths_pads=tuple((detector.layer_centres_mm / pad_y).tolist()),
            rings=rings,
        )

    @model_validator(mode="after")
    def _ordered(self) -> Domain:
        low, high = self.energy_range_gev
        if min(self.shape) < 1 or not 0 < low <= high:
            msg = f"a domain needs positive sizes and 0 < Emin <= Emax, got {self}"
            raise ValueError(msg)
        if self.layer_depths_pads and len(self.layer_depths_pads) != self.shape[2]:
            msg = f"{len(self.layer_depths_pads)} depths for {self.shape[2]} layers"
            raise ValueError(msg)
        rings = self.rings
        if rings and {len(rings.edges), len(rings.sectors)} != {self.shape[2]}:
            counts = f"{len(rings.edges)} layers, sectors of {len(rings.sectors)}"
            msg = f"rings of {counts} for {self.shape[2]} layers"
            raise ValueError(msg)
        return self

    @property
    def depths_in_pads(self) -> tuple[float, ...]:
        """Depths (Z,) of the layers in pads: a pad a layer where they are not known."""
        return self.layer_depths_pads or tuple(float(layer) for layer in range(self.shape[2]))


class GeneratorNetwork(nn.Module, ABC):
    """A network that turns noise and conditions into showers.

    ``latent_dim`` numbers per shower are drawn from ``latent_distribution`` ("normal": zero mean
    and unit width, or "uniform": between 0 and 1).  ``impact_latent``: number of the first of the
    two that say where the axis crosses its pad, if any do.  ``takes_phi``: whether :meth:`forward`
    takes a fourth argument, which way the showers lean.  ``runs_best``: what its model card says of
    how to run it, where that is not the card's default.  ``drawn_part``: what it draws beside its
    convolutions, a module of amplitudes and of what the network is given.
    """

    latent_dim: int
    latent_distribution: Literal["normal", "uniform"] = "normal"
    impact_latent: int | None = None
    takes_phi: bool = False
    runs_best: Mapping[str, Any] = {}

    @property
    def drawn_part(self) -> nn.Module | None:
        """See the class."""
        return None

    @abstractmethod
    def forward(self, latent: Tensor, energy: Tensor, theta: Tensor) -> Tensor:
        """Cells (N, X, Y, Z) in GeV from latent (N, L), energy (N,) in GeV, theta (N,) in rad."""

    def draw_latent(self, n: int) -> Tensor:
        """Latent vectors (n, L) from torch's current random state."""
        if self.latent_distribution == "uniform":
            return torch.rand(n, self.latent_dim)
        return torch.randn(n, self.latent_dim)


class Judgement(NamedTuple):
    """What a discriminator says about N images.

    ``logit`` (N,): large for real.  ``measured``: quantity -> (N,) its value read off the image, in
    the units of the condition that it is compared with ("energy" GeV, "ecal" GeV, "theta" rad).
    """

    logit: Tensor
    measured: dict[str, Tensor]


class Discriminator(nn.Module, ABC):
    """A network that tells Geant4 images from generated ones and measures them on the way."""

    def forward(self, cells: Tensor, energy: Tensor, theta: Tensor) -> Judgement:
        """Judge cells (N, X, Y, Z) in GeV."""
        return self.judge(training_image(cells), cells.sum(dim=(1, 2, 3)), energy, theta)

    @abstractmethod
    def judge(self, image: Tensor, ecal: Tensor, energy: Tensor, theta: Tensor) -> Judgement:
        """Judge training images (N, X, Y, Z), whose cells sum to ``ecal`` (N,) GeV."""


class ConditionFeatures(nn.Module):
    """Conditions as three numbers of order one: log energy, energy, angle from perpendicular.

    log Ep and Ep are mapped to [-1, 1] over the domain; theta enters as (theta - pi/2) over the
    half-width of its range (0 for a domain at one angle).
    """

    size = 3

    def __init__(self, domain: Domain) -> None:
        super().__init__()
        low, high = domain.energy_range_gev
        self.log_middle = 0.5 * math.log(low * high)
        self.log_half = max(0.5 * math.log(high / low), 1e-3)
        self.middle = 0.5 * (low + high)
        self.half_width = max(0.5 * (high - low), 1e-3 * high)
        spread = max(abs(t - math.pi / 2) for t in domain.theta_range_rad)
        self.theta_scale = 1.0 / spread if spread > 1e-3 else 0.0

    def forward(self, energy: Tensor, theta: Tensor) -> Tensor:
        """Features (N, 3) of energy (N,) in GeV and theta (N,) in rad."""
        return torch.stack(
            [
                (energy.log() - self.log_middle) / self.log_half,
                (energy - self.middle) / self.half_width,
                (theta - math.pi / 2) * self.theta_scale,
            ],
            dim=1,
        )
