"""A sample that is at hand instead of a simulation: whether it is what was asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from caloforge.detector import Detector
from caloforge.errors import DetectorError, InputError
from caloforge.io import open_showers
from caloforge.io.identity import DETECTOR_ATTRIBUTE, detector_from_json
from caloforge.make.request import MakeRequest
from caloforge.particle import UNKNOWN, may_be_same, particle_name
from caloforge.showers import Showers
from caloforge.turn import in_plane
from caloforge.typing import FloatArray
from caloforge.units import degree

EDGE_SHARE = 0.01
"""More energy than this in the outermost pads says that the image cuts the showers off."""
RUN = 4
"""Showers that are read together."""


def request_of_sample(
    path: Path, detector: Detector, given: str, particle: str | None, seed: int
) -> MakeRequest:
    """The request that a sample answers; ``particle``: what it must be, or is where the sample does
    not say, None: what it says.

    Raises
    ------
    InputError
        if it is of another particle than asked for, of one that nothing tells, of showers that lean
        out of the y-z plane, or cannot be read.
    DetectorError
        if it does not belong to the detector.
    """
    with open_showers(path, detector) as sample:
        text = sample.attributes.get(DETECTOR_ATTRIBUTE)
        own = detector if text is None else detector_from_json(str(text), where=str(path))
        if own.digest != detector.digest:
            msg = (
                f"{path} belongs to {own.name} ({own.digest[:15]}...), asked for is "
                f"{detector.name} ({detector.digest[:15]}...)"
            )
            raise DetectorError(msg)
        if particle is not None and not may_be_same(sample.particle, particle):
            msg = (
                f"{path} holds showers of {sample.particle}, asked for is {particle}: "
                f"give --particle {sample.particle}, or another sample"
            )
            raise InputError(msg)
        named = sample.particle
        if named == UNKNOWN:
            named = particle_name(particle)
        if named == UNKNOWN:
            msg = f"{path} does not say of which particle its showers are: give --particle"
            raise InputError(msg)
        known = in_plane(sample.conditions, detector, where=path)
        energies, angles = known.energy, known.theta / degree
        return MakeRequest(
            detector, given, named, _spread(energies), _spread(angles), sample.window,
            len(sample), path, seed,
        )  # fmt: skip


def _spread(values: FloatArray) -> str:
    low, high = (f"{value:.4g}" for value in (values.min(), values.max()))
    return low if low == high else f"{low}:{high}"


def some_showers(path: Path, detector: Detector, n: int) -> Showers:
    """About n showers, in runs from all over a sample, for it may be sorted; errors as of
    open_showers."""
    with open_showers(path, detector) as sample:
        size = min(RUN, len(sample))
        starts = np.linspace(0, len(sample) - size, max(1, n // size)).astype(int)
        return Showers.concatenate([sample.read(start, start + size) for start in starts.tolist()])


def edge_share(showers: Showers) -> float:
    """Share of the energy in the outermost pads, or the outermost ring, of the images."""
    cells = showers.cells
    total = cells.sum(dtype=np.float64)
    if showers.detector.readout == "cylinder":
        edge = cells[:, -1].sum(dtype=np.float64)
    else:
        edge = total - cells[:, 1:-1, 1:-1].sum(dtype=np.float64)
    return float(edge / max(total, 1e-30))
