"""The Challenge's histograms, and their separation power between two samples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from caloforge.physics.distances import separation_power
from caloforge.physics.voxels import VoxelGeometry
from caloforge.typing import AnyArray, Float64Array, IntArray
from caloforge.validate.calochallenge.dataset import ChallengeDataset
from caloforge.validate.calochallenge.sample import ChallengeSample

RESPONSE_EDGES = np.linspace(0.5, 1.5, 101)
SPARSITY_EDGES = np.linspace(0, 1, 21)
ACROSS_BINS = 100
LAYER_ENERGY_EDGES, VOXEL_EDGES = 40, 50


@dataclass(frozen=True)
class Histogram:
    """One observable in one layer (None: of the whole shower), counted for both samples."""

    observable: str
    layer: int | None
    edges: Float64Array
    reference: IntArray
    generated: IntArray

    @property
    def separation(self) -> float:
        """Separation power of what lies inside the edges: 0 same, 1 apart."""
        return separation_power(self.reference, self.generated)


def histograms(
    reference: ChallengeSample,
    generated: ChallengeSample,
    geometry: VoxelGeometry,
    dataset: ChallengeDataset,
) -> list[Histogram]:
    """Every histogram of the Challenge; the reference sets the upper end of energies."""
    threshold, ranges = dataset.threshold_mev, dataset.ranges(geometry)
    pair = reference, generated
    found = [
        _count("Etot / Einc", None, [s.total / s.incident for s in pair], RESPONSE_EDGES),
        _count(
            "voxel energy", None, [s.voxels.ravel() for s in pair],
            _energy_edges(threshold, reference.voxels, VOXEL_EDGES),
        ),
    ]  # fmt: skip
    layers = range(len(geometry.sizes))
    for layer in layers:
        edges = _energy_edges(threshold, reference.layer_energy[:, layer], LAYER_ENERGY_EDGES)
        found.append(_count("layer energy", layer, [s.layer_energy[:, layer] for s in pair], edges))
        found.append(
            _count("sparsity", layer, [s.sparsity[:, layer] for s in pair], SPARSITY_EDGES)
        )
    divided = [layer for layer in layers if geometry.has_sectors[layer]]
    for observable, name, ends, where in (
        ("centre x", "x", "centre", divided),
        ("centre y", "y", "centre", divided),
        ("width x", "x_width", "width", divided),
        ("width y", "y_width", "width", divided),
        ("centre r", "r", "r", layers),
        ("width r", "r_width", "width r", layers),
    ):
        for column, layer in enumerate(where):
            low, high = ranges[ends][layer]
            edges = np.linspace(low, high, ACROSS_BINS + 1)
            columns = [getattr(s, name)[:, column] for s in pair]
            found.append(_count(observable, layer, columns, edges))
    return found


def mean_separations(found: list[Histogram]) -> dict[str, float]:
    """Separation power of each observable, mean over its layers."""
    names = dict.fromkeys(each.observable for each in found)
    return {
        name: float(np.mean([each.separation for each in found if each.observable == name]))
        for name in names
    }


def _count(
    observable: str, layer: int | None, values: list[AnyArray], edges: Float64Array
) -> Histogram:
    counts = [np.histogram(each, edges)[0] for each in values]
    return Histogram(observable, layer, edges, counts[0], counts[1])


def _energy_edges(low: float, values: AnyArray, edges: int) -> Float64Array:
    """Logarithmic edges from the read-out threshold to the largest value."""
    return np.geomspace(low, max(float(values.max()), 2 * low), edges)
