"""What is to be simulated: a production, checked before any process is started."""

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from caloforge.beam import SIDEWAYS, Conditions
from caloforge.detector import Detector
from caloforge.errors import DetectorError, InputError, RangeError
from caloforge.impact import check_impact
from caloforge.provenance import json_digest, versions
from caloforge.simulate.data import DataSets
from caloforge.typing import IntArray
from caloforge.units import MeV, TeV, degree

PARTICLES = ("e-", "e+", "gamma", "mu-", "mu+")
"""Particles whose showers the electromagnetic physics describes; hadrons would need another."""

ENERGY_RANGE_GEV = (1 * MeV, 10 * TeV)
"""Kinetic energies that are simulated; G4EmStandardPhysics' own tables end at 100 TeV."""

THINNEST_SLAB_MM = 1e-8
"""Geant4's surfaces are 1e-9 mm thick; it refuses solids that are not a few of them wide."""

PRODUCTION_CUT_MM = 0.7
PHYSICS = "G4EmStandardPhysics"

SHARD_ENERGY_GEV = (50.0, 1000.0)
SHARDS_WANTED = 64
"""A shard holds 1/64 of the primary energy, but no less and no more than these (0.4 - 8 s)."""
SHARD_EVENTS = 256
"""Most events of a shard, whatever their energy: what a kill loses and what is held in memory."""


