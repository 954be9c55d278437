"""What a handful of showers say beforehand: what they cost, and which window holds them.

They are simulated into an image far wider than the detector's windows, so that what a window would
cut off is known before thousands are made.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from caloforge.beam import Conditions
from caloforge.detector import Detector, Window
from caloforge.errors import InputError, RangeError
from caloforge.make.request import MakeRequest
from caloforge.ranges import extremes
from caloforge.showers import Showers
from caloforge.simulate.source import Geant4Source
from caloforge.spread import Spread
from caloforge.typing import Float64Array, FloatArray
from caloforge.units import degree

HANDFUL = 16
MOST_WIDER = 24
"""Pads, at most, by which the probe's image is wider on every side than the largest window; as many
as that has where those are fewer."""
CONTAINED = 0.99
"""Share of the energy that a window must hold to be large enough."""
PROBE_WINDOW = "probe"
MOST_EMPTY = 0.5


@dataclass(frozen=True)
class Probe:
    """What the handful of showers said.

    Attributes
    ----------
    window : the image that is cut out.
    contained : share of the energy in it, None where it cannot be told.
    enough : pads in x and y that would hold CONTAINED, None where the window does.
    empty : share of showers without energy in any cell.
    seconds_per_gev : of one core, for a GeV of primary energy; 0 where nothing is simulated.
    """

    window: str
    contained: float | None
    enough: tuple[int, int] | None
    empty: float
    seconds_per_gev: float


def check_request(request: MakeRequest) -> None:
    """Refuse showers that cannot be simulated, before anything is begun.

    Raises
    ------
    InputError, RangeError, DetectorError
        as of caloforge.simulate.
    """
    if request.data is None:
        asked = extremes(request.energy, request.theta)
        for window in _windows_for(request):
            Geant4Source(request.detector, window, request.particle).production(
                asked, seed=request.seed
            )


def conditions_of(request: MakeRequest, n: int = HANDFUL) -> Conditions:
    """Energies and angles (n,) that are spread evenly over what is asked for."""
    level = (np.arange(n) + 0.5) / n
    energy, theta = Spread.parse(request.energy), Spread.parse(request.theta, "theta")
    other = level[np.argsort(np.arange(n) * 0.6180339887 % 1.0)]
    return Conditions(_at(energy, level), _at(theta.scaled(degree), other))


def probe(request: MakeRequest, jobs: int) -> tuple[Probe, Showers]:
    """Simulate a handful of showers and choose the window; the showers are cut to it.

    Raises
    ------
    InputError
        if most showers are empty.
    RangeError, DetectorError, SimulationError
        as of caloforge.simulate.
    """
    detector, conditions = request.detector, conditions_of(request)
    wide = _widened(detector)
    source = Geant4Source(wide, next(iter(wide.windows)), request.particle, jobs)
    showers, took = source.sample_timed(conditions, seed=request.seed)
    windows = _windows_for(request)
    empty = empty_share(showers)
    check_empty(empty, request)
    held = {name: _share(showers, detector.windows[name]) for name in windows}
    large_enough = [name for name in windows if (held[name] or 1.0) >= CONTAINED]
    window = large_enough[0] if large_enough else windows[-1]
    return Probe(
        window=window,
        contained=held[window],
        enough=None if large_enough else _enough(showers),
        empty=empty,
        seconds_per_gev=float(took.seconds_per_shower.sum() / conditions.energy.sum()),
    ), Showers(
        cut(showers, detector.windows[window]), showers.energy, showers.theta,
        detector, request.particle,
    )  # fmt: skip


def empty_share(showers: Showers) -> float:
    """Share of showers without energy in any cell."""
    return float(np.mean(~np.any(showers.cells, axis=(1, 2, 3))))


def check_empty(share: float, request: MakeRequest) -> None:
    """Refuse showers of which most leave nothing behind.

    Raises
    ------
    InputError
        naming particle, energies and calorimeter.
    """
    if share > MOST_EMPTY:
        msg = (
            f"{share:.0%} of the showers are empty: {request.particle} of {request.energy} GeV "
            f"are under what {request.detector.name} sees; ask for higher energies"
        )
        raise InputError(msg)


def cut(showers: Showers, window: Window) -> FloatArray:
    """The cells (N, X, Y, Z) of a window: the middle of images, the inner rings of cylinders."""
    cells, (x, y) = showers.cells, window.shape
    if showers.detector.readout == "cylinder":
        return np.ascontiguousarray(cells[:, :x])
    left, low = (cells.shape[1] - x) // 2, (cells.shape[2] - y) // 2
    return np.ascontiguousarray(cells[:, left : left + x, low : low + y])


def _at(spread: Spread, level: Float64Array) -> FloatArray:
    low, high = spread.low, spread.high
    values = low * (high / low) ** level if spread.logarithmic else low + (high - low) * level
    return values.astype(np.float32)


def _widened(detector: Detector) -> Detector:
    """The calorimeter with one image, wider than all its windows; as it is where layers have
    rings of their own."""
    if detector.layers_differ:
        return detector
    shapes = np.array([window.shape for window in detector.windows.values()])
    x, y = (int(size) for size in shapes.max(axis=0))
    more = 2 * min(max(x, y), MOST_WIDER)
    pads = (x + more, y + (more if detector.readout == "pads" else 0))
    angles = np.array([window.theta_deg for window in detector.windows.values()])
    wide = Window(shape=pads, theta_deg=(float(angles.min()), float(angles.max())))
    return detector.model_copy(update={"windows": {PROBE_WINDOW: wide}})


def _windows_for(request: MakeRequest) -> list[str]:
    """Windows, smallest first, that the asked angles do not leave.

    Raises
    ------
    RangeError
        as of the simulation, if there is none.
    """
    if request.window is not None:
        return [request.window]
    detector, angles = request.detector, extremes(request.energy, request.theta)
    by_size = sorted(detector.windows, key=lambda name: np.prod(detector.windows[name].shape))
    problem = None
    found = []
    for name in by_size:
        try:
            Geant4Source(detector, name, request.particle).production(angles, seed=request.seed)
            found.append(name)
        except RangeError as error:
            problem = error
    if problem is not None and not found:
        raise problem
    return found


def _share(showers: Showers, window: Window) -> float | None:
    """Share of the showers' energy that a window holds; None where the image is no wider."""
    if showers.cells.shape[1:3] == window.shape:
        return None
    total = showers.cells.sum(dtype=np.float64)
    return float(cut(showers, window).sum(dtype=np.float64) / total)


def _enough(showers: Showers) -> tuple[int, int]:
    """The smallest window that holds CONTAINED of the energy, of rings or of as many pads less on
    either side."""
    x, y = showers.cells.shape[1:3]
    smallest = (x, y)
    shapes = (
        [(x - less, y) for less in range(x)]
        if showers.detector.readout == "cylinder"
        else [(x - less, y - less) for less in range(0, min(x, y), 2)]
    )
    for shape in shapes:
        if (_share(showers, Window(shape=shape)) or 1.0) < CONTAINED:
            break
        smallest = shape
    return smallest
