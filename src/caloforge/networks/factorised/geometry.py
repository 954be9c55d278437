"""The steps that depend on how cells lie: on pads, or in rings and sectors about the particle.

Each geometry has an axis (where the middle of the shower is, and how its window becomes an image),
a pattern (what cells expect), a noise (how their random numbers hang together) and, beside a window
of pads, a halo.  No other step knows which geometry it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from caloforge.errors import ConfigError
from caloforge.networks.base import Domain
from caloforge.networks.factorised.axis import ShowerAxis
from caloforge.networks.factorised.halo import Halo
from caloforge.networks.factorised.knots import Knots
from caloforge.networks.factorised.noise import CellNoise
from caloforge.networks.factorised.pattern import TransversePattern
from caloforge.networks.factorised.rings.axis import ParticleAxis
from caloforge.networks.factorised.rings.noise import RingNoise
from caloforge.networks.factorised.rings.pattern import RingPattern

if TYPE_CHECKING:
    from caloforge.networks.factorised.generator import FactorisedOptions


class Steps(NamedTuple):
    """The steps of one geometry."""

    axis: ShowerAxis | ParticleAxis
    pattern: TransversePattern | RingPattern
    noise: CellNoise | RingNoise
    halo: Halo | None


def steps(options: FactorisedOptions, domain: Domain, knots: Knots) -> Steps:
    """New steps for the geometry of a domain.

    Raises
    ------
    ConfigError
        if the options, or the angles, do not suit it.
    """
    if options.deposit_sizes and not options.shared_pattern:
        msg = "deposit_sizes are said by a shared pattern's network: set shared_pattern, too"
        raise ConfigError(msg)
    return (
        _on_pads(options, domain, knots)
        if domain.rings is None
        else _in_rings(options, domain, knots)
    )


def _on_pads(options: FactorisedOptions, domain: Domain, knots: Knots) -> Steps:
    layers = domain.shape[2]
    window = _checked(options.window, domain)
    if options.reads_impact and knots.inclined:
        msg = "reads_impact is of perpendicular showers: leave it out where they are inclined"
        raise ConfigError(msg)
    axis = ShowerAxis(
        domain, window, knots, off_centre=options.off_centre, reads_impact=options.reads_impact
    )
    pattern = TransversePattern(
        axis.window, layers, options.rings, options.pattern_width, knots,
        whole=axis.whole, shared=options.shared_pattern, sizes=options.deposit_sizes,
    )  # fmt: skip
    noise = CellNoise(
        (*axis.window, layers), options.sharing, knots, options.deep_sharing,
        wraps=options.sharing_wraps,
    )  # fmt: skip
    halo = None if axis.whole else Halo(axis, options.halo_particles, knots)
    return Steps(axis, pattern, noise, halo)


def _in_rings(options: FactorisedOptions, domain: Domain, knots: Knots) -> Steps:
    if options.window is not None:
        msg = f"a window is of pads, these cells are rings and sectors: leave out {options.window}"
        raise ConfigError(msg)
    for name in ("off_centre", "reads_impact"):
        if getattr(options, name):
            msg = f"{name} is of images of pads: rings lie about the particle"
            raise ConfigError(msg)
    if knots.inclined:
        msg = "showers in rings lie about their particle: all at one angle, 90 degrees, are needed"
        raise ConfigError(msg)
    pattern = RingPattern(
        domain, options.rings, options.pattern_width, knots,
        shared=options.shared_pattern, sizes=options.deposit_sizes,
    )  # fmt: skip
    return Steps(ParticleAxis(domain), pattern, RingNoise(domain, knots), None)


def _checked(window: tuple[int, int] | None, domain: Domain) -> tuple[int, int] | None:
    """The window, whose middle must be a pad of the image; None where it is all of it."""
    if window == domain.shape[:2]:
        return None
    if window and any(
        size < 1 or size > of or (of - size) % 2
        for size, of in zip(window, domain.shape[:2], strict=True)
    ):
        msg = f"window must be smaller than the image {domain.shape[:2]} by even numbers: {window}"
        raise ConfigError(msg)
    return window
