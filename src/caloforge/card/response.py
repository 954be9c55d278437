"""How much of Ep a model's cells sum up to."""

from typing import Annotated

import numpy as np
from numpy.typing import ArrayLike
from pydantic import Field

from caloforge.config import FrozenModel
from caloforge.typing import Float64Array, FloatArray


class Response(FrozenModel):
    """Mean sum of the cells over Ep, as measured: a model's sampling fraction.

    It is P(ln Ep) + (1 / sin theta - 1) Q(ln Ep), Ep in GeV: inclined showers have a longer way in
    the calorimeter, of which less lies behind it.

    Attributes
    ----------
    coefficients : of P, highest power first.
    path_coefficients : of Q; none for a model of one angle.
    showers : how many it was measured with.
    error : standard error of the mean, relative.
    """

    coefficients: Annotated[tuple[float, ...], Field(min_length=1)]
    path_coefficients: tuple[float, ...] = ()
    showers: Annotated[int, Field(ge=1)]
    error: float

    def __call__(self, energy: FloatArray, theta: ArrayLike = np.pi / 2) -> Float64Array:
        """The response at energies in GeV and angles in rad.

        >>> found = Response(coefficients=(0.02,), path_coefficients=(0.01,), showers=1, error=0.0)
        >>> found(np.float32([50.0]), np.pi / 6).round(6).tolist()
        [0.03]
        """
        logarithm = np.log(np.asarray(energy, np.float64))
        longer = 1 / np.sin(np.asarray(theta, np.float64)) - 1
        slope = np.polyval(self.path_coefficients or (0.0,), logarithm)
        return np.asarray(np.polyval(self.coefficients, logarithm) + longer * slope, np.float64)
