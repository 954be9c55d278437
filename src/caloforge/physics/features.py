"""The features of a shower that distances and high-level classifiers look at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from caloforge import scaling
from caloforge.physics import observables
from caloforge.physics.summary import Summary
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

    def rows(self, rows: AnyArray) -> Features:
        """The showers `rows`."""
        return Features(self.names, self.groups, self.values[rows])


GLOBAL_GROUPS = ("response", "moments", "hits", "core", "angle", "layers")
"""Groups without the widths by depth: fewer columns, for distances of Gaussians."""


def shower_features(summary: Summary, *, angle: bool | None = None) -> Features:
    """High-level features of every shower, in groups.

    - `response`: deposited over primary energy;
    - `moments`: centre and width along x, y and z, in cells;
    - `hits`: cells above each threshold of the house;
    - `core`: energy share of the middle 1 x 1, 3 x 3, 5 x 5 and 7 x 7 towers;
    - `angle`: measured minus true angle in rad (by default only where the angle varies);
    - `layers`: share of the energy in each layer;
    - `depth`: transverse width along x and y in each layer, in cells.
    """
    columns: dict[str, tuple[str, AnyArray]] = {"response": ("response", summary.response)}
    for axis in observables.AXES:
        profile = summary.profile(axis)
        columns[f"centre {axis}"] = ("moments", observables.centre(profile))
        columns[f"width {axis}"] = ("moments", observables.width(profile))
    for index, threshold in enumerate(scaling.HIT_THRESHOLDS_GEV):
        hits = summary.hits[:, :, index].sum(axis=1)
        columns[f"hits > {energy_text(threshold)}"] = ("hits", hits)
    for side in scaling.CORE_SIDES:
        if side <= min(summary.xy.shape[1:]):
            share = observables.core_fraction(summary.xy, side)
            columns[f"core {side}x{side}"] = ("core", share)
    if angle_varies(summary.theta) if angle is None else angle:
        columns["angle"] = ("angle", summary.measured_theta - summary.theta)
    columns |= _by_layer("layer", "layers", observables.fractions(summary.profile("z")))
    columns |= _by_layer("width x in layer", "depth", observables.layer_widths(summary.xz))
    columns |= _by_layer("width y in layer", "depth", observables.layer_widths(summary.yz))
    return Features(
        tuple(columns),
        tuple(group for group, _ in columns.values()),
        np.stack([np.asarray(values, dtype=np.float64) for _, values in columns.values()], axis=1),
    )


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
