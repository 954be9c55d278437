"""Points on a circle, in operations that every engine vectorises: engines compute sines one at a
time."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from caloforge.networks.factorised.polynomial import fitted, polynomial

DEGREE = 5


def on_circle(turn: Tensor) -> tuple[Tensor, Tensor]:
    """Cosine and sine of 2 pi times ``turn``, which lies in [0, 1), right to 1e-6.

    >>> from torch import tensor
    >>> cosine, sine = on_circle(tensor([0.0, 0.125, 0.25, 0.5]))
    >>> (cosine + 0.0).round(decimals=5), (sine + 0.0).round(decimals=5)
    (tensor([ 1.0000,  0.7071,  0.0000, -1.0000]), tensor([0.0000, 0.7071, 1.0000, 0.0000]))
    """
    half = turn - 0.5
    square = half * half
    sine, cosine = half * polynomial(_SINE, square), polynomial(_COSINE, square)
    return 2.0 * sine * sine - 1.0, -2.0 * sine * cosine


_HALF = 0.5 * np.cos(np.pi * (np.arange(200) + 0.5) / 400)
_SINE = fitted(_HALF**2, np.sin(np.pi * _HALF) / _HALF, DEGREE)
_COSINE = fitted(_HALF**2, np.cos(np.pi * _HALF), DEGREE)
