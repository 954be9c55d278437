"""A worker process: simulates the shards that it is told to, one after the other.

Started as ``python -m caloforge.simulate.worker FD``, where FD is an inherited socket to the
parent. The first message it gets is a :class:`~caloforge.simulate.messages.Job`, then
tasks; it answers with messages of :mod:`~caloforge.simulate.messages`. What Geant4 prints
goes to the worker's log. When the parent dies, the worker ends at its next message.
"""

import sys
from multiprocessing.connection import Connection

import numpy as np

from caloforge.errors import CaloforgeError
from caloforge.simulate.messages import EventDone, Failed, Job, Ready, ShardDone, Task
from caloforge.simulate.session import Session, Simulated
from caloforge.simulate.shards import Shard


def simulate_shard(session: Session, task: Task, parent: Connection) -> None:
    """Simulate a shard, telling the parent of each event."""
    made: dict[int, Simulated] = {}

    def collect(event: int, simulated: Simulated) -> None:
        made[event] = simulated
        parent.send(EventDone(task.number))

    session.simulate(task.events, collect)
    showers = [made[int(event)] for event in task.events]
    Shard(
        task.events,
        [each.hits for each in showers],
        np.array([each.seconds for each in showers]),
        session.geant4_version,
        np.array([each.impact for each in showers], np.float32),
        sum(each.aborted for each in showers),
    ).save(task.path)
    parent.send(ShardDone(task.number))


def serve(parent: Connection) -> None:
    """Do what the parent says until it is gone."""
    try:
        job: Job = parent.recv()
        try:
            session = Session(job.production)
            parent.send(Ready())
            while True:
                simulate_shard(session, parent.recv(), parent)
        except CaloforgeError as error:
            parent.send(Failed(error))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return


if __name__ == "__main__":
    serve(Connection(int(sys.argv[1])))
