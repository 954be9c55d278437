"""What the Challenge fixes for each of its datasets: thresholds, histogram ranges, entries."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from caloforge.physics.voxels import VoxelGeometry
from caloforge.typing import Float64Array

SHOWERS = 100_000
"""Showers a side that the published entries of datasets 2 and 3 were judged on."""
READOUT_MEV = 0.5e-3 / 0.033
"""Threshold of a voxel in datasets 2 and 3: 0.5 keV over the sampling fraction."""


@dataclass(frozen=True)
class ChallengeDataset:
    """A dataset of the Challenge, or another cylinder that is judged in the same way.

    ``layers`` are the numbers by which the Challenge calls its layers; empty for 0, 1, 2, ...
    """

    name: str
    threshold_mev: float = READOUT_MEV
    layers: tuple[int, ...] = ()
    published: str | None = None
    """File of the published entries."""
    showers: int = SHOWERS
    """Showers a side that these were judged on."""
    split: tuple[float, float] = (0.6, 0.2)
    """Shares of them that train a classifier, and that choose its epoch; the rest tests it."""

    def ranges(self, geometry: VoxelGeometry) -> dict[str, Float64Array]:
        """Ends in mm of the histograms of each layer: centre, width, r and width r, (L, 2)."""
        if self.name in ("2", "3"):
            ends = np.array([[-30, 30], [0, 30], [0, 42], [0, 20]], np.float64)
            each = [ends] * len(geometry.sizes)
        elif self.layers:
            each = [_dataset1_ranges(layer) for layer in self.layers]
        else:
            shape = np.array([[-0.7, 0.7], [0, 0.7], [0, 1], [0, 0.5]])
            each = [shape * reach for reach in geometry.reach_mm * 1.05]
        names = ("centre", "width", "r", "width r")
        return {name: np.array([ends[row] for ends in each]) for row, name in enumerate(names)}


def _dataset1_ranges(layer: int) -> Float64Array:
    """The Challenge's ranges for a layer of ATLAS: wide ones in the hadronic layers."""
    across, width = (500.0, 400.0) if layer in (12, 13) else (100.0, 100.0)
    radius = 1500.0 if layer in (12, 13, 14) else 500.0
    return np.array([[-across, across], [0, width], [0, radius], [0, radius]])


DATASETS = {
    (368, 5): ChallengeDataset(
        "1, photons", 1.0, (0, 1, 2, 3, 12), "dataset_1_photons.csv", 121_000, (80 / 121, 20 / 121)
    ),
    (533, 7): ChallengeDataset(
        "1, pions",
        1.0,
        (0, 1, 2, 3, 12, 13, 14),
        "dataset_1_pions.csv",
        120_800,
        (80 / 120.8, 20 / 120.8),
    ),
    (6480, 45): ChallengeDataset("2", published="dataset_2.csv"),
    (40_500, 45): ChallengeDataset("3", published="dataset_3.csv"),
}
"""By the numbers of voxels and layers."""


def dataset_of(geometry: VoxelGeometry) -> ChallengeDataset:
    """The Challenge's dataset that has these voxels, or one of no published entries."""
    return DATASETS.get(
        (len(geometry.layer), len(geometry.sizes)), ChallengeDataset("none of the Challenge")
    )
