"""Types used in signatures; arrays' shapes stand in the docstrings."""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
Float64Array = NDArray[np.float64]
IntArray = NDArray[np.int64]
AnyArray = NDArray[Any]
BoolArray = NDArray[np.bool_]

AskedDevice = Literal["auto", "cpu", "cuda"]
"""Where a training is asked to compute; auto: on a GPU where there is one that it can use."""
