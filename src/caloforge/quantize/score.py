"""The physics that a quantized model is judged by: a score against Geant4 at fixed latents."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from caloforge.card import ModelCard
from caloforge.engine.latent import draw_latent
from caloforge.errors import InputError
from caloforge.io import ShowerFile
from caloforge.physics import observables
from caloforge.physics.distances import scaled_wasserstein, validation_number
from caloforge.physics.floor import floor_between_halves
from caloforge.scaling import HIT_THRESHOLDS_GEV
from caloforge.showers import Showers
from caloforge.turn import in_plane
from caloforge.typing import AnyArray, Float64Array, FloatArray

ITEM = 32
"""Showers that are run together; the unit that layers are ranked on."""
BOOTSTRAPS = 20

ScoreFunction = Callable[[FloatArray, FloatArray, AnyArray], float]


def spread_number(reference: FloatArray, generated: FloatArray, energy: AnyArray) -> float:
    """Mean Wasserstein distance of response, widths and hits in units of Geant4's spread."""
    pairs = zip(_features(reference, energy), _features(generated, energy), strict=True)
    return float(np.mean([scaled_wasserstein(first, second) for first, second in pairs]))


SCORES: dict[str, ScoreFunction] = {
    "validation_number": validation_number,
    "spread_number": spread_number,
}
"""What can drive the search; 0 is perfect."""


@dataclass(frozen=True)
class Judge:
    """Geant4 showers, and the latents that every candidate is run with at their conditions."""

    reference: Showers
    latent: FloatArray
    score: str = "validation_number"

    @property
    def items(self) -> list[slice]:
        """Rows that are run together."""
        return [slice(first, first + ITEM) for first in range(0, len(self.reference), ITEM)]

    def inputs(self, rows: slice) -> dict[str, FloatArray]:
        """The graph's inputs for some rows."""
        part = self.reference[rows]
        return {"latent": self.latent[rows], "energy": part.energy, "theta": part.theta}

    def number(self, cells: FloatArray, rows: slice | AnyArray = slice(None)) -> float:
        """The score of cells made for some rows; 0 is perfect."""
        reference = self.reference[rows]
        return SCORES[self.score](reference.cells, cells, reference.energy)

    def error(self, cells: FloatArray) -> float:
        """Bootstrap error of the score of cells (N, X, Y, Z) in GeV made for all rows."""
        rng, n = np.random.default_rng(1), len(self.reference)
        picks = [rng.integers(0, n, n) for _ in range(BOOTSTRAPS)]
        return float(np.std([self.number(cells[rows], rows) for rows in picks], ddof=1))

    def floor(self) -> tuple[float, float]:
        """The score between two halves of the reference: its mean and standard deviation."""
        reference = self.reference
        return floor_between_halves(SCORES[self.score], reference.cells, reference.energy)


def judge_from(sample: ShowerFile, card: ModelCard, showers: int, score: str) -> Judge:
    """The judge of a model: the first showers of a Geant4 sample inside the model's range.

    Raises
    ------
    DetectorError
        if the sample belongs to another detector than the model.
    InputError
        if the sample is of another particle or calibration, the score is unknown, or too few
        showers lie in the model's range.
    """
    if score not in SCORES:
        msg = f"score '{score}' is unknown: allowed are {', '.join(SCORES)}"
        raise InputError(msg)
    sample.check_model(card)
    read = sample.read(0, showers)
    known = in_plane(read.conditions, card.detector, where=sample.path)
    judge = judge_of(replace(read, theta=known.theta, phi=None), card, score)
    if len(judge.reference) < 2 * ITEM:
        low, high = card.energy_range_gev
        msg = (
            f"{sample.path} has {len(judge.reference)} showers in the model's range "
            f"{low:g}-{high:g} GeV: at least {2 * ITEM} are needed"
        )
        raise InputError(msg)
    return judge


def judge_of(showers: Showers, card: ModelCard, score: str = "validation_number") -> Judge:
    """Those of the showers that lie inside the model's range, with latents for each."""
    low, high = card.energy_range_gev
    reference = showers[(showers.energy >= low) & (showers.energy <= high)]
    latent = draw_latent(card.latent, seed=1, start=0, stop=len(reference))
    return Judge(reference, latent, score)


def _features(cells: FloatArray, energy: AnyArray) -> list[Float64Array]:
    widths = [observables.width(observables.profile(cells, axis)) for axis in observables.AXES]
    hits = np.log1p(observables.hits_above(cells, HIT_THRESHOLDS_GEV[2]))
    return [observables.response(cells, energy), *widths, hits]
