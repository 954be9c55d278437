"""A session's manners with events that Geant4 aborts, told by a Geant4 of a few lines."""

import numpy as np
import pytest

from caloforge.errors import SimulationError
from caloforge.simulate import Production
from caloforge.simulate.geometry import grid_of
from caloforge.simulate.session import MAX_ATTEMPTS, EventStart, Session, Simulated
from caloforge.typing import Float64Array, IntArray


class Event:
    """An event as the session reads it."""

    def __init__(self, number: int, aborted: bool) -> None:
        self.number, self.aborted = number, aborted

    def GetEventID(self) -> int:
        return self.number

    def IsAborted(self) -> bool:
        return self.aborted


class OneCell:
    """A calorimeter of which one cell holds energy after each event."""

    def __init__(self, production: Production) -> None:
        self.grid = grid_of(production.detector, production.window)

    def cells(self, event: Event) -> tuple[IntArray, Float64Array]:
        return np.array([0]), np.array([0.005])


class Manager:
    """Runs events; ``aborted`` are those that it aborts in each run, ``stops`` ends the first."""

    def __init__(self, session: Session, aborted: list[list[int]], stops: int) -> None:
        self.session, self.aborted, self.stops = session, aborted, stops
        self.starts: list[tuple[int, int]] = []

    def BeamOn(self, n: int) -> None:
        aborted = self.aborted.pop(0) if self.aborted else []
        for number in range(min(n, self.stops)):
            event = self.session._events[number]
            start = EventStart.of(self.session.production, event, self.session._attempt)
            self.starts.append((event, start.engine_seed))
            self.session.read(Event(number, event in aborted))
        self.stops = 100


def session_with(
    production: Production, aborted: list[list[int]], stops: int = 100
) -> tuple[Session, Manager]:
    session = Session.__new__(Session)
    session.production, session._started = production, 0.0
    session._calorimeter = OneCell(production)
    session._manager = manager = Manager(session, aborted, stops)
    return session, manager


def simulated(session: Session) -> dict[int, Simulated]:
    made: dict[int, Simulated] = {}
    session.simulate(np.arange(5), lambda event, shower: made.update({event: shower}))
    return made


def test_aborted_events_are_made_again_from_another_start_and_counted(
    toy_production: Production,
) -> None:
    session, manager = session_with(toy_production, [[1, 3], [3]])
    made = simulated(session)
    assert {event: shower.aborted for event, shower in made.items()} == {
        0: 0,
        2: 0,
        4: 0,
        1: 1,
        3: 2,
    }
    assert [event for event, _ in manager.starts] == [0, 1, 2, 3, 4, 1, 3, 3]
    assert len({seed for _, seed in manager.starts}) == len(manager.starts)


def test_events_that_an_aborted_run_never_came_to_are_made(toy_production: Production) -> None:
    session, _ = session_with(toy_production, [], stops=2)
    assert sorted(simulated(session)) == [0, 1, 2, 3, 4]


def test_an_event_that_is_always_aborted_is_one_line(toy_production: Production) -> None:
    session, _ = session_with(toy_production, [[2]] * MAX_ATTEMPTS)
    with pytest.raises(SimulationError, match=r"aborted event 2 \(.* GeV\) 4 times: is a slab of"):
        simulated(session)


def test_the_first_attempt_starts_as_ever(toy_production: Production) -> None:
    again = EventStart.of(toy_production, 3, attempt=1)
    assert EventStart.of(toy_production, 3) == EventStart.of(toy_production, 3, attempt=0) != again
    assert again == EventStart.of(toy_production, 3, attempt=1)
