"""What hits the calorimeter: each shower's primary energy Ep, its direction, where it enters."""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike

from caloforge.errors import InputError
from caloforge.provenance import array_digest
from caloforge.scaling import MAX_PRIMARY_ENERGY_GEV
from caloforge.spread import Spread
from caloforge.typing import Float64Array, FloatArray
from caloforge.units import degree

SIDEWAYS = 1e-3
"""A flight whose unit vector has less than this along the layers is perpendicular to them."""
IN_PLANE = np.pi / 2
"""The phi of showers of which none is told, rad: they lean along y."""


@dataclass(frozen=True, eq=False)
class Conditions:
    """Primary energies, directions and impact points of N showers.

    Attributes
    ----------
    energy : primary energies Ep, (N,) in GeV.
    theta : angles to the pads' y axis in the plane of flight and normal, (N,) in rad: pi / 2 is
        perpendicular.
    phi : which way inclined showers lean, (N,) in rad, from the pads' x towards y; None: along y,
        as pi / 2 says.
    impact : where in its pad a particle enters the front, (N, 2) in mm along x and y from the pad's
        middle; None: anywhere, drawn by whatever makes the showers.

    Raises
    ------
    InputError
        if the lengths differ, or a value is no number, not finite or not physical.
    """

    energy: FloatArray
    theta: FloatArray
    phi: FloatArray | None = None
    impact: FloatArray | None = None

    def __post_init__(self) -> None:
        for name in ("energy", "theta", "phi"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, _as_vector(getattr(self, name), name))
        if self.energy.shape != self.theta.shape:
            msg = f"energy has {self.energy.size} values but theta has {self.theta.size}"
            raise InputError(msg)
        _check_energy(self.energy)
        _check_within(self.theta, 0.0, np.pi, "theta", "rad (degrees by mistake?)")
        if self.phi is not None:
            if self.phi.shape != self.energy.shape:
                msg = f"energy has {self.energy.size} values but phi has {self.phi.size}"
                raise InputError(msg)
            turn = 2 * np.pi + 1e-6
            _check_within(self.phi, -turn, turn, "phi", "rad (degrees by mistake?)")
        if self.impact is not None:
            object.__setattr__(self, "impact", as_points(self.impact, len(self)))

    def __len__(self) -> int:
        return len(self.energy)

    def __getitem__(self, index: Any) -> Self:
        return type(self)(
            np.atleast_1d(self.energy[index]),
            np.atleast_1d(self.theta[index]),
            None if self.phi is None else np.atleast_1d(self.phi[index]),
            None if self.impact is None else np.atleast_2d(self.impact[index]),
        )

    @property
    def lean(self) -> Float64Array:
        """How far the flights move along x and y for a unit of depth, (N, 2).

        >>> Conditions.of(50.0, np.pi / 4, phi=0.0).lean.round(6).tolist()
        [[1.0, 0.0]]
        """
        theta = self.theta.astype(np.float64)
        along = np.cos(theta) / np.sin(theta)
        if self.phi is None:
            return np.stack([np.zeros_like(along), along], axis=1)
        phi = self.phi.astype(np.float64)
        return np.stack([along * np.cos(phi), along * np.sin(phi)], axis=1)

    @property
    def directions(self) -> Float64Array:
        """Unit vectors (N, 3) of the flights along x, y and the layers' normal."""
        theta = self.theta.astype(np.float64)
        along, z = np.cos(theta), np.sin(theta)
        if self.phi is None:
            return np.stack([np.zeros_like(along), along, z], axis=1)
        phi = self.phi.astype(np.float64)
        return np.stack([along * np.cos(phi), along * np.sin(phi), z], axis=1)

    @property
    def inclined(self) -> bool:
        """Whether any flight is inclined."""
        return bool(np.any(np.abs(np.cos(self.theta.astype(np.float64))) > SIDEWAYS))

    @property
    def digest(self) -> str:
        """SHA-256 of what is told of the showers, as ``sha256:...``."""
        told = (self.energy, self.theta, self.phi, self.impact)
        return array_digest(*(each for each in told if each is not None))

    def direction(self, row: int) -> tuple[float, float, float]:
        """Unit vector of a flight along x, y and the layers' normal."""
        theta = float(self.theta[row])
        along, z = float(np.cos(theta)), float(np.sin(theta))
        if self.phi is None:
            return 0.0, along, z
        phi = float(self.phi[row])
        return along * float(np.cos(phi)), along * float(np.sin(phi)), z

    @classmethod
    def like(cls, given: "ConditionsLike") -> "Conditions":
        """Conditions as they are, plain numbers as energies (GeV) of perpendicular showers.

        >>> Conditions.like([50.0, 100.0]).energy
        array([ 50., 100.], dtype=float32)
        """
        return given if isinstance(given, Conditions) else cls.of(given)

    def repeated(self, n: int) -> Self:
        """The first n conditions, from the start again where there are fewer."""
        return self[np.arange(n) % len(self)]

    def entering(self, impact: str, *, seed: int) -> "Conditions":
        """The same with impact points drawn as of :func:`draw`; errors as there."""
        rng = np.random.default_rng(seed)
        places = [spread.draw(len(self), rng) for spread in _impact_spreads(impact)]
        return replace(self, impact=np.stack(places, axis=1))

    @classmethod
    def of(
        cls,
        energy: ArrayLike,
        theta: ArrayLike = np.pi / 2,
        phi: ArrayLike | None = None,
        impact: ArrayLike | None = None,
    ) -> Self:
        """Conditions from plain numbers or lists, broadcast against each other.

        ``energy`` in GeV, ``theta`` and ``phi`` in rad, ``impact`` (x, y) in mm or one such row a
        shower; errors as of the class.

        >>> Conditions.of([50.0, 100.0], impact=(0.0, 1.5)).impact.tolist()
        [[0.0, 1.5], [0.0, 1.5]]
        """
        angles = {"theta": theta} if phi is None else {"theta": theta, "phi": phi}
        values = (np.atleast_1d(each) for each in (energy, *angles.values()))
        try:
            energies, *directions = np.broadcast_arrays(*values)
        except ValueError:
            sizes = ", ".join(f"{name} has {np.size(each)}" for name, each in angles.items())
            msg = f"energy has {np.size(energy)} values but {sizes}"
            raise InputError(msg) from None
        points = None if impact is None else np.asarray(impact)
        if points is not None and points.shape == (2,):
            points = np.tile(points, (len(energies), 1))
        return cls(energies, directions[0], None if phi is None else directions[1], points)


