"""What energies, directions and impact points are drawn from, as text: 10:500, log:10:500, 50."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from caloforge.beam import Conditions
from caloforge.errors import InputError
from caloforge.spread import Spread
from caloforge.units import degree


class Ranges(NamedTuple):
    """What conditions are drawn from, as of :func:`draw`."""

    energy: str
    theta: str = "90"
    phi: str | None = None
    impact: str | None = None

    def spreads(self) -> list[Spread]:
        """Of energy in GeV, theta, then phi in rad and x and y of the impact in mm where they are
        told; errors as of :func:`draw`."""
        found = [Spread.parse(self.energy, "energy"), Spread.parse(self.theta, "theta")]
        found[1] = found[1].scaled(degree)
        if self.phi is not None:
            found.append(Spread.parse_signed(self.phi, "phi").scaled(degree))
        if self.impact is not None:
            found += _impact_spreads(self.impact)
        return found

    def conditions(self, values: list[ArrayLike]) -> Conditions:
        """Conditions of one value (N,) for each of :meth:`spreads`."""
        energy, theta, *others = (np.asarray(each, np.float32) for each in values)
        phi = None if self.phi is None else others.pop(0)
        return Conditions(energy, theta, phi, np.stack(others, axis=1) if others else None)


def draw(
    n: int,
    energy: str,
    theta: str = "90",
    phi: str | None = None,
    impact: str | None = None,
    *,
    seed: int,
) -> Conditions:
    """Draw conditions: energies as ``10:500`` in GeV, angles as ``60:120`` in degrees.

    ``phi`` as ``0:360`` in degrees, ``impact`` as ``0,1.5`` or ``-2:2,-2:2`` in mm, where they are
    told; with or without them the energies and angles are the same.

    Raises
    ------
    InputError
        if a range cannot be read or n is not positive.

    >>> len(draw(5, "10:500", seed=1))
    5
    """
    if n < 1:
        msg = f"the number of showers must be at least 1, got {n}"
        raise InputError(msg)
    rng, ranges = np.random.default_rng(seed), Ranges(energy, theta, phi, impact)
    return ranges.conditions([spread.draw(n, rng) for spread in ranges.spreads()])


def extremes(
    energy: str, theta: str = "90", phi: str | None = None, impact: str | None = None
) -> Conditions:
    """The lowest and the highest conditions that :func:`draw` can give, errors as there.

    >>> extremes("10:500").energy
    array([ 10., 500.], dtype=float32)
    """
    ranges = Ranges(energy, theta, phi, impact)
    return ranges.conditions([[spread.low, spread.high] for spread in ranges.spreads()])


def entering(conditions: Conditions, impact: str, *, seed: int) -> Conditions:
    """Conditions with impact points drawn as of :func:`draw`; errors as there."""
    rng = np.random.default_rng(seed)
    places = [spread.draw(len(conditions), rng) for spread in _impact_spreads(impact)]
    return replace(conditions, impact=np.stack(places, axis=1))


def _impact_spreads(text: str) -> list[Spread]:
    """What x and y of impact points are drawn from; InputError if it cannot be read."""
    places = text.split(",")
    if len(places) != 2:
        msg = f"impact '{text}' is not understood: allowed are X,Y in mm, as 0,1.5 or -2:2,0"
        raise InputError(msg)
    return [Spread.parse_signed(each, "impact") for each in places]
