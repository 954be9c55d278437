"""What the energies in cells mean: a fact that showers, files and models carry."""

from collections.abc import Sequence
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field

from caloforge.config import FrozenModel, build
from caloforge.errors import InputError

Meaning = Literal["sensitive", "calibrated", "scaled", "unknown"]
Factor = Annotated[float, Field(gt=0, allow_inf_nan=False)]
SAME = 1e-6
"""Factors are the same within this, relative."""
STILL_CALIBRATED = (0.5, 2.0)
"""Cells calibrated by a factor that nobody knows are so still after one in this range."""


class Calibration(FrozenModel):
    """What cells hold.

    Attributes
    ----------
    meaning : ``sensitive``, the energy deposited in the sensitive material; ``calibrated``, that
        energy times a factor which makes a shower sum to about Ep; ``scaled``, the energy in the
        sensitive material times a number that makes no such claim; or ``unknown``.
    factor : what the energy in the sensitive material was multiplied by, one number or one a
        layer; empty where it is not known.
    """

    meaning: Meaning = "sensitive"
    factor: tuple[Factor, ...] = ()

    def __str__(self) -> str:
        number = "unknown"
        if self.factor:
            ends = sorted({f"{min(self.factor):g}", f"{max(self.factor):g}"}, key=float)
            number = "-".join(ends) + (", one a layer" if len(ends) > 1 else "")
        return {
            "sensitive": "energy in the sensitive material",
            "calibrated": f"calibrated to Ep (factor {number})",
            "scaled": f"energy in the sensitive material times {number}",
            "unknown": "unknown",
        }[self.meaning]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``sensitive``, ``calibrated``, ``calibrated:33.5``, ``scaled:50`` or ``unknown``.

        Raises
        ------
        InputError
            if it is none of these.

        >>> str(Calibration.parse("scaled:50"))
        'energy in the sensitive material times 50'
        """
        meaning, _, numbers = text.strip().partition(":")
        factor = numbers.split(",") if numbers else []
        said = {"meaning": meaning, "factor": factor}
        if (meaning == "sensitive" and factor) or (meaning == "scaled" and not factor):
            msg = f"calibration '{text}': sensitive has no factor, scaled needs one (scaled:50)"
            raise InputError(msg)
        return build(cls, said, where=f"calibration '{text}'", error=InputError)

    def times(self, factors: Sequence[float]) -> "Calibration":
        """What cells mean that are multiplied by a number, or by one a layer.

        Raises
        ------
        InputError
            if the numbers of layers differ.

        >>> str(Calibration().times([30.0])), str(Calibration.parse("scaled:50").times([0.02]))
        ('calibrated to Ep (factor 30)', 'energy in the sensitive material')
        """
        known = (1.0,) if self.meaning == "sensitive" else self.factor
        if not known:
            low, high = STILL_CALIBRATED
            stays = self.meaning == "calibrated" and all(low <= f <= high for f in factors)
            return Calibration(meaning="calibrated" if stays else "unknown")
        try:
            product = tuple(float(each) for each in np.multiply(known, factors))
        except ValueError:
            msg = f"{len(factors)} factors for cells that have one for each of {len(known)} layers"
            raise InputError(msg) from None
        if np.allclose(product, 1.0, rtol=SAME):
            return Calibration()
        meaning: Meaning = "scaled" if self.meaning == "scaled" else "calibrated"
        return Calibration(meaning=meaning, factor=product)

    def compares_with(self, other: "Calibration") -> bool:
        """Whether cells of both can be compared as they are; what is unknown is not refused."""
        if "unknown" in (self.meaning, other.meaning):
            return True
        if self.meaning != "scaled":
            return self.meaning == other.meaning
        same_layers = len(self.factor) == len(other.factor)
        return (
            other.meaning == "scaled"
            and same_layers
            and np.allclose(self.factor, other.factor, rtol=SAME)
        )


DEPOSITED = Calibration()
"""The energy in the sensitive material."""
