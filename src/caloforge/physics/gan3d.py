"""The number of the angle 3DGAN: moments, shapes and angle (P + S + A)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from caloforge import scaling
from caloforge.physics import observables
from caloforge.physics.distances import defined_mean, profile_error
from caloforge.physics.features import angle_varies
from caloforge.physics.summary import Summary
from caloforge.typing import AnyArray, IntArray
from caloforge.units import degree


@dataclass(frozen=True)
class Gan3dNumber:
    """Mean relative errors of moments, shapes and measured angle; `total` is their sum."""

    moments: float
    shapes: float
    angle: float

    @property
    def total(self) -> float:
        """P + S + A, each once (the published code adds P twice)."""
        return self.moments + self.shapes + self.angle


def rows_near(values: AnyArray, point: float, half_width: float, minimum: int) -> IntArray:
    """Rows within `half_width` of `point`; with fewer than `minimum`, the `minimum` nearest.

    >>> rows_near(np.array([1.0, 2.0, 3.0, 9.0]), 2.0, 0.5, 2).tolist()
    [0, 1]
    """
    distance = np.abs(np.asarray(values, dtype=np.float64) - point)
    inside = np.flatnonzero(distance <= half_width)
    if len(inside) >= minimum:
        return inside
    return np.sort(np.argsort(distance, kind="stable")[:minimum])


def gan3d_number(reference: Summary, generated: Summary) -> Gan3dNumber:
    """P, S and A, averaged over the energies of scaling.ENERGY_POINTS_GEV.

    Source: Khattak et al., doi:10.1140/epjc/s10052-022-10258-4.

    Around every energy that the reference covers (+- 5 GeV, or the nearest MIN_BIN_SHOWERS
    showers where there are fewer):

    - P: relative error of the mean first and second central moment, mean over axes and moments
      (in cells where the reference's is 0, as in an image of one layer; of a cylinder: over rings
      and layers);
    - S: relative error of the mean profile, in cells with at least PROFILE_MIN_SHARE of the
      energy, mean over cells and axes;
    - A: difference of the mean (measured - true) angle over the mean true angle, mean over
      ANGLE_POINTS_DEG where the angle varies.
    """
    half_width, points = scaling.ENERGY_POINT_HALF_WIDTH_GEV, energy_points(reference)
    pairs = [
        (near_energy(reference, point, half_width), near_energy(generated, point, half_width))
        for point in points
    ]
    return Gan3dNumber(
        moments=float(np.mean([_moments(*pair) for pair in pairs])),
        shapes=defined_mean(np.array([_shapes(*pair) for pair in pairs])),
        angle=_angle(reference, generated),
    )


def near_energy(sample: Summary, point: float, half_width: float) -> Summary:
    """The showers around the energy `point` (GeV), at least MIN_BIN_SHOWERS of them."""
    return sample[rows_near(sample.energy, point, half_width, scaling.MIN_BIN_SHOWERS)]


def near_angle(sample: Summary, point_deg: float) -> Summary:
    """The showers around the angle `point_deg` (degrees), at least MIN_BIN_SHOWERS of them."""
    half_width = scaling.ANGLE_HALF_WIDTH_DEG * degree
    return sample[rows_near(sample.theta, point_deg * degree, half_width, scaling.MIN_BIN_SHOWERS)]


def energy_points(sample: Summary) -> list[float]:
    """The energies of scaling.ENERGY_POINTS_GEV within the sample's range, or its median."""
    low, high = sample.energy.min(), sample.energy.max()
    inside = [point for point in scaling.ENERGY_POINTS_GEV if low <= point <= high]
    return inside or [float(np.median(sample.energy))]


def _moments(reference: Summary, generated: Summary) -> float:
    errors = []
    for axis in "xz" if reference.in_rings else observables.AXES:
        expected, got = reference.profile(axis), generated.profile(axis)
        for moment in (observables.centre, lambda p: observables.central_moment(p, 2)):
            target = float(moment(expected).mean())
            errors.append(abs(float(moment(got).mean()) - target) / (abs(target) or 1.0))
    return float(np.mean(errors))


def _shapes(reference: Summary, generated: Summary) -> float:
    errors = []
    for axis in observables.AXES:
        expected, got = (
            (sample.profile(axis) / sample.energy[:, None]).mean(axis=0)
            for sample in (reference, generated)
        )
        errors.append(profile_error(expected, got))
    return float(np.mean(errors))


def _angle(reference: Summary, generated: Summary) -> float:
    pairs = [(reference, generated)]
    if angle_varies(reference.theta):
        points = scaling.ANGLE_POINTS_DEG
        pairs = [(near_angle(reference, point), near_angle(generated, point)) for point in points]
    errors = [
        abs(_angle_bias(second) - _angle_bias(first)) / first.theta.mean()
        for first, second in pairs
    ]
    return float(np.mean(errors))


def _angle_bias(sample: Summary) -> float:
    return float(np.mean(sample.measured_theta - sample.theta))
