"""Ranks and torch's elastic launcher, which ``torchrun`` is and which :func:`launch` uses."""

from __future__ import annotations

import logging
import os
import signal
import sys
import uuid
from collections.abc import Callable
from typing import Any

from torch.distributed.elastic.multiprocessing.api import SignalException
from torch.distributed.elastic.multiprocessing.errors import (
    ChildFailedError,
    ProcessFailure,
    record,
)
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from caloforge.errors import CaloforgeError, InputError, TrainingError
from caloforge.provenance import available_cores
from caloforge.ranks.group import started_by_launcher


def run(ranks: int, work: Callable[..., None], *arguments: Any) -> None:
    """Run ``work(*arguments)`` in so many processes here, or as the part of this one.

    Errors as of :func:`launch` and :func:`taking_part`.
    """
    if ranks > 1:
        launch(ranks, work, *arguments)
    else:
        taking_part(work, *arguments)


def launch(ranks: int, work: Callable[..., None], *arguments: Any) -> None:
    """Run ``work(*arguments)`` in so many processes on this machine.

    Raises :class:`TrainingError` with the message of the first rank that failed, or the signal that
    ended it, and :class:`InputError` for more ranks than cores.
    """
    cores = available_cores()
    if ranks > cores:
        msg = f"{ranks} ranks on {cores} cores would only wait for each other: at most one a core"
        raise InputError(msg)
    os.environ.setdefault("OMP_NUM_THREADS", str(cores // ranks))
    for name in ("torch.distributed.elastic", "torch.multiprocessing.spawn"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=ranks,
        run_id=uuid.uuid4().hex,
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        max_restarts=0,
        monitor_interval=0.2,
    )
    try:
        elastic_launch(config, _rank)(work, *arguments)
    except ChildFailedError as problem:
        raise TrainingError(_cause(*problem.get_first_failure())) from None
    except SignalException as problem:
        if problem.sigval == signal.SIGINT:
            raise KeyboardInterrupt from None
        msg = f"the training was ended by {problem.sigval.name}; the same command goes on"
        raise TrainingError(msg) from None


def _rank(work: Callable[..., None], *arguments: Any) -> None:
    """One of the processes: Ctrl-C ends it at once, the launcher tells the user."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    work(*arguments)


def taking_part(work: Callable[..., None], *arguments: Any) -> None:
    """Run ``work(*arguments)`` in this process, which a launcher may have started.

    The launcher is told why it failed; of several ranks only the first says it to the user.
    """
    if not started_by_launcher():
        work(*arguments)
        return
    try:
        record(work)(*arguments)
    except CaloforgeError:
        if os.environ["RANK"] == "0":
            raise
        sys.exit(1)


def _cause(rank: int, failure: ProcessFailure) -> str:
    if failure.exitcode < 0:
        return f"rank {rank} was ended by {failure.signal_name()}; the same command goes on"
    data = failure.error_file_data.get("message", failure.message)
    text = data["message"] if isinstance(data, dict) else data
    return str(text).partition("Error: ")[2] or str(text)
