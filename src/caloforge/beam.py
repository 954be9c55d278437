"""What hits the calorimeter: primary energy Ep and polar angle theta of each shower."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from caloforge.errors import InputError
from caloforge.scaling import MAX_PRIMARY_ENERGY_GEV
from caloforge.typing import FloatArray
from caloforge.units import degree


@dataclass(frozen=True, eq=False)
class Conditions:
    """Primary energies (GeV) and polar angles (rad) of N showers, both of shape (N,).

    Raises
    ------
    InputError
        if the lengths differ, or a value is no number, not finite or not physical.
    """

    energy: FloatArray
    theta: FloatArray

    def __post_init__(self) -> None:
        for name in ("energy", "theta"):
            values = _as_vector(getattr(self, name), name)
            object.__setattr__(self, name, values)
        if self.energy.shape != self.theta.shape:
            msg = f"energy has {self.energy.size} values but theta has {self.theta.size}"
            raise InputError(msg)
        _check_energy(self.energy)
        _check_within(self.theta, 0.0, np.pi, "theta", "rad (degrees by mistake?)")

    def __len__(self) -> int:
        return len(self.energy)

    def __getitem__(self, index: Any) -> Self:
        return type(self)(np.atleast_1d(self.energy[index]), np.atleast_1d(self.theta[index]))

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

    @classmethod
    def of(cls, energy: ArrayLike, theta: ArrayLike = np.pi / 2) -> Self:
        """Conditions from plain numbers or lists, broadcast against each other.

        ``energy`` in GeV and ``theta`` in rad; errors as of the class.
        """
        try:
            return cls(*np.broadcast_arrays(np.atleast_1d(energy), np.atleast_1d(theta)))
        except ValueError:
            msg = f"energy has {np.size(energy)} values but theta has {np.size(theta)}"
            raise InputError(msg) from None


ConditionsLike = Conditions | ArrayLike
"""What samplers take: conditions, or plain energies (see :meth:`Conditions.like`)."""


@dataclass(frozen=True)
class Spread:
    """A fixed value, or a range drawn uniformly or uniformly in the logarithm."""

    low: float
    high: float
    logarithmic: bool = False

    @classmethod
    def parse(cls, text: str, what: str = "energy") -> Self:
        """Read ``100`` (fixed), ``10:500`` (uniform) or ``log:10:500`` (uniform in log).

        Raises
        ------
        InputError
            if the text has another form.

        >>> Spread.parse("log:10:500")
        Spread(low=10.0, high=500.0, logarithmic=True)
        """
        logarithmic = text.startswith("log:")
        parts = text.removeprefix("log:").split(":")
        try:
            numbers = [float(part) for part in parts]
        except ValueError:
            numbers = []
        if not 1 <= len(numbers) <= 2 or not np.all(np.isfinite(numbers)) or min(numbers) <= 0:
            msg = f"{what} '{text}' is not understood: allowed are 100, 10:500 or log:10:500"
            raise InputError(msg)
        if numbers[0] > numbers[-1]:
            msg = f"{what} '{text}' runs downwards: the lower end comes first"
            raise InputError(msg)
        return cls(numbers[0], numbers[-1], logarithmic)

    def draw(self, n: int, rng: np.random.Generator) -> FloatArray:
        """Draw n values, shape (n,)."""
        if self.low == self.high:
            return np.full(n, self.low, np.float32)
        if self.logarithmic:
            values = np.exp(rng.uniform(np.log(self.low), np.log(self.high), n))
        else:
            values = rng.uniform(self.low, self.high, n)
        return values.astype(np.float32)

    def scaled(self, unit: float) -> "Spread":
        """The same spread with its ends multiplied by a unit."""
        return Spread(self.low * unit, self.high * unit, self.logarithmic)


def draw(n: int, energy: str, theta: str = "90", *, seed: int) -> Conditions:
    """Draw conditions: energies as ``10:500`` in GeV, angles as ``60:120`` in degrees.

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
    rng = np.random.default_rng(seed)
    energies, angles = _spreads(energy, theta)
    return Conditions(energies.draw(n, rng), angles.draw(n, rng))


def extremes(energy: str, theta: str = "90") -> Conditions:
    """The lowest and the highest conditions that :func:`draw` can give, errors as there.

    >>> extremes("10:500").energy
    array([ 10., 500.], dtype=float32)
    """
    energies, angles = _spreads(energy, theta)
    return Conditions.of([energies.low, energies.high], [angles.low, angles.high])


def _spreads(energy: str, theta: str) -> tuple[Spread, Spread]:
    return Spread.parse(energy, "energy"), Spread.parse(theta, "theta").scaled(degree)


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
