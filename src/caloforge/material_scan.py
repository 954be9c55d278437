"""What straight lines through a calorimeter cross, as Geant4 tells it of a GDML file."""

from dataclasses import dataclass

import numpy as np

from caloforge.typing import Float64Array


@dataclass(frozen=True)
class Crossing:
    """A piece of a line in one material, between two depths in mm.

    X0 and lambda are the material's radiation and nuclear interaction length in mm.
    """

    start_mm: float
    stop_mm: float
    material: str
    sensitive: bool
    x0_mm: float
    lambda_mm: float

    @property
    def length_mm(self) -> float:
        """Length of the piece in mm."""
        return self.stop_mm - self.start_mm


@dataclass(frozen=True)
class MaterialScan:
    """Lines into the calorimeter at several y (mm) in the plane x = 0 of the face; one is the axis.

    Attributes
    ----------
    y_mm : place of each line.
    lines : what each crosses, in the order of its depth.
    """

    y_mm: tuple[float, ...]
    lines: tuple[tuple[Crossing, ...], ...]

    @property
    def axis(self) -> tuple[Crossing, ...]:
        """What the line at y = 0 crosses."""
        return self.lines[int(np.argmin(np.abs(self.y_mm)))]

    @property
    def radiation_lengths(self) -> float:
        """X0 along the axis."""
        return sum(each.length_mm / each.x0_mm for each in self.axis)

    @property
    def interaction_lengths(self) -> float:
        """lambda along the axis."""
        return sum(each.length_mm / each.lambda_mm for each in self.axis)

    def sensitive_mm(self, edges_mm: Float64Array) -> Float64Array:
        """Sensitive material along the axis between each two of these depths, in mm."""
        seen = [each for each in self.axis if each.sensitive]
        start, stop = (np.array([getattr(s, end) for s in seen]) for end in ("start_mm", "stop_mm"))
        low = np.maximum(start[:, None], edges_mm[:-1])
        high = np.minimum(stop[:, None], edges_mm[1:])
        return np.asarray(np.maximum(high - low, 0.0).sum(axis=0), np.float64)
