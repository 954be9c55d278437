"""Where a training computes: on the processor, or on a GPU."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import torch

from caloforge.errors import ConfigError
from caloforge.networks.objective import Batch, ObjectiveOptions
from caloforge.ranks import group
from caloforge.typing import AskedDevice


def chosen_device(asked: AskedDevice, objective: ObjectiveOptions) -> str:
    """The string "cpu" or "cuda"; ``auto`` is a GPU where there is one that the objective can use.

    Of several ranks on a machine each takes a GPU of its own.

    Raises
    ------
    ConfigError
        if there is no GPU, or the objective has no use for one.
    """
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if asked == "cpu" or (asked == "auto" and not (gpus and "cuda" in objective.devices)):
        return "cpu"
    if "cuda" not in objective.devices:
        msg = f"'{objective.name}' trains on the processor only: --device cpu or auto"
        raise ConfigError(msg)
    if gpus < group.local_size():
        msg = f"--device cuda needs a GPU a rank, got {gpus} for {group.local_size()}"
        raise ConfigError(msg)
    torch.cuda.set_device(group.local_rank())
    # Batches are of one shape: the fastest kernels for it are sought.
    torch.backends.cudnn.benchmark = True
    return "cuda"


def on_device(batches: Iterator[Batch], device: str) -> Iterator[Batch]:
    """The batches where they are trained on; for a GPU, each is made while the one before it is
    used."""
    if device == "cpu":
        yield from batches
        return

    def following() -> Batch | None:
        batch = next(batches, None)
        return None if batch is None else batch.to_gpu()

    gpu = torch.cuda.current_device()
    with ThreadPoolExecutor(1, initializer=torch.cuda.set_device, initargs=(gpu,)) as maker:
        coming = maker.submit(following)
        while (batch := coming.result()) is not None:
            coming = maker.submit(following)
            yield batch
