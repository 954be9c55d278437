"""Whether two samples can be compared: one detector, one particle, cells that mean the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from caloforge.calibration import Calibration
from caloforge.detector import Detector
from caloforge.errors import DetectorError, InputError
from caloforge.hits import Hits
from caloforge.particle import may_be_same
from caloforge.showers import Showers


@dataclass(frozen=True)
class SampleKind:
    """What two samples must share: the detector's cells, the particle, and what cells hold."""

    detector: Detector
    shape: tuple[int, ...]
    """Cells (X, Y, Z) of a shower."""
    particle: str
    calibration: Calibration

    @classmethod
    def of(cls, showers: Showers | Hits) -> SampleKind:
        """The kind of some showers."""
        return cls(showers.detector, showers.cell_shape, showers.particle, showers.calibration)

    def check(self, other: SampleKind, labels: tuple[str, str]) -> None:
        """Refuse another kind of shower, `labels` being how both samples are called.

        Raises
        ------
        DetectorError
            if they belong to different detectors or windows.
        InputError
            if they began with different particles, or the cells of one cannot be given the
            meaning of the other's.
        """
        if self.detector.digest != other.detector.digest or self.shape != other.shape:
            msg = (
                f"the samples cannot be compared: {labels[0]} has {self.shape} cells of "
                f"{self.detector.name}, {labels[1]} {other.shape} cells of {other.detector.name}"
            )
            raise DetectorError(msg)
        if not may_be_same(self.particle, other.particle):
            msg = (
                f"the samples cannot be compared: {labels[0]} holds showers of {self.particle}, "
                f"{labels[1]} of {other.particle}"
            )
            raise InputError(msg)
        if not self.calibration.compares_with(other.calibration) and (
            self.factors_from(other) is None
        ):
            msg = (
                f"the samples cannot be compared: the cells of {labels[0]} are "
                f"{self.calibration}, those of {labels[1]} {other.calibration}; "
                "caloforge convert --calibrate gives them one meaning"
            )
            raise InputError(msg)

    def factors_from(self, other: SampleKind) -> tuple[float, ...] | None:
        """What the other's cells must be multiplied by to mean the same; None if unknown."""
        wanted, given = (_sensitive_to(kind.calibration) for kind in (self, other))
        layers = {len(factors) for factors in (wanted, given)} - {1}
        if not wanted or not given or len(layers) > 1:
            return None
        return tuple(float(factor) for factor in np.divide(wanted, given))

    def convert(self, chunks: Iterable[Showers]) -> Iterator[Showers]:
        """Showers whose cells mean what this kind's mean, multiplied where they did not."""
        for chunk in chunks:
            factors = self.factors_from(SampleKind.of(chunk))
            if chunk.calibration.compares_with(self.calibration) or factors is None:
                yield chunk
            else:
                cells = chunk.cells * np.array(factors, np.float32)
                yield replace(chunk, cells=cells, calibration=self.calibration)

    def notes(self, other: SampleKind, labels: tuple[str, str]) -> list[str]:
        """What a reader must know of how the two were made comparable."""
        found = []
        if not self.calibration.compares_with(other.calibration):
            factors = self.factors_from(other) or ()
            ends = "-".join(dict.fromkeys(f"{each:.4g}" for each in (min(factors), max(factors))))
            found.append(
                f"The cells of {labels[1]} ({other.calibration}) were multiplied by {ends} to mean "
                f"what {labels[0]}'s mean ({self.calibration})."
            )
        return found


def _sensitive_to(calibration: Calibration) -> tuple[float, ...]:
    """What energy in the sensitive material was multiplied by; empty if nobody knows."""
    return (1.0,) if calibration.meaning == "sensitive" else calibration.factor
