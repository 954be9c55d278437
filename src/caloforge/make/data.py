"""A sample that is at hand instead of a simulation: whether it is what was asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from caloforge.detector import Detector
from caloforge.errors import DetectorError, InputError
from caloforge.io import open_showers
from caloforge.io.identity import DETECTOR_ATTRIBUTE, detector_from_json
from caloforge.make.request import MakeRequest
from caloforge.particle import may_be_same
from caloforge.showers import Showers
from caloforge.typing import FloatArray
from caloforge.units import degree

EDGE_SHARE = 0.01
"""More energy than this in the outermost pads says that the image cuts the showers off."""


def request_of_sample(
    path: Path, detector: Detector, given: str, particle: str | None, seed: int
) -> MakeRequest:
    """The request that a sample answers; ``particle``: what it must be, None: what it says.

    Raises
    ------
    InputError
        if it is of another particle than asked for, says of none, or cannot be read.
    DetectorError
        if it does not belong to the detector.
    """
    with open_showers(path, detector) as sample:
        text = sample.attributes.get(DETECTOR_ATTRIBUTE)
        named = detector if text is None else detector_from_json(str(text), where=str(path))
        if named.digest != detector.digest:
            msg = (
                f"{path} belongs to {named.name} ({named.digest[:15]}...), asked for is "
                f"{detector.name} ({detector.digest[:15]}...)"
            )
            raise DetectorError(msg)
        if particle is not None and not may_be_same(sample.particle, particle):
            msg = (
                f"{path} holds showers of {sample.particle}, asked for is {particle}: "
                f"give --particle {sample.particle}, or another sample"
            )
            raise InputError(msg)
        energies, angles = sample.energy, sample.theta / degree
        return MakeRequest(
            detector, given, sample.particle, _spread(energies), _spread(angles), sample.window,
            len(sample), path, seed,
        )  # fmt: skip


def _spread(values: FloatArray) -> str:
    low, high = (f"{value:.4g}" for value in (values.min(), values.max()))
    return low if low == high else f"{low}:{high}"


def first_showers(path: Path, detector: Detector, n: int) -> Showers:
    """The first n showers of a sample; errors as of open_showers."""
    with open_showers(path, detector) as sample:
        return sample.read(0, min(n, len(sample)))


def edge_share(showers: Showers) -> float:
    """Share of the energy in the outermost pads, or the outermost ring, of the images."""
    cells = showers.cells
    total = cells.sum(dtype=np.float64)
    if showers.detector.readout == "cylinder":
        edge = cells[:, -1].sum(dtype=np.float64)
    else:
        edge = total - cells[:, 1:-1, 1:-1].sum(dtype=np.float64)
    return float(edge / max(total, 1e-30))
