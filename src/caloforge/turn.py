"""Showers that lean along x, or backwards, as showers of models that lean along y.

Square pads look the same with x and y exchanged, so a shower of phi 0 is one of phi 90 with its
cells transposed, and one of phi 270 is one of 180 - theta. Both are exact.
"""

from dataclasses import replace

import numpy as np

from caloforge.beam import SIDEWAYS, Conditions
from caloforge.detector import Detector
from caloforge.errors import InputError
from caloforge.typing import BoolArray
from caloforge.units import degree


def turns(conditions: Conditions, detector: Detector) -> bool:
    """Whether phi means anything: of inclined showers in pads, where it is told."""
    return detector.readout == "pads" and conditions.phi is not None and conditions.inclined


def check_plane(conditions: Conditions, detector: Detector, *, where: object) -> None:
    """Refuse showers in pads that lean out of the y-z plane; ``where`` names their origin.

    Raises
    ------
    InputError
        naming the first such phi.
    """
    if conditions.phi is None or not turns(conditions, detector):
        return
    off = np.abs(conditions.lean[:, 0]) > SIDEWAYS
    if np.any(off):
        phi = conditions.phi[off][0] / degree
        msg = f"{where} holds showers that lean out of the y-z plane (phi {phi:.4g} degrees): "
        raise InputError(f"{msg}networks know those in it, and make others of them by symmetry")


def leans_along_x(conditions: Conditions, detector: Detector) -> BoolArray:
    """Which showers (N,) are those of a model transposed."""
    if not turns(conditions, detector):
        return np.zeros(len(conditions), bool)
    lean = np.abs(conditions.lean)
    found: BoolArray = lean[:, 0] > lean[:, 1]
    return found


def along_y(conditions: Conditions, detector: Detector) -> Conditions:
    """Conditions of showers that lean along y and, some transposed, are those asked for.

    >>> from caloforge.detector import load_detector
    >>> asked = Conditions.of(50.0, np.pi / 3, phi=np.pi)
    >>> along_y(asked, load_detector("clic_ecal")).theta.astype(float).round(4).tolist()
    [2.0944]
    """
    if conditions.phi is None:
        return conditions
    if not turns(conditions, detector):
        return replace(conditions, phi=None)
    transposed = leans_along_x(conditions, detector)
    lean = np.where(transposed, conditions.lean[:, 0], conditions.lean[:, 1])
    backwards = lean * np.cos(conditions.theta) < 0
    theta = np.where(backwards, np.float32(np.pi) - conditions.theta, conditions.theta)
    impact = conditions.impact
    if impact is not None:
        impact = np.where(transposed[:, None], impact[:, ::-1], impact)
    return replace(conditions, theta=theta, phi=None, impact=impact)
