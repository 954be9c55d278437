"""What a condition is drawn from: a fixed value, or a range."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from caloforge.errors import InputError
from caloforge.typing import FloatArray

ALLOWED = {"energy": "100, 10:500 or log:10:500", "theta": "90 or 60:120 (degrees above 0)"}
"""Examples of what :meth:`Spread.parse` reads, by what it is for."""


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
            if the text has another form, or a number is not positive.

        >>> Spread.parse("log:10:500")
        Spread(low=10.0, high=500.0, logarithmic=True)
        """
        logarithmic = text.startswith("log:")
        numbers = _numbers(text.removeprefix("log:"))
        if not numbers or min(numbers) <= 0:
            msg = f"{what} '{text}' is not understood: allowed are {ALLOWED[what]}"
            raise InputError(msg)
        return cls._rising(numbers, text, what, logarithmic)

    @classmethod
    def parse_signed(cls, text: str, what: str) -> Self:
        """Read ``-1.5`` (fixed) or ``-2:2`` (uniform); errors as of :meth:`parse`.

        >>> Spread.parse_signed("-2:2", "phi")
        Spread(low=-2.0, high=2.0, logarithmic=False)
        """
        numbers = _numbers(text)
        if not numbers:
            msg = f"{what} '{text}' is not understood: allowed are a number, or a range as -2:2"
            raise InputError(msg)
        return cls._rising(numbers, text, what, logarithmic=False)

    @classmethod
    def _rising(cls, numbers: list[float], text: str, what: str, logarithmic: bool) -> Self:
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


def _numbers(text: str) -> list[float]:
    """The one or two finite numbers that a text holds, or none."""
    try:
        numbers = [float(part) for part in text.split(":")]
    except ValueError:
        return []
    return numbers if len(numbers) <= 2 and np.all(np.isfinite(numbers)) else []