ConditionsLike = Conditions | ArrayLike
"""What samplers take: conditions, or plain energies (see :meth:`Conditions.like`)."""


class Ranges(NamedTuple):
    """What conditions are drawn from, as of :func:`draw`."""

    energy: str
    theta: str = "90"
    phi: str | None = None
    impact: str | None = None

    def spreads(self) -> list[Spread]:
        """Of energy in GeV, theta, then phi in rad and x and y of the impact in mm where they are
        told; errors as of :func:`draw`."""
        found = [Spread.parse(self.energy, "energy"), Spread.parse(self.theta, "theta")]
        found[1] = found[1].scaled(degree)
        if self.phi is not None:
            found.append(Spread.parse_signed(self.phi, "phi").scaled(degree))
        if self.impact is not None:
            found += _impact_spreads(self.impact)
        return found

    def conditions(self, values: list[ArrayLike]) -> Conditions:
        """Conditions of one value (N,) for each of :meth:`spreads`."""
        energy, theta, *others = (np.asarray(each, np.float32) for each in values)
        phi = None if self.phi is None else others.pop(0)
        return Conditions(energy, theta, phi, np.stack(others, axis=1) if others else None)


def draw(
    n: int,
    energy: str,
    theta: str = "90",
    phi: str | None = None,
    impact: str | None = None,
    *,
    seed: int,
) -> Conditions:
    """Draw conditions: energies as ``10:500`` in GeV, angles as ``60:120`` in degrees.

    ``phi`` as ``0:360`` in degrees, ``impact`` as ``0,1.5`` or ``-2:2,-2:2`` in mm, where they are
    told; with or without them the energies and angles are the same.

    Raises
    ------
    InputError
        if a range cannot be read or n is not positive.

    >>> len(draw(5, "10:500", seed=1))
    5
    """
    if n < 1:
        msg = f"the number of showers must be at least 1, got {n}"
        raise InputError(msg)
    rng, ranges = np.random.default_rng(seed), Ranges(energy, theta, phi, impact)
    return ranges.conditions([spread.draw(n, rng) for spread in ranges.spreads()])


