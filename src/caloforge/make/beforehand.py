"""What is known before the work begins: the window, and what all will cost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from caloforge.atomic import check_room
from caloforge.config import FrozenModel
from caloforge.make.cost import disk_bytes, simulation_seconds, training_seconds
from caloforge.make.data import EDGE_SHARE, edge_share, some_showers
from caloforge.make.journal import StepJournal
from caloforge.make.probe import CONTAINED, HANDFUL, check_empty, empty_share, probe
from caloforge.make.recipe import first_recipe
from caloforge.make.request import MakeRequest

NOTE = "beforehand"


class Beforehand(FrozenModel):
    """What a handful of showers said.

    Attributes
    ----------
    window, shape : the image that is cut out, its cells (X, Y, Z).
    contained : share of the energy in it, None where it cannot be told.
    enough : pads in x and y that would hold CONTAINED, None where the window does.
    edge : share of the energy in the outermost pads.
    empty : share of showers without energy in any cell.
    seconds_per_gev : of one core, for a GeV of primary energy; 0 where nothing is simulated.
    simulation, training : seconds that they will take.
    disk : bytes of the samples.
    """

    window: str
    shape: tuple[int, int, int]
    contained: float | None
    enough: tuple[int, int] | None
    edge: float
    empty: float
    seconds_per_gev: float
    simulation: float
    training: float
    disk: int

    def lines(self, request: MakeRequest) -> Iterator[str]:
        """What the user should know before it begins."""
        size = " x ".join(map(str, self.shape))
        held = "" if self.contained is None else f", which holds {self.contained:.1%} of the energy"
        yield (
            f"{request.detector.name}: {request.showers} showers of {request.particle}, "
            f"{request.held_out} of them held out; window {self.window} of {size} cells{held}"
        )
        if self.enough is not None:
            cells = "rings and sectors" if request.detector.readout == "cylinder" else "pads"
            enough = f"{self.enough[0]} x {self.enough[1]} {cells}"
            lost = 1.0 - float(self.contained or 0.0)
            yield (
                f"note: {lost:.1%} of the energy leaks out of the window, and the model will not "
                f"know of it: {enough} hold {CONTAINED:.0%} (windows.NAME.shape in the TOML)"
            )
        elif self.contained is None and self.edge > EDGE_SHARE:
            yield (
                f"note: {self.edge:.1%} of the energy lies in the outermost cells: "
                "the image cuts the showers off"
            )
        if self.empty:
            yield f"note: {self.empty:.0%} of the showers are empty; the model makes none such"
        minutes = f"training about {in_words(self.training)}"
        if self.simulation:
            minutes = f"simulation about {in_words(self.simulation)}, {minutes}"
        yield (
            f"cost: {minutes}, a minute or two to export and judge; "
            f"{self.disk / 1e6:.0f} MB of disk"
        )


def look_beforehand(request: MakeRequest, journal: StepJournal, jobs: int) -> Beforehand:
    """Look at a handful of showers, unless the folder's journal knows what they said.

    Raises
    ------
    InputError
        if most showers are empty.
    OutputError
        if the disk has no room.
    """
    known: Any = journal.recall(NOTE)
    if known is None:
        found = _of_data(request) if request.data is not None else _of_simulation(request, jobs)
        journal.remember(NOTE, found.model_dump(mode="json"))
        check_room(journal.path, found.disk, "the samples")
        return found
    return Beforehand.model_validate(known)


def _of_simulation(request: MakeRequest, jobs: int) -> Beforehand:
    found, showers = probe(request, jobs)
    n = request.showers
    return Beforehand(
        window=found.window, shape=showers.cell_shape, contained=found.contained,
        enough=found.enough, edge=edge_share(showers), empty=found.empty,
        seconds_per_gev=found.seconds_per_gev,
        simulation=simulation_seconds(request, n, found.seconds_per_gev, jobs),
        training=training_seconds(first_recipe(request, showers), showers, request.training),
        disk=disk_bytes(request, showers.cell_shape),
    )  # fmt: skip


def _of_data(request: MakeRequest) -> Beforehand:
    assert request.data is not None
    showers = some_showers(request.data, request.detector, 4 * HANDFUL)
    empty = empty_share(showers)
    check_empty(empty, request)
    return Beforehand(
        window=showers.window, shape=showers.cell_shape, contained=None, enough=None,
        edge=edge_share(showers), empty=empty, seconds_per_gev=0.0, simulation=0.0,
        training=training_seconds(first_recipe(request, showers), showers, request.training),
        disk=disk_bytes(request, showers.cell_shape),
    )  # fmt: skip


def in_words(seconds: float) -> str:
    """A time as people say it."""
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"