@dataclass(frozen=True)
class Production:
    """A request for showers: everything that fixes them.

    Attributes
    ----------
    detector, window : the calorimeter, and the name of the window that is cut out.
    particle : Geant4's name of the primary.
    conditions : energy, direction and, where it is given, impact point of each shower.
    seed : with a shower's number, it fixes the shower.
    data : the data sets that Geant4 reads.
    first : number of the first shower, where this is a part of a larger production.

    Raises
    ------
    InputError
        if the particle is none that the physics covers, or an impact point is outside the pad.
    RangeError
        if an energy is outside the physics, or an angle's shower would miss the window.
    DetectorError
        if the detector has no such window, no material, or a slab thinner than Geant4 tracks in.
    """

    detector: Detector
    window: str
    particle: str
    conditions: Conditions
    seed: int
    data: DataSets
    first: int = 0

    def __post_init__(self) -> None:
        self.detector.cell_shape(self.window)
        if not self.detector.can_be_simulated:
            msg = (
                f"{self.detector.name} is a read-out without material and cannot be simulated: "
                "its layers need a stack, or a GDML file"
            )
            raise DetectorError(msg)
        if self.detector.gdml is not None:
            _ = self.detector.gdml.content  # refused here where it is not at hand
        _check_thickness(self.detector)
        if self.particle not in PARTICLES:
            allowed = ", ".join(PARTICLES)
            msg = f"particle '{self.particle}' is outside the physics: allowed are {allowed}"
            raise InputError(msg)
        _check_energies(self.conditions)
        _check_angles(self.detector, self.window, self.conditions)
        check_impact(self.conditions, self.detector)

    def __len__(self) -> int:
        return len(self.conditions)

    def part(self, events: IntArray) -> "Production":
        """The production of a shard's showers alone; they are what they are in the whole one."""
        first = self.first + int(events[0])
        return replace(self, conditions=self.conditions[events], first=first)

    @property
    def cell_shape(self) -> tuple[int, int, int]:
        """Cells (X, Y, Z) of each shower."""
        return self.detector.cell_shape(self.window)

    @property
    def sideways(self) -> bool:
        """Whether a flight leaves the y-z plane, for which the calorimeter must be wider in x."""
        return bool(np.any(np.abs(self.conditions.lean[:, 0]) > SIDEWAYS))

    @cached_property
    def description(self) -> dict[str, Any]:
        """What fixes the showers, as plain data: two productions agree where this agrees."""
        return {
            "detector": self.detector.name,
            "detector_digest": self.detector.digest,
            "window": self.window,
            "cell_shape": list(self.cell_shape),
            "particle": self.particle,
            "showers": len(self),
            **({"first": self.first} if self.first else {}),
            "seed": self.seed,
            "conditions_digest": self.conditions.digest,
            "physics": PHYSICS,
            "production_cut_mm": PRODUCTION_CUT_MM,
            "data": self.data.title,
            "geant4_pybind": versions().get("geant4_pybind", "none"),
        }

    @property
    def digest(self) -> str:
        """Digest of the description."""
        return json_digest(self.description)

    @cached_property
    def shards(self) -> list[IntArray]:
        """Numbers of the showers of each shard: of about equal energy, at most SHARD_EVENTS."""
        total = float(self.conditions.energy.sum(dtype=np.float64))
        size = float(np.clip(total / SHARDS_WANTED, *SHARD_ENERGY_GEV))
        before = np.cumsum(self.conditions.energy, dtype=np.float64) - self.conditions.energy
        of_energy = np.split(np.arange(len(self)), np.flatnonzero(np.diff(before // size)) + 1)
        return [
            events[first : first + SHARD_EVENTS]
            for events in of_energy
            for first in range(0, len(events), SHARD_EVENTS)
        ]


def steepest_angle(detector: Detector, window: str) -> float:
    """Smallest angle to the pads' plane (rad) at which a shower stays within the window.

    The shower's axis, centred at half of the depth, may leave the window nowhere in the depth.
    """
    if detector.readout == "cylinder":
        return math.pi / 2
    half_width = detector.windows[window].shape[1] * detector.pad_mm[1] / 2
    return math.atan2(detector.depth_mm / 2, half_width)


def _check_thickness(detector: Detector) -> None:
    slabs = [slab for layer in detector.layers for slab in layer.stack]
    thinnest = min(slabs, key=lambda slab: slab.thickness_mm, default=None)
    if thinnest is not None and thinnest.thickness_mm < THINNEST_SLAB_MM:
        msg = (
            f"a slab of {thinnest.material} in {detector.name} is {thinnest.thickness_mm:g} mm "
            f"thick: Geant4 tracks in no less than {THINNEST_SLAB_MM:g} mm"
        )
        raise DetectorError(msg)


def _check_angles(detector: Detector, window: str, conditions: Conditions) -> None:
    if conditions.phi is not None:
        _check_directions(detector, window, conditions)
        return
    least = steepest_angle(detector, window) - 1e-6
    off = np.minimum(conditions.theta, np.pi - conditions.theta) < least
    if np.any(off):
        low = least / degree
        got = conditions.theta[off][0] / degree
        allowed = f"{low:.1f}-{180 - low:.1f}" if low < 89.9 else "90"
        msg = (
            f"theta {got:.4g} degrees misses window '{window}' of {detector.name}: "
            f"allowed are {allowed} degrees"
        )
        raise RangeError(msg)


def _check_directions(detector: Detector, window: str, conditions: Conditions) -> None:
    """As :func:`_check_angles`, of flights that also lean along x."""
    shape, pad = detector.windows[window].shape, np.array(detector.pad_mm)
    half = np.array(shape) * pad / 2 if detector.readout == "pads" else np.zeros(2)
    off = np.any(np.abs(conditions.lean) * detector.depth_mm / 2 > half + 1e-3, axis=1)
    if np.any(off):
        assert conditions.phi is not None
        theta, phi = (each[off][0] / degree for each in (conditions.theta, conditions.phi))
        msg = (
            f"theta {theta:.4g} with phi {phi:.4g} degrees misses window '{window}' of "
            f"{detector.name}: at half of the depth the shower must be within it"
        )
        raise RangeError(msg)


def _check_energies(conditions: Conditions) -> None:
    low, high = ENERGY_RANGE_GEV
    outside = (conditions.energy < low) | (conditions.energy > high)
    if np.any(outside):
        got = conditions.energy[outside][0]
        msg = f"energy {got:g} GeV is outside the physics' range {low:g}-{high:g} GeV"
        raise RangeError(msg)