def extremes(
    energy: str, theta: str = "90", phi: str | None = None, impact: str | None = None
) -> Conditions:
    """The lowest and the highest conditions that :func:`draw` can give, errors as there.

    >>> extremes("10:500").energy
    array([ 10., 500.], dtype=float32)
    """
    ranges = Ranges(energy, theta, phi, impact)
    return ranges.conditions([[spread.low, spread.high] for spread in ranges.spreads()])


def as_points(values: Any, n: int, name: str = "impact") -> FloatArray:
    """Points (n, 2) in mm as float32; InputError if they are none, or not finite."""
    try:
        points = np.ascontiguousarray(values, dtype=np.float32)
    except (TypeError, ValueError):
        msg = f"{name} must be numbers, got {np.asarray(values).dtype}"
        raise InputError(msg) from None
    if points.shape != (n, 2):
        msg = f"{name} must be x and y in mm for each of {n} showers, got shape {points.shape}"
        raise InputError(msg)
    if not np.all(np.isfinite(points)):
        msg = f"{name} has values that are not finite (NaN or infinite)"
        raise InputError(msg)
    return points


def _impact_spreads(text: str) -> list[Spread]:
    """What x and y of impact points are drawn from; InputError if it cannot be read."""
    places = text.split(",")
    if len(places) != 2:
        msg = f"impact '{text}' is not understood: allowed are X,Y in mm, as 0,1.5 or -2:2,0"
        raise InputError(msg)
    return [Spread.parse_signed(each, "impact") for each in places]


def _as_vector(values: Any, name: str) -> FloatArray:
    try:
        with np.errstate(over="ignore"):
            vector = np.ascontiguousarray(values, dtype=np.float32)
    except (TypeError, ValueError):
        msg = f"{name} must be numbers, got {np.asarray(values).dtype}"
        raise InputError(msg) from None
    if vector.ndim != 1:
        msg = f"{name} must be one value a shower, got an array of shape {vector.shape}"
        raise InputError(msg)
    return vector


def _check_energy(energy: FloatArray) -> None:
    if not np.all(np.isfinite(energy)):
        msg = "energy has values that are not finite (NaN or infinite)"
        raise InputError(msg)
    if energy.size and energy.min() <= 0:
        msg = f"energy must be positive, got {energy.min():g} GeV"
        raise InputError(msg)
    if energy.size and energy.max() > MAX_PRIMARY_ENERGY_GEV:
        msg = (
            f"energy reaches {energy.max():g} GeV, above {MAX_PRIMARY_ENERGY_GEV:g} GeV: "
            "energies are in GeV (MeV by mistake?)"
        )
        raise InputError(msg)


def _check_within(values: FloatArray, low: float, high: float, name: str, unit: str) -> None:
    inside = np.isfinite(values) & (values > low) & (values < high)
    if not np.all(inside):
        wrong = values[~inside][0]
        msg = f"{name} must lie between {low:g} and {high:.4g}, got {wrong:g} {unit}"
        raise InputError(msg)
