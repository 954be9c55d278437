"""What a benchmark found, as plain data that is written as JSON."""

import platform
from typing import Self

import numpy as np

from caloforge.config import FrozenModel
from caloforge.engine.capability import Capabilities
from caloforge.provenance import available_cores, cpu_name, versions


class Timing(FrozenModel):
    """Milliseconds a shower: the median of repeats, the fastest and the slowest of them."""

    median_ms: float
    low_ms: float
    high_ms: float
    repeats: int
    showers: int

    @classmethod
    def of(cls, seconds: list[float], showers: int) -> Self:
        """From the seconds that each repeat took for so many showers.

        >>> Timing.of([2.0, 1.0, 4.0], showers=1000).median_ms
        2.0
        """
        each = 1e3 * np.array(seconds) / showers
        return cls(
            median_ms=float(np.median(each)), low_ms=float(each.min()),
            high_ms=float(each.max()), repeats=len(seconds), showers=showers,
        )  # fmt: skip

    def __str__(self) -> str:
        half_spread = (self.high_ms - self.low_ms) / 2 / self.median_ms
        return f"{self.median_ms:.3g} ±{half_spread:.0%}"


class Machine(FrozenModel):
    """Where a benchmark ran."""

    cpu: str
    cores: int
    capabilities: str
    system: str
    versions: dict[str, str]

    @classmethod
    def here(cls) -> Self:
        """This machine, with the cores that this process may use."""
        return cls(
            cpu=cpu_name(), cores=available_cores(), system=platform.platform(),
            capabilities=str(Capabilities.of_this_cpu()), versions=versions(),
        )  # fmt: skip


class Baseline(FrozenModel):
    """Geant4 on the same number of cores, each of them simulating showers of its own."""

    ms_per_gev: float
    mean_energy_gev: float
    cores: int
    origin: str

    @property
    def ms(self) -> float:
        """Milliseconds a shower at the mean energy, on all the cores."""
        return self.ms_per_gev * self.mean_energy_gev / self.cores


class Row(FrozenModel):
    """One way to make showers. Times include drawing the random numbers.

    ``layout`` is what is made and written: ``gan3d`` all cells, ``hits`` those that are hit.
    """

    source: str
    runtime: str
    format: str
    streams: int
    threads: int
    batch: int
    layout: str = "gan3d"
    alone: Timing
    to_disk: Timing | None = None
    bytes_a_shower: float | None = None
    validation_number: float | None = None
    kilojoules_per_million: float | None = None


class Report(FrozenModel):
    """A benchmark: the machine, the Geant4 baseline and a row for each source."""

    machine: Machine
    energy: str
    geant4: Baseline | None
    floor: float | None = None
    """The validation number between two halves of the Geant4 sample."""
    rows: tuple[Row, ...]

    def speed_up(self, timing: Timing | None) -> float | None:
        """How many times faster than Geant4 on the same cores."""
        if self.geant4 is None or timing is None:
            return None
        return self.geant4.ms / timing.median_ms
