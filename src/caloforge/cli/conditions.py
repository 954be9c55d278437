"""Conditions of a sample, as the option --like asks for them."""

from dataclasses import replace
from typing import TYPE_CHECKING

from caloforge.errors import InputError

if TYPE_CHECKING:
    from caloforge.beam import Conditions
    from caloforge.detector import Detector
    from caloforge.io import ShowerFile

OF_THE_SAMPLE = "like"
"""The --impact that takes a sample's impact points."""


def nothing_else(energy: str | None, theta: str | None, phi: str | None) -> None:
    """Refuse ranges beside a sample that gives energies and angles; InputError."""
    if (energy, theta, phi) != (None, None, None):
        msg = "--like already gives energies and angles: leave out --energy, --theta and --phi"
        raise InputError(msg)


def conditions_like(
    sample: "ShowerFile", n: int | None, impact: str | None, detector: "Detector", seed: int
) -> "Conditions":
    """The first n conditions of a sample, from its start again if it has fewer.

    ``impact`` as of :func:`caloforge.ranges.draw`, ``like`` for those of the sample, or None.

    Raises
    ------
    InputError
        if the sample does not tell what is asked for.
    """
    from caloforge.impact import asked_impact, in_pad
    from caloforge.ranges import entering
    from caloforge.turn import turns

    found = sample.conditions
    if not turns(found, detector):
        found = replace(found, phi=None)
    if impact == OF_THE_SAMPLE:
        points = sample.impact_points()
        if points is None:
            msg = f"{sample.path} does not tell where particles entered: --impact X,Y or uniform"
            raise InputError(msg)
        found = replace(found, impact=in_pad(points, detector))
        impact = None
    found = found.repeated(n or len(found))
    places = asked_impact(impact, detector)
    return found if places is None else entering(found, places, seed=seed)
