"""Ranks: the processes that train one network together, each on its part of every batch.

torch's elastic launcher starts them (``torchrun``, or :mod:`.launch` on one machine).  The global
batch, its latent vectors and labels are what one process would draw; each rank takes its rows, the
gradients are averaged by DDP and the statistics of batch norm are taken over all ranks.  So the
result depends on the number of ranks by rounding only.  In a single process every function here
gives back what it got.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.distributed_c10d import PrefixStore
from torch.distributed.rendezvous import rendezvous

from caloforge.errors import ConfigError, TrainingError
from caloforge.ranks.common_norm import share_statistics
from caloforge.ranks.cores import pin

TIMEOUT = timedelta(minutes=10)
"""A rank that is not heard of for so long is lost."""


def started_by_launcher() -> bool:
    """Whether this process is one of several (or of one) that an elastic launcher started."""
    return dist.is_torchelastic_launched()


@contextmanager
def joined(threads: int | None = None) -> Iterator[None]:
    """Take part as the rank that the launcher's environment says, on cores of its own.

    ``threads``: of this rank; as many as its cores by default.
    """
    if not started_by_launcher():
        if threads is not None:
            torch.set_num_threads(threads)
        yield
        return
    cores = pin(local_rank(), local_size())
    torch.set_num_threads(threads or cores)
    # The launcher's store outlives a restart: without a prefix, ranks would find the addresses of
    # those that died.
    store, number, total = next(rendezvous("env://", timeout=TIMEOUT))
    attempt = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
    store = PrefixStore(f"attempt {attempt}", store)
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    dist.init_process_group(backend, store=store, rank=number, world_size=total, timeout=TIMEOUT)
    try:
        yield
    finally:
        dist.destroy_process_group()


def rank() -> int:
    """Number of this process, 0 for the one that writes."""
    return dist.get_rank() if dist.is_initialized() else 0


def size() -> int:
    """How many processes train together."""
    return dist.get_world_size() if dist.is_initialized() else 1


def local_size() -> int:
    """How many of them run on this machine."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", "1"))


def local_rank() -> int:
    """Number of this process among those of its machine."""
    return int(os.environ.get("LOCAL_RANK", "0"))


def rows_of_rank(total: int) -> slice:
    """This rank's rows of a batch; :class:`ConfigError` where the ranks cannot share it."""
    part, rest = divmod(total, size())
    if rest:
        msg = f"a batch of {total} cannot be shared equally by {size()} ranks: choose a multiple"
        raise ConfigError(msg)
    return slice(rank() * part, (rank() + 1) * part)


def drawn(draw: Callable[[int], Tensor], part: int) -> Tensor:
    """This rank's ``part`` rows of what ``draw`` draws for the whole batch.

    All ranks draw the same, from torch's random state, which is the same on all of them.
    """
    if size() == 1:
        return draw(part)
    return draw(part * size())[rows_of_rank(part * size())]


@contextmanager
def random_state_of_rank() -> Iterator[None]:
    """Random numbers of this rank alone (for dropout); the common state is left as it was."""
    if size() == 1:
        yield
        return
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(torch.randint(2**31, ())) * size() + rank())
        yield


def wrapped(module: nn.Module, *, unused: bool = False) -> nn.Module:
    """The module with averaged gradients (DDP) and common batch norm; itself in one process.

    ``unused``: some parameters may take no part in the loss.
    """
    if size() == 1:
        return module
    share_statistics(module)
    return nn.parallel.DistributedDataParallel(
        module,
        forward_sync_buffers=False,
        gradient_as_bucket_view=True,
        find_unused_parameters=unused,
    )


def gathered(part: Tensor) -> Tensor:
    """The rows of all ranks, in their order; the parts must have one shape."""
    if size() == 1:
        return part
    parts = [torch.empty_like(part) for _ in range(size())]
    dist.all_gather(parts, part.contiguous())
    return torch.cat(parts)


def averaged(values: dict[str, float]) -> dict[str, float]:
    """Means over the ranks of values that all of them have."""
    if size() == 1:
        return values
    sums = torch.tensor(list(values.values()), dtype=torch.float64)
    dist.all_reduce(sums)
    return dict(zip(values, (sums / size()).tolist(), strict=True))


def average_gradients(parameters: list[nn.Parameter]) -> None:
    """Average gradients that no DDP module has averaged, in one message."""
    gradients = [p.grad for p in parameters if p.grad is not None]
    if size() == 1 or not gradients:
        return
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    dist.all_reduce(flat)
    for gradient, mean in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):  # type: ignore[no-untyped-call]
        gradient.copy_(mean.view_as(gradient) / size())


def from_first(make: Callable[[], Any]) -> Any:
    """What ``make`` gives on rank 0, on all ranks."""
    if size() == 1:
        return make()
    made = [make() if rank() == 0 else None]
    dist.broadcast_object_list(made)
    return made[0]


@contextmanager
def contact(last_good: Callable[[], str]) -> Iterator[None]:
    """Turn the loss of another rank into a :class:`TrainingError` that says where to go on."""
    try:
        yield
    except RuntimeError as problem:
        if size() == 1 or not _is_lost(problem):
            raise
        msg = f"rank {rank()} lost contact with the others; {last_good()}"
        raise TrainingError(msg) from None


def _is_lost(problem: RuntimeError) -> bool:
    text = str(problem)
    return isinstance(problem, dist.DistError) or any(
        sign in text for sign in ("gloo", "Connection ", "NCCL")
    )
