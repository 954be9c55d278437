"""Array types used in signatures; shapes stand in the docstrings."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
Float64Array = NDArray[np.float64]
IntArray = NDArray[np.int64]
AnyArray = NDArray[Any]
BoolArray = NDArray[np.bool_]
