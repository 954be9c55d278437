"""The shower's angle, measured from its image.

Theta is the angle between the beam and the y axis in the y-z plane: 90 degrees is perpendicular
to the layers, and `y` grows with depth below 90 degrees. Of showers that lean elsewhere, along phi,
it is the angle to that direction.
"""

from __future__ import annotations

import numpy as np

from caloforge.physics.observables import centre
from caloforge.typing import AnyArray, Float64Array


def _barycentres_mm(yz: AnyArray, pad_mm: float) -> tuple[Float64Array, Float64Array]:
    by_layer = np.swapaxes(np.asarray(yz, dtype=np.float64), 1, 2)
    return by_layer.sum(axis=-1), centre(by_layer) * pad_mm


def measured_angle(yz: AnyArray, layer_centres_mm: AnyArray, pad_mm: float) -> Float64Array:
    """Angle `(N,)` in rad by an energy-weighted line through the barycentres of the layers.

    `yz` `(N, Y, Z)` GeV is the "yz" projection, `layer_centres_mm` `(Z,)` the depth of the
    layers, `pad_mm` the pad size along y. The line y = a + b z that minimises the energy-weighted
    squared distance has slope b = cov(z, y) / var(z); theta = pi/2 - atan(b). A shower with
    energy in fewer than two layers is perpendicular.
    """
    return line_angle(*_barycentres_mm(yz, pad_mm), layer_centres_mm)


def leaning_angle(
    xz: AnyArray,
    yz: AnyArray,
    phi: AnyArray,
    layer_centres_mm: AnyArray,
    pad_mm: tuple[float, float],
) -> Float64Array:
    """As `measured_angle`, of showers that lean along azimuths `phi` `(N,)` in rad.

    `xz` `(N, X, Z)` and `yz` `(N, Y, Z)` GeV are projections, `pad_mm` the pads' sizes along x, y.
    """
    energy, y = _barycentres_mm(yz, pad_mm[1])
    _, x = _barycentres_mm(xz, pad_mm[0])
    azimuth = np.asarray(phi, np.float64)[:, None]
    return line_angle(energy, x * np.cos(azimuth) + y * np.sin(azimuth), layer_centres_mm)


def line_angle(energy: AnyArray, y_mm: AnyArray, layer_centres_mm: AnyArray) -> Float64Array:
    """The angle `(N,)` of `measured_angle` from the layers' energies and barycentres `(N, Z)`."""
    weight, dy, dz = _from_barycentre(energy, y_mm, layer_centres_mm)
    variance = np.sum(weight * dz**2, axis=1)
    covariance = np.sum(weight * dz * dy, axis=1)
    slope = np.where(variance > 0, covariance / np.where(variance > 0, variance, 1.0), 0.0)
    theta: Float64Array = np.pi / 2 - np.arctan(slope)
    return theta


def _from_barycentre(
    energy: AnyArray, y_mm: AnyArray, layer_centres_mm: AnyArray
) -> tuple[Float64Array, Float64Array, Float64Array]:
    """The layers' shares of the energy, and how far along y and z they are from the shower's
    barycentre; all `(N, Z)`."""
    y = np.asarray(y_mm, dtype=np.float64)
    z = np.broadcast_to(np.asarray(layer_centres_mm, dtype=np.float64), y.shape)
    total = energy.sum(axis=1, keepdims=True)
    share = energy / np.where(total > 0, total, 1.0)
    y, z = (each - np.sum(share * each, axis=1, keepdims=True) for each in (y, z))
    return share, y, z


def published_angle(yz: AnyArray, layer_centres_mm: AnyArray, pad_mm: float) -> Float64Array:
    """Angle `(N,)` in rad as the discriminator of the angle 3DGAN measures it.

    For every layer with energy the angle pi/2 - atan((y - ymean) / (z - zmean)) of its barycentre
    as seen from the shower's, averaged over layers with the layer's number as the weight
    (Khattak et al., doi:10.1140/epjc/s10052-022-10258-4). Noisier than `measured_angle`, kept to
    compare with published numbers.
    """
    energy, y = _barycentres_mm(yz, pad_mm)
    _, dy, dz = _from_barycentre(energy, y, layer_centres_mm)
    tangent = np.divide(dy, dz, out=np.zeros_like(dy), where=np.abs(dz) > 0)
    weight = np.where(energy > 0, np.arange(y.shape[1], dtype=np.float64), 0.0)
    norm = weight.sum(axis=1)
    mean: Float64Array = np.sum(weight * np.arctan(tangent), axis=1) / np.where(norm > 0, norm, 1.0)
    theta: Float64Array = np.pi / 2 - mean
    return theta
