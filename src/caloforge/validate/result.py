"""What validate finds: scores with errors, floors and verdicts, and what figures need besides."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal

from caloforge.validate.classifier import Classification
from caloforge.validate.nearest import NearestDistances

Verdict = Literal["pass", "floor", "near", "fail", "undecided"]
Level = Literal["quick", "full"]
VERDICTS: tuple[Verdict, ...] = ("pass", "floor", "near", "fail", "undecided")


@dataclass(frozen=True)
class JudgedMeasure:
    """One measure of generated against reference, beside reference against reference.

    Numbers are NaN where the samples leave the measure undefined.
    """

    name: str
    title: str
    meaning: str
    value: float
    error: float
    floor: float
    floor_error: float
    excess_error: float
    """Error of value - floor, which share a half of the reference."""
    ideal: float
    limits: tuple[float, float]
    """Largest distances from the ideal that pass, and that are near."""
    showers: int
    """Showers a side."""
    verdict: Verdict
    below_only: bool = False
    """Whether only values below the ideal are bad."""

    @property
    def limit_text(self) -> str:
        """The limit in words: "< 0.6", "> 0.95", "1 ± 0.05"."""
        good = self.limits[0]
        if self.below_only:
            return f"> {self.ideal - good:g}"
        if self.ideal == 1:
            return f"{self.ideal:g} ± {good:g}"
        return f"< {self.ideal + good:g}"


@dataclass(frozen=True)
class ValidationResult:
    """All that validate found; `to_dict` is what metrics.json holds."""

    scores: tuple[JudgedMeasure, ...]
    notes: tuple[str, ...]
    samples: dict[str, dict[str, Any]]
    response: list[dict[str, float]]
    angles: list[dict[str, float]]
    """Response and measured angle in bins of theta; empty where theta does not vary."""
    spread: dict[str, float]
    high_level: Classification
    low_level: Classification
    floors: dict[str, Classification]
    """What the classifiers of "high" and "low" level find between halves of the reference."""
    nearest: NearestDistances
    seed: int
    level: Level

    def __getitem__(self, name: str) -> JudgedMeasure:
        """The score called `name`."""
        return next(score for score in self.scores if score.name == name)

    def count(self, verdict: Verdict) -> int:
        """How many scores have this verdict."""
        return sum(score.verdict == verdict for score in self.scores)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; None is what is not defined (NaN)."""
        classifiers = {"high": self.high_level, "low": self.low_level}
        table = {
            "scores": {s.name: {**asdict(s), "limits": list(s.limits)} for s in self.scores},
            "verdicts": {verdict: self.count(verdict) for verdict in VERDICTS},
            "notes": list(self.notes),
            "samples": self.samples,
            "response_by_energy": self.response,
            "by_angle": self.angles,
            "spread_by_feature": self.spread,
            "classifiers": {
                name: {**_numbers(found), "floor": _numbers(self.floors[name])}
                for name, found in classifiers.items()
            },
            "seed": self.seed,
            "level": self.level,
        }
        plain: dict[str, Any] = without_nan(table)
        return plain


def _numbers(found: Classification) -> dict[str, list[float]]:
    return {"auc": found.auc.tolist(), "jensen_shannon": found.divergence.tolist()}


def without_nan(value: Any) -> Any:
    """The same with None for every number that JSON does not know."""
    if isinstance(value, dict):
        return {key: without_nan(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [without_nan(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
