"""For which energies, directions and impact points a model makes showers, and what is refused."""

from dataclasses import dataclass

import numpy as np

from caloforge.beam import Conditions
from caloforge.detector import Detector
from caloforge.errors import InputError, RangeError
from caloforge.impact import asked_impact, check_impact
from caloforge.ranges import Ranges, extremes
from caloforge.turn import as_made, aslant, turns
from caloforge.typing import FloatArray
from caloforge.units import degree

RANGE_TOLERANCE = 1e-4
"""Relative slack at the ends of a range, for values that went through float32."""


@dataclass(frozen=True)
class Validity:
    """The conditions for which a model makes showers.

    Attributes
    ----------
    name : the model's, for messages.
    energy_range_gev, theta_range_rad : lowest and highest.
    takes_phi : whether showers may lean elsewhere than along the pads.
    takes_impact : whether the particle's place in its pad may be given.
    detector, cell_shape : whose symmetries make showers of some directions those of others.
    """

    name: str
    energy_range_gev: tuple[float, float]
    theta_range_rad: tuple[float, float]
    takes_phi: bool
    takes_impact: bool
    detector: Detector
    cell_shape: tuple[int, int, int]

    def asked(
        self,
        energy: str | None,
        theta: str | None,
        phi: str | None = None,
        impact: str | None = None,
    ) -> Ranges:
        """What is asked for; of energies and angles else the model's whole range.

        All as of :func:`caloforge.ranges.draw`, ``impact`` also ``uniform``; errors as there and as
        of check.
        """
        low, high = self.energy_range_gev
        angles = [angle / degree for angle in self.theta_range_rad]
        asked = Ranges(
            f"{low:g}:{high:g}" if energy is None else energy,
            f"{angles[0]:.6g}:{angles[1]:.6g}" if theta is None else theta,
            phi,
            asked_impact(impact, self.detector),
        )
        ends = extremes(*asked)
        self.check(ends)
        if phi is not None and ":" in phi and not self.takes_phi and turns(ends, self.detector):
            raise self._leans_along_pads(f"'{phi}'")
        return asked

    def check(self, conditions: Conditions) -> None:
        """Refuse conditions that the model was not trained for.

        Raises
        ------
        RangeError
            naming the value and the range.
        InputError
            for impact points outside the pad, or of a model that draws its own.
        """
        _check_inside(conditions.energy, self.energy_range_gev, 1.0, f"{self.name}: energy", "GeV")
        self._check_phi(conditions)
        theta, angles = as_made(conditions, self.detector).theta, self.theta_range_rad
        _check_inside(theta, angles, degree, f"{self.name}: theta", "degrees")
        if conditions.impact is not None and not self.takes_impact:
            msg = (
                f"{self.name} cannot place the impact: none of its random numbers says where in "
                "the pad the particle enters, as factorised models' do"
            )
            raise InputError(msg)
        check_impact(conditions, self.detector)

    def _check_phi(self, conditions: Conditions) -> None:
        """Refuse directions that the model does not know, and no symmetry of the pads makes one
        that it does; RangeError."""
        if conditions.phi is None or not turns(conditions, self.detector):
            return
        off = aslant(conditions)
        if off.any() and not self.takes_phi:
            raise self._leans_along_pads(f"{conditions.phi[off][0] / degree:g} degrees")
        x, y, _ = self.cell_shape
        pad_x, pad_y = self.detector.pad_mm
        along_y = np.rint(conditions.phi / (np.pi / 2)) % 2 == 1
        if (x, pad_x) != (y, pad_y) and np.any(off | ~along_y):
            msg = (
                f"{self.name}: all phi but 90 and 270 degrees need square pads in a square image, "
                f"its are {x} x {y} pads of {pad_x:g} x {pad_y:g} mm"
            )
            raise RangeError(msg)

    def _leans_along_pads(self, phi: str) -> RangeError:
        msg = f"{self.name}: phi {phi} is outside the model's: its showers lean along the pads, so"
        return RangeError(f"{msg} allowed are 0, 90, 180 and 270 degrees")


def widened(allowed: tuple[float, float]) -> tuple[float, float]:
    """The ends of a range, with the slack of values that went through float32.

    >>> widened((10.0, 500.0))
    (9.999, 500.05)
    """
    return allowed[0] * (1 - RANGE_TOLERANCE), allowed[1] * (1 + RANGE_TOLERANCE)


def _check_inside(
    values: FloatArray, allowed: tuple[float, float], unit: float, what: str, unit_name: str
) -> None:
    lowest, highest = widened(allowed)
    outside = (values < lowest) | (values > highest)
    if outside.any():
        wrong, (low, high) = values[outside][0] / unit, allowed
        msg = (
            f"{what} {wrong:g} {unit_name} is outside the model's range "
            f"{low / unit:g}-{high / unit:g} {unit_name}"
        )
        raise RangeError(msg)
