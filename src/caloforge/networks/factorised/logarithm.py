"""The logarithm of many numbers of a known range, in operations that every engine vectorises.

Engines compute ``Log`` one number at a time; roots, products and quotients they compute sixteen at
a time, in one pass with their neighbours.  With z = x ** (1 / 8), three square roots, and
w = (z - c) / (z + c), where c is the middle of the range of z,

    log x = 8 (log c + 2 w (1 + w**2 / 3 + w**4 / 5 + ...)),

and a polynomial in w**2 fitted to the range takes the place of the series.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from caloforge.networks.factorised.polynomial import fitted, polynomial

ROOTS = 3
TERMS = 6


def ranged_logarithm(values: Tensor, low: float, high: float) -> Tensor:
    """Natural logarithm of values, first clamped to between ``low`` and ``high``.

    Right to 2e-5 over nine decades.

    >>> ranged_logarithm(torch.tensor([0.0, 1e-6, 0.5]), 2e-9, 3.0)
    tensor([-20.0301, -13.8155,  -0.6931])
    """
    power = 2**ROOTS
    bottom, top = low ** (1 / power), high ** (1 / power)
    middle = math.sqrt(bottom * top)
    root = values.clamp(low, high)
    for _ in range(ROOTS):
        root = torch.sqrt(root)
    ratio = (root - middle) / (root + middle)
    series = polynomial(_series((top - middle) / (top + middle)), ratio * ratio)
    logarithm: Tensor = ratio * series * (2.0 * power) + power * math.log(middle)
    return logarithm


def _series(largest: float) -> list[float]:
    """Coefficients of the polynomial in w**2 that is artanh(w) / w up to the largest w."""
    ratio = largest * np.cos(np.pi * (np.arange(200) + 0.5) / 400)
    return fitted(ratio**2, np.arctanh(ratio) / ratio, TERMS - 1)
