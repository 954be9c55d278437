"""Polynomials in place of functions that engines compute one number at a time."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from caloforge.typing import Float64Array


def polynomial(coefficients: list[float], value: Tensor) -> Tensor:
    """The sum of coefficients times rising powers of a value, by Horner's rule."""
    *lower, last, highest = coefficients
    result = value * highest + last
    for coefficient in reversed(lower):
        result = result * value + coefficient
    return result


def fitted(at: Float64Array, values: Float64Array, degree: int) -> list[float]:
    """Coefficients, of rising powers, of the polynomial nearest to ``values`` at ``at``.

        >>> line = fitted(np.arange(3.0), np.array([1.0, 3.0, 5.0]), 1)
    >>> [round(coefficient, 6) for coefficient in line]
    [1.0, 2.0]
    """
    fit = np.polynomial.Chebyshev.fit(at, values, degree)
    return [float(value) for value in fit.convert(kind=np.polynomial.Polynomial).coef]
