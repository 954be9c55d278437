"""Showers that lean anywhere, as those that models make.

Square pads look the same with x and y exchanged, so a shower of phi 0 is one of phi 90 with its
cells transposed, and one of phi 270 is one of 180 - theta. Both are exact. What is left of any
other phi lies within 45 degrees of y.
"""

from dataclasses import replace

import numpy as np

from caloforge.beam import IN_PLANE, SIDEWAYS, Conditions
from caloforge.detector import Detector
from caloforge.errors import InputError
from caloforge.typing import BoolArray, FloatArray
from caloforge.units import degree

STRAIGHT = 1e-3
"""Less than this part of a right angle is none."""


def turns(conditions: Conditions, detector: Detector) -> bool:
    """Whether phi means anything: of inclined showers in pads, where it is told."""
    return detector.readout == "pads" and conditions.phi is not None and conditions.inclined


def in_plane(conditions: Conditions, detector: Detector, *, where: object) -> Conditions:
    """Conditions of showers in the y-z plane as theta alone tells them; ``where`` names the origin.

    Those that lean towards -y have a phi of 270 degrees, or theta on the other side of 90.

    Raises
    ------
    InputError
        if showers in pads lean out of the plane, naming the first such phi.

    >>> from caloforge.detector import load_detector
    >>> both = Conditions.of(50.0, np.pi / 3, phi=[np.pi / 2, 1.5 * np.pi])
    >>> found = in_plane(both, load_detector("clic_ecal"), where="a file")
    >>> (found.theta / degree).astype(float).round(4).tolist(), found.phi
    ([60.0, 120.0], None)
    """
    if conditions.phi is None:
        return conditions
    if not turns(conditions, detector):
        return replace(conditions, phi=None)
    off = np.abs(conditions.lean[:, 0]) > SIDEWAYS
    if np.any(off):
        phi = conditions.phi[off][0] / degree
        msg = f"{where} holds showers that lean out of the y-z plane (phi {phi:.4g} degrees): "
        raise InputError(f"{msg}networks know those in it, and make others of them by symmetry")
    backwards = np.sin(conditions.phi.astype(np.float64)) < 0
    return replace(conditions, theta=_mirrored(conditions.theta, backwards), phi=None)


def leans_along_x(conditions: Conditions, detector: Detector) -> BoolArray:
    """Which showers (N,) are those of a model transposed."""
    if not turns(conditions, detector):
        return np.zeros(len(conditions), bool)
    lean = np.abs(conditions.lean)
    found: BoolArray = lean[:, 0] > lean[:, 1]
    return found


def as_made(conditions: Conditions, detector: Detector) -> Conditions:
    """Conditions of showers that, some of them transposed, are those asked for.

    They lean towards y, within 45 degrees of it; phi is None where all of them lean along y.

    >>> from caloforge.detector import load_detector
    >>> asked = Conditions.of(50.0, np.pi / 3, phi=np.pi)
    >>> as_made(asked, load_detector("clic_ecal")).theta.astype(float).round(4).tolist()
    [2.0944]
    """
    if conditions.phi is None:
        return conditions
    if not turns(conditions, detector):
        return replace(conditions, phi=None)
    transposed = leans_along_x(conditions, detector)
    phi = conditions.phi.astype(np.float64)
    toward = np.stack([np.cos(phi), np.sin(phi)], axis=1)
    toward = np.where(transposed[:, None], toward[:, ::-1], toward)
    backwards = toward[:, 1] < 0
    theta = _mirrored(conditions.theta, backwards)
    toward = np.where(backwards[:, None], -toward, toward)
    straight = ~aslant(conditions)
    azimuth = np.where(straight, IN_PLANE, np.arctan2(toward[:, 1], toward[:, 0]))
    impact = conditions.impact
    if impact is not None:
        impact = np.where(transposed[:, None], impact[:, ::-1], impact)
    left = None if straight.all() else azimuth.astype(np.float32)
    return replace(conditions, theta=theta, phi=left, impact=impact)


def leans_aslant(conditions: Conditions, detector: Detector) -> bool:
    """Whether any shower leans elsewhere than along the pads."""
    return as_made(conditions, detector).phi is not None


def aslant(conditions: Conditions) -> BoolArray:
    """Which showers (N,) are inclined elsewhere than at phi 0, 90, 180 or 270 degrees.

    >>> aslant(Conditions.of(50.0, [1.2, 1.2, np.pi / 2], [0.0, 1.0, 1.0])).tolist()
    [False, True, False]
    """
    if conditions.phi is None:
        return np.zeros(len(conditions), bool)
    quarters = conditions.phi.astype(np.float64) / (np.pi / 2)
    off = np.abs(quarters - np.rint(quarters)) > STRAIGHT
    found: BoolArray = off & (np.abs(np.cos(conditions.theta.astype(np.float64))) > SIDEWAYS)
    return found


def _mirrored(theta: FloatArray, those: BoolArray) -> FloatArray:
    """Angles (N,) in rad, some of them on the other side of a right angle."""
    return np.where(those, np.float32(np.pi) - theta, theta)
