"""Geant4 as the baseline: its time as a sample tells it, or measured in the same run.

There is one number for it: the median over the showers of one core's milliseconds per GeV of
primary energy. ``caloforge simulate`` writes it into the sample's record (the file itself is the
same whatever the machine), other files carry it as an attribute.
"""

import json
import math
from pathlib import Path
from statistics import median
from typing import Any

from caloforge.beam import Conditions
from caloforge.bench.report import Baseline
from caloforge.card import ModelCard
from caloforge.errors import InputError
from caloforge.io import ShowerFile, open_showers
from caloforge.particle import may_be_same
from caloforge.provenance import array_digest
from caloforge.zoo import FOLDER, SAMPLE_SUFFIX

ATTRIBUTE = "geant4_ms_per_GeV"
"""Its name, as an attribute and in the record."""


def bundled_sample(card: ModelCard) -> Path | None:
    """The bundled Geant4 sample of such showers as the model makes, None if there is none."""
    for path in sorted(FOLDER.glob(f"*{SAMPLE_SUFFIX}")):
        with open_showers(path) as sample:
            of_model = may_be_same(sample.particle, card.particle)
            if of_model and card.fits(sample.detector, sample.window):
                return path
    return None


def recorded(sample: ShowerFile, conditions: Conditions, cores: int) -> Baseline:
    """The baseline for some conditions on some cores, from the time that a sample tells.

    Raises
    ------
    InputError
        if neither the sample nor a record beside it tells a time.
    """
    try:
        ms_per_gev = float(_told(sample))
    except (OSError, KeyError, TypeError, ValueError):
        ms_per_gev = math.nan
    if not ms_per_gev > 0 or math.isinf(ms_per_gev):
        msg = (
            f"{sample.path} does not record how long Geant4 took: neither in its attribute "
            f"{ATTRIBUTE} nor in the record of simulate beside it; give another sample"
        )
        raise InputError(msg)
    return Baseline(
        ms_per_gev=ms_per_gev, mean_energy_gev=float(conditions.energy.mean()),
        cores=cores, origin=f"recorded in {sample.path.name} (one core)",
    )  # fmt: skip


class LiveGeant4:
    """Geant4 here and now, a process a core: n showers, an equal part of them in every round."""

    def __init__(
        self, card: ModelCard, conditions: Conditions, n: int, cores: int, rounds: int
    ) -> None:
        from caloforge.simulate.source import Geant4Source

        self._source = Geant4Source(card.detector, card.window, card.particle, jobs=cores)
        self._conditions, self._n, self._cores, self._rounds = conditions, n, cores, rounds
        self._ms_per_gev: list[float] = []

    def simulate(self, number: int) -> None:
        """Simulate and time the part of a round."""
        first, stop = (self._n * part // self._rounds for part in (number, number + 1))
        if stop > first:
            _, summary = self._source.sample_timed(self._conditions[first:stop], seed=number)
            self._ms_per_gev.append(summary.ms_per_gev)

    @property
    def baseline(self) -> Baseline:
        """The median of the rounds so far."""
        return Baseline(
            ms_per_gev=median(self._ms_per_gev), cores=self._cores,
            mean_energy_gev=float(self._conditions.energy.mean()),
            origin=f"{self._n} showers in the same rounds",
        )  # fmt: skip


def _told(sample: ShowerFile) -> Any:
    """The attribute, or what the record of the very same showers says."""
    if ATTRIBUTE in sample.attributes:
        return sample.attributes[ATTRIBUTE]
    config = json.loads(sample.path.with_suffix(".record.json").read_text())["config"]
    same = config["conditions_digest"] == array_digest(sample.energy, sample.theta)
    return config[ATTRIBUTE] if same else math.nan
