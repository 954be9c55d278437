"""What is to be made: a calorimeter, a particle, its energies and angles, and when it is enough."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from caloforge.detector import Detector
from caloforge.errors import InputError
from caloforge.io.parts import sample_digest
from caloforge.validate.measures import MEASURES, Measure

HELD_OUT_SHARE = 0.15
FEWEST_HELD_OUT, MOST_HELD_OUT = 60, 2000
"""Showers that judge the model: fewer tell nothing, more cost training showers for little."""
FEWEST_SHOWERS = 200
OF_OTHER_LEVELS = ("auc_residual",)
"""Scores that only ``validate --full`` has."""
ALIASES = {"auc": "auc_high"}
"""What scores are called in one word."""
UNITS = {"s": 1.0, "min": 60.0, "h": 3600.0}


@dataclass(frozen=True)
class Goal:
    """A score of ``validate`` that is good enough: at least as near to its ideal as ``value``."""

    measure: Measure
    value: float

    @classmethod
    def parse(cls, text: str) -> Goal:
        """Read ``auc=0.6`` or ``wasserstein=0.1``.

        Raises
        ------
        InputError
            if the text has another form, or names no score.

        >>> Goal.parse("auc=0.6").holds(0.58), Goal.parse("auc=0.6").holds(0.65)
        (True, False)
        """
        name, _, number = text.partition("=")
        offered = [each for each in MEASURES if each.name not in OF_OTHER_LEVELS]
        found = [each for each in offered if each.name == ALIASES.get(name, name)]
        try:
            value = float(number)
        except ValueError:
            value = math.nan
        if not found or not math.isfinite(value):
            allowed = ", ".join(["auc", *(each.name for each in offered)])
            msg = f"--until '{text}' is not understood: give SCORE=NUMBER, a score of {allowed}"
            raise InputError(msg)
        measure = found[0]
        if measure.ideal < 1 and value < measure.ideal:
            msg = f"--until '{text}' is better than right: {measure.name} is {measure.ideal:g} then"
            raise InputError(msg)
        return cls(measure, value)

    def holds(self, value: float) -> bool:
        """Whether a score reaches the goal; one that is not defined does not."""
        return self.measure.distance(value) <= self.measure.distance(self.value)

    def __str__(self) -> str:
        return f"{self.measure.name}={self.value:g}"


@dataclass(frozen=True)
class MakeRequest:
    """What fixes the model.

    Attributes
    ----------
    detector, given : the calorimeter, and how the command line named it.
    particle, energy, theta : of the showers to be simulated, as ``simulate`` takes them.
    window : name of the image that is cut out, None: the smallest that holds the showers.
    showers : how many are at hand in all, held-out ones too.
    data : a sample that is taken instead of simulating.
    seed : of the simulation, the splits and the training.

    Raises
    ------
    InputError
        if the showers are too few to train and to judge with.
    """

    detector: Detector
    given: str
    particle: str
    energy: str
    theta: str
    window: str | None
    showers: int
    data: Path | None
    seed: int

    def __post_init__(self) -> None:
        if self.showers < FEWEST_SHOWERS:
            msg = f"a model needs {FEWEST_SHOWERS} showers at least, got {self.showers}"
            raise InputError(msg)

    @property
    def held_out(self) -> int:
        """Showers that are never trained on."""
        wanted = round(HELD_OUT_SHARE * self.showers)
        return min(max(wanted, FEWEST_HELD_OUT), MOST_HELD_OUT)

    @property
    def training(self) -> int:
        """Showers of the first round's training."""
        return self.showers - self.held_out

    @property
    def name(self) -> str:
        """Name of the model."""
        particles = {"e-": "electron", "e+": "positron", "mu-": "muon", "mu+": "antimuon"}
        return f"{self.detector.name}_{particles.get(self.particle, self.particle)}"

    def description(self) -> dict[str, Any]:
        """As plain data, for the comparison with what a folder holds."""
        return {
            "detector": self.detector.name,
            "detector_digest": self.detector.digest,
            "windows": {name: list(w.shape) for name, w in self.detector.windows.items()},
            "particle": self.particle,
            "energy": self.energy,
            "theta": self.theta,
            "window": self.window,
            "showers": self.showers,
            "data": None if self.data is None else sample_digest(self.data),
            "seed": self.seed,
        }


def parse_budget(text: str) -> float:
    """Seconds of ``90min``, ``2h`` or ``600s``; InputError for another form.

    >>> parse_budget("90min"), parse_budget("2h")
    (5400.0, 7200.0)
    """
    for unit, seconds in sorted(UNITS.items(), key=lambda item: -len(item[0])):
        number = text.removesuffix(unit)
        if number != text and number.replace(".", "", 1).isdigit() and float(number) > 0:
            return float(number) * seconds
    msg = f"--budget '{text}' is not understood: give a time as 90min, 2h or 600s"
    raise InputError(msg)
