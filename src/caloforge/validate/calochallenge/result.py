"""What the Challenge's protocol finds: each score beside Geant4 against Geant4."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from caloforge.validate.calochallenge.dataset import ChallengeDataset
from caloforge.validate.calochallenge.histograms import Histogram
from caloforge.validate.result import without_nan

Classifiers = Literal["none", "dense", "resnet"]
TITLES = {
    "auc_low": "AUC, voxels (dense)",
    "auc_high": "AUC, features (dense)",
    "auc_resnet": "AUC, voxels (ResNet)",
    "fpd": "FPD x 1000",
    "kpd": "KPD x 1000",
}
IN_THOUSANDTHS = ("fpd", "kpd")
"""Scores that the Challenge prints times 1000; here they are stored as they are."""


@dataclass(frozen=True)
class ProtocolScore:
    """A score of the protocol and its floor, the same between two halves of the reference."""

    value: float
    error: float | None
    floor: float
    floor_error: float | None
    showers: int
    """Showers a side of the score."""
    floor_showers: int
    """Showers a side of the floor."""


@dataclass(frozen=True)
class ProtocolResult:
    """All scores of the protocol; `to_dict` is what metrics.json holds."""

    labels: tuple[str, str]
    dataset: ChallengeDataset
    scores: dict[str, ProtocolScore]
    histograms: list[Histogram]
    floor_histograms: list[Histogram]
    notes: tuple[str, ...]
    seed: int

    @property
    def showers(self) -> int:
        """The most showers a side that a score was measured on."""
        return max(score.showers for score in self.scores.values())

    @property
    def comparable(self) -> bool:
        """Whether the published figures were made with the same voxels and as many showers."""
        return self.dataset.published is not None and self.showers >= self.dataset.showers

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        table: dict[str, Any] = without_nan(
            {
                "protocol": "calochallenge",
                "dataset": self.dataset.name,
                "samples": list(self.labels),
                "scores": {name: asdict(score) for name, score in self.scores.items()},
                "separation": [
                    {
                        "observable": ours.observable,
                        "layer": ours.layer,
                        "value": ours.separation,
                        "floor": floor.separation,
                    }
                    for ours, floor in zip(self.histograms, self.floor_histograms, strict=True)
                ],
                "published_is_comparable": self.comparable,
                "notes": list(self.notes),
                "seed": self.seed,
            }
        )
        return table
