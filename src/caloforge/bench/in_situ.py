"""A model inside a Geant4 event loop beside full simulation of the same particles."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Self

import numpy as np

from caloforge.bench.in_situ_observables import Agreement, compare, observables
from caloforge.bench.report import Machine
from caloforge.card import ModelCard
from caloforge.config import FrozenModel
from caloforge.engine import read_card
from caloforge.engine.choose import chosen_runtime
from caloforge.errors import InputError
from caloforge.hit_arrays import HitArrays
from caloforge.ranges import draw
from caloforge.simulate.data import choose_data
from caloforge.simulate.in_situ.events import Events, SimulatedEvents
from caloforge.simulate.in_situ.process import LoopProcess, loop_process
from caloforge.simulate.request import Production
from caloforge.simulate.tables import cache_folder
from caloforge.turn import leans_aslant
from caloforge.typing import FloatArray
from caloforge.units import degree

FAST_EVENTS = 20
"""Events of the fast loop for each of the full one."""
WARM_UP = 50
"""Events of the fast loop before it is timed."""
OnStep = Callable[[str], None]


class LoopTiming(FrozenModel):
    """Milliseconds of processor time an event: the median of rounds, the fastest, the slowest."""

    median_ms: float
    low_ms: float
    high_ms: float
    events: int

    @classmethod
    def of(cls, each_ms: FloatArray, events: int) -> Self:
        """From the time an event in each round."""
        return cls(
            median_ms=float(np.median(each_ms)), low_ms=float(each_ms.min()),
            high_ms=float(each_ms.max()), events=events,
        )  # fmt: skip

    @property
    def events_per_second(self) -> float:
        """On one core."""
        return 1e3 / self.median_ms


class InSituReport(FrozenModel):
    """What an in-situ run found.

    ``speed_up`` is full over fast in each round: median, lowest, highest. ``taken`` is the part of
    the particles that the model took over; the others were Geant4's.
    """

    machine: Machine
    model: str
    runtime: str
    energy: str
    theta: str
    phi: str | None = None
    particles: int
    full: LoopTiming
    fast: LoopTiming
    speed_up: tuple[float, float, float]
    taken: float
    agreement: tuple[Agreement, ...]


def request_events(
    card: ModelCard,
    energy: str | None,
    theta: str | None,
    phi: str | None = None,
    *,
    n: int,
    particles: int,
    seed: int,
) -> Events:
    """So many events of the model's particle, of energies and angles as of caloforge.ranges.draw.

    Where energy or theta is None, those of the model's range. Raises as of :class:`Events`,
    Production and draw.
    """
    low, high = card.energy_range_gev
    angles = [angle / degree for angle in card.theta_range_rad]
    energy = f"{low:g}:{high:g}" if energy is None else energy
    theta = f"{angles[0]:.6g}:{angles[1]:.6g}" if theta is None else theta
    conditions = draw(n * particles, energy, theta, phi, seed=seed)
    data = choose_data("auto", cache_folder(), card.detector)
    production = Production(
        card.detector, card.window, card.particle, conditions, seed, data
    )  # fmt: skip
    return Events.drawn(production, particles)


def bench_in_situ(
    model: Path,
    *,
    energy: str | None = None,
    theta: str | None = None,
    phi: str | None = None,
    n: int = 60,
    particles: int = 1,
    rounds: int = 3,
    runtime: str = "auto",
    seed: int = 0,
    on_step: OnStep = lambda what: None,
) -> InSituReport:
    """Simulate n events fully, FAST_EVENTS as many with the model, in turns; one core.

    The loops share nothing: each has a process. Compared are the events that both simulate.

    Raises
    ------
    InputError
        if there are fewer events than rounds.
    MissingExtraError
        if geant4_pybind or the runtime is not installed.
    SimulationError
        if Geant4 gives up.
    """
    if n < rounds:
        msg = f"{rounds} rounds need at least as many events, got {n}"
        raise InputError(msg)
    card = read_card(model)
    events = request_events(
        card, energy, theta, phi, n=FAST_EVENTS * n, particles=particles, seed=seed
    )
    aslant = card.takes_phi and leans_aslant(events.production.conditions, card.detector)
    runtime = chosen_runtime(runtime, card, aslant=aslant)
    on_step("starting Geant4")
    with loop_process(events, model, runtime) as fast, loop_process(events) as full:
        fast.run(0, min(WARM_UP, len(events)))
        slow_runs, fast_runs = _rounds(full, fast, n, rounds, on_step)
    conditions, rows = events.production.conditions, n * particles
    compared = [observables(_first(joined(runs), n), events) for runs in (slow_runs, fast_runs)]
    full_ms, fast_ms = (np.array([_ms(run) for run in runs]) for runs in (slow_runs, fast_runs))
    ratio = full_ms / fast_ms
    taken = sum(run.taken for run in fast_runs)
    return InSituReport(
        machine=Machine.here(), model=card.name, runtime=runtime,
        energy=_range(conditions.energy[:rows]), theta=_range(conditions.theta[:rows] / degree),
        phi=None if conditions.phi is None else _range(conditions.phi[:rows] / degree),
        particles=particles,
        full=LoopTiming.of(full_ms, n), fast=LoopTiming.of(fast_ms, len(events)),
        speed_up=(float(np.median(ratio)), float(ratio.min()), float(ratio.max())),
        taken=taken / len(conditions), agreement=compare(*compared),
    )  # fmt: skip


def _rounds(
    full: LoopProcess, fast: LoopProcess, n: int, rounds: int, on_step: OnStep
) -> tuple[list[SimulatedEvents], list[SimulatedEvents]]:
    """All events, a part of them in each round."""
    slow_runs, fast_runs = [], []
    ends = np.linspace(0, n, rounds + 1).astype(int).tolist()
    for number, (first, stop) in enumerate(pairwise(ends)):
        on_step(f"round {number + 1} of {rounds}")
        fast_runs.append(fast.run(FAST_EVENTS * first, FAST_EVENTS * stop))
        slow_runs.append(full.run(first, stop))
    return slow_runs, fast_runs


def joined(runs: list[SimulatedEvents]) -> HitArrays:
    """The hits of runs one after the other."""
    counts = np.concatenate([np.diff(run.hits.offsets) for run in runs])
    return HitArrays(
        np.concatenate([[0], np.cumsum(counts)]),
        np.concatenate([run.hits.cell for run in runs]),
        np.concatenate([run.hits.cell_energy for run in runs]),
    )


def _first(hits: HitArrays, n: int) -> HitArrays:
    stop = int(hits.offsets[n])
    return HitArrays(hits.offsets[: n + 1], hits.cell[:stop], hits.cell_energy[:stop])


def _ms(run: SimulatedEvents) -> float:
    return 1e3 * run.seconds / (len(run.hits.offsets) - 1)


def _range(values: FloatArray) -> str:
    low, high = float(values.min()), float(values.max())
    return f"{low:.4g}" if np.isclose(low, high) else f"{low:.3g}-{high:.3g}"
