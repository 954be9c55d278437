"""What the calorimeter's sensitive detectors say of events, and how two simulations compare."""

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from caloforge.config import FrozenModel
from caloforge.hit_arrays import HitArrays
from caloforge.pad_hits import PadHits
from caloforge.simulate.in_situ.events import Events
from caloforge.typing import Float64Array

LEAST_SHARE = 0.01
"""Of the energy that a layer must hold to be compared."""


@dataclass(frozen=True, eq=False)
class Observables:
    """Of N events: names and units to values (N,), and the layers' part of Ep, (N, layers)."""

    values: dict[str, Float64Array]
    layers: Float64Array


class Agreement(FrozenModel):
    """A mean over the same particles, simulated fully and fast.

    ``difference`` is fast less full, relative where ``relative``, with its standard error.
    """

    what: str
    full: float
    fast: float
    difference: float
    error: float
    relative: bool = True


def observables(hits: HitArrays, events: Events) -> Observables:
    """Of the first events; a hit belongs to the nearest particle's axis at its depth."""
    production = events.production
    detector, conditions = production.detector, production.conditions
    lean = conditions.lean
    n = len(hits.offsets) - 1
    response, count, depth, aside, off_x, off_y = np.zeros((6, n))
    layers = np.zeros((n, detector.n_layers))
    pads = PadHits(*events.pads(hits), hits.cell_energy)
    places = pads.positions(detector)
    for event, (first, stop) in enumerate(pairwise(hits.offsets.tolist())):
        rows = np.array(events.rows(event))
        energy, where = pads.energy[first:stop].astype(np.float64), places[first:stop]
        total, primary = max(energy.sum(), math.ulp(0)), conditions.energy[rows].sum()
        x, y = _from_axis(where, events.impact[rows], lean[rows])
        response[event], count[event] = total / primary, len(energy)
        depth[event] = energy @ where[:, 2] / total
        aside[event] = energy @ np.hypot(x, y) / total
        off_x[event], off_y[event] = energy @ x / total, energy @ y / total
        layers[event] = np.bincount(pads.layer[first:stop], energy, detector.n_layers) / primary
    values = {
        "response (%)": 100 * response,
        "hits": count,
        "depth (mm)": depth,
        "distance from the axis (mm)": aside,
        "barycentre x from the axis (mm)": off_x,
        "barycentre y from the axis (mm)": off_y,
    }
    return Observables(values, layers)


def _from_axis(
    where: Float64Array, impact: Float64Array, lean: Float64Array
) -> tuple[Float64Array, Float64Array]:
    """How far hits at ``where`` (H, 3) are from the nearest particle's axis, in x and y (mm)."""
    x = where[:, :1] - impact[:, 0] - where[:, 2:] * lean[:, 0]
    y = where[:, 1:2] - impact[:, 1] - where[:, 2:] * lean[:, 1]
    nearest = np.hypot(x, y).argmin(axis=1)[:, None]
    return np.take_along_axis(x, nearest, 1)[:, 0], np.take_along_axis(y, nearest, 1)[:, 0]


SIGNED = ("barycentre x from the axis (mm)", "barycentre y from the axis (mm)")
"""About zero: their differences are not relative."""


def compare(full: Observables, fast: Observables) -> tuple[Agreement, ...]:
    """Means of both; of the layers with LEAST_SHARE of the energy the one whose difference is most
    beyond its error."""
    rows = [
        _agreement(what, full.values[what], fast.values[what], what not in SIGNED)
        for what in full.values
    ]
    both = 100 * full.layers, 100 * fast.layers
    shares = full.layers.mean(axis=0) / full.layers.mean()
    seen = np.flatnonzero(shares > LEAST_SHARE * full.layers.shape[1])
    name = f"{len(seen)} layers; layer"
    of_layers = [
        _agreement(f"{name} {layer} (%)", both[0][:, layer], both[1][:, layer], True)
        for layer in seen
    ]
    return (*rows, max(of_layers, key=lambda row: abs(row.difference) / max(row.error, 1e-9)))


def _agreement(what: str, full: Float64Array, fast: Float64Array, relative: bool) -> Agreement:
    """The error is that of the mean difference between the same particles' showers."""
    scale = float(full.mean()) if relative else 1.0
    between = fast - full
    error = float(between.std(ddof=1) / math.sqrt(len(between))) if len(between) > 1 else math.nan
    return Agreement(
        what=what, full=float(full.mean()), fast=float(fast.mean()),
        difference=float(between.mean()) / scale, error=error / abs(scale), relative=relative,
    )  # fmt: skip
