"""Where the layers of a calorimeter lie for a shower that may begin in any of them."""

from __future__ import annotations

import numpy as np

from caloforge.detector import Detector
from caloforge.errors import DetectorError
from caloforge.layer import Layer
from caloforge.material import Material
from caloforge.radiation import budget_of
from caloforge.typing import Float64Array
from caloforge.units import MeV

MOST_PLACES = 2
"""Times the number of layers: more places leave most of them unknown in every shower."""
LEAST_LOSS_GEV_CM2_G = 1.5 * MeV
"""What a minimum-ionising particle loses, within a third in all matter but hydrogen."""


def layer_places(detector: Detector) -> tuple[int, ...] | None:
    """Depths (n_layers) of the layers in steps of about the same number of radiation lengths.

    0, 1, 2, ... where all layers are alike.  None where a shower that begins later does not look
    the same: layers whose sensitive parts differ see it otherwise, and a stack that is unknown or
    layers that are far from one step apart give it no place.
    """
    if not detector.can_be_simulated:
        return None
    kinds = {(layer.stack, layer.thickness_mm) for layer in detector.layers}
    if len(kinds) == 1:
        return tuple(range(detector.n_layers))
    seen = {tuple(slab for slab in layer.stack if slab.sensitive) for layer in detector.layers}
    if len(seen) > 1 or not detector.has_material:
        return None
    try:
        depth = _depths(detector)
    except DetectorError:  # a material of Geant4's that the tables do not know
        return None
    step = np.diff(depth).min() * (1.0 - 1e-6)
    places = np.floor((depth - depth[0]) / step + 0.5).astype(int)
    return tuple(places.tolist()) if places[-1] < MOST_PLACES * len(places) else None


def faint_gev(detector: Detector) -> float:
    """Half of what a minimum-ionising particle leaves in the sensitive part of a layer, in GeV: a
    shower that has begun leaves more.  0 where the materials are unknown."""
    if not detector.has_material:
        return 0.0
    sensitive = [slab for slab in detector.layers[0].stack if slab.sensitive]
    try:
        budgets = [budget_of(detector.materials[s.material], s.thickness_mm) for s in sensitive]
    except DetectorError:  # a material of Geant4's that the tables do not know
        return 0.0
    return float(f"{0.5 * LEAST_LOSS_GEV_CM2_G * sum(b.g_cm2 for b in budgets):.2g}")


def _depths(detector: Detector) -> Float64Array:
    """Radiation lengths (n_layers) before the middle of each layer's sensitive part."""
    before, depths = 0.0, []
    for layer in detector.layers:
        middle, whole = _in_layer(layer, detector.materials)
        for _ in range(layer.count):
            depths.append(before + middle)
            before += whole
    return np.array(depths)


def _in_layer(layer: Layer, materials: dict[str, Material]) -> tuple[float, float]:
    """Radiation lengths of a layer: before the middle of its sensitive part, and of all."""
    lengths = [
        budget_of(materials[slab.material], slab.thickness_mm).radiation_lengths
        for slab in layer.stack
    ]
    ends = np.cumsum(lengths)
    thickness = np.array([slab.thickness_mm * slab.sensitive for slab in layer.stack])
    middles = ends - 0.5 * np.array(lengths)
    return float(middles @ thickness / thickness.sum()), float(ends[-1])
