"""The features of a shower that distances and high-level classifiers look at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from caloforge import scaling
from caloforge.physics import observables
from caloforge.physics.summary import ACROSS, Summary
from caloforge.typing import AnyArray, Float64Array
from caloforge.units import MeV, keV


@dataclass(frozen=True)
class Features:
    """A table of features: `values` (N, F) with a name and a group for each column."""

    names: tuple[str, ...]
    groups: tuple[str, ...]
    values: Float64Array

    def __getitem__(self, name: str) -> Float64Array:
        """The column `name`, (N,)."""
        return self.values[:, self.names.index(name)]

    def of(self, *groups: str) -> Features:
        """The columns of these groups."""
        chosen = [index for index, group in enumerate(self.groups) if group in groups]
        return Features(
            tuple(self.names[index] for index in chosen),
            tuple(self.groups[index] for index in chosen),
            self.values[:, chosen],
        )

    def layers(self, name: str) -> Float64Array:
        """The columns "`name` in layer 0", 1, ... (N, Z)."""
        chosen = [index for index, each in enumerate(self.names) if each.startswith(f"{name} in ")]
        return self.values[:, chosen]

    def rows(self, rows: AnyArray) -> Features:
        """The showers `rows`."""
        return Features(self.names, self.groups, self.values[rows])


GLOBAL_GROUPS = ("response", "moments", "hits", "core", "angle", "layers")
"""Groups without the widths by depth: fewer columns, for distances of Gaussians."""


def shower_features(summary: Summary, *, angle: bool | None = None) -> Features:
    """High-level features of every shower, in groups.

    - `response`: deposited over primary energy;
    - `moments`: centre and width along x, y and z, in cells; of a cylinder along x, y and r, in mm
      around its axis, and along z;
    - `hits`: cells above each threshold of the house;
    - `core`: energy share of the middle 1 x 1, 3 x 3, 5 x 5 and 7 x 7 towers, or of the 1, 3, 5 and
      7 inner rings;
    - `angle`: measured minus true angle in rad (by default only where the angle varies);
    - `layers`: share of the energy in each layer;
    - `depth`: transverse width along x and y in each layer, in cells; of a cylinder in mm, and the
      mean radius.
    """
    columns: dict[str, tuple[str, AnyArray]] = {"response": ("response", summary.response)}
    for axis in moment_units(summary):
        centre, width = _moments(summary, axis)
        columns[f"centre {axis}"] = ("moments", centre)
        columns[f"width {axis}"] = ("moments", width)
    for index, threshold in enumerate(scaling.HIT_THRESHOLDS_GEV):
        hits = summary.hits[:, :, index].sum(axis=1)
        columns[f"hits > {energy_text(threshold)}"] = ("hits", hits)
    columns |= _cores(summary)
    if angle_varies(summary.theta) if angle is None else angle:
        columns["angle"] = ("angle", summary.measured_theta - summary.theta)
    columns |= _by_layer("layer", "layers", observables.fractions(summary.profile("z")))
    for name, values in _by_depth(summary).items():
        columns |= _by_layer(f"{name} in layer", "depth", values)
    return Features(
        tuple(columns),
        tuple(group for group, _ in columns.values()),
        np.stack([np.asarray(values, dtype=np.float64) for _, values in columns.values()], axis=1),
    )


def moment_units(summary: Summary) -> dict[str, str]:
    """Axes along which showers are measured, and the unit."""
    if summary.in_rings:
        return dict.fromkeys(ACROSS, "mm") | {"z": "layers"}
    return {"x": "cells", "y": "cells", "z": "layers"}


def _moments(summary: Summary, axis: str) -> tuple[Float64Array, Float64Array]:
    """Centre and width (N,) along an axis of `moment_units`."""
    if summary.in_rings and axis != "z":
        return summary.moments_mm(axis)
    profile = summary.profile(axis)
    return observables.centre(profile), observables.width(profile)


def _cores(summary: Summary) -> dict[str, tuple[str, AnyArray]]:
    """Energy share of the middle towers, or of the inner rings."""
    if not summary.in_rings:
        sides = [side for side in scaling.CORE_SIDES if side <= min(summary.xy.shape[1:])]
        return {
            f"core {side}x{side}": ("core", observables.core_fraction(summary.xy, side))
            for side in sides
        }
    share = observables.fractions(summary.profile("x")).cumsum(axis=1)
    counts = [count for count in scaling.CORE_SIDES if count < share.shape[1]]
    return {f"core {count} rings": ("core", share[:, count - 1]) for count in counts}


def _by_depth(summary: Summary) -> dict[str, Float64Array]:
    """What is measured across the beam in every layer (N, Z)."""
    if not summary.in_rings:
        sides = {"x": summary.xz, "y": summary.yz}
        return {f"width {axis}": observables.layer_widths(side) for axis, side in sides.items()}
    widths = {f"width {axis}": summary.layer_moments_mm(axis)[1] for axis in ("x", "y")}
    return widths | {"radius": summary.layer_moments_mm("r")[0]}


def energy_text(energy: float) -> str:
    """A cell energy (GeV) in the unit that suits it.

    >>> energy_text(1e-6), energy_text(1e-3)
    ('1 keV', '1 MeV')
    """
    return f"{energy / MeV:g} MeV" if energy >= MeV else f"{energy / keV:g} keV"


def _by_layer(name: str, group: str, values: Float64Array) -> dict[str, tuple[str, AnyArray]]:
    return {f"{name} {layer}": (group, values[:, layer]) for layer in range(values.shape[1])}


def angle_varies(theta: AnyArray) -> bool:
    """Whether a sample has more than one angle (rad)."""
    return bool(np.ptp(theta) > scaling.ANGLE_TOLERANCE_RAD) if len(theta) else False
