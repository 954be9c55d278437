"""Which cores of a machine a rank computes on: whole cores, and one NUMA domain where it fits."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

NODES = Path("/sys/devices/system/node")
CPUS = Path("/sys/devices/system/cpu")


def pin(place: int, places: int) -> int:
    """Bind this process to its share of the cores; returns how many cores these are."""
    share = shares(_cores(sorted(os.sched_getaffinity(0))), places)[place]
    os.sched_setaffinity(0, {cpu for core in share for cpu in core})
    return len(share)


def shares(cores: Sequence[tuple[int, ...]], places: int) -> list[Sequence[tuple[int, ...]]]:
    """Cut cores, which lie in the order of their NUMA domains, into equal neighbourhoods.

    With more places than cores, several places share one.

    >>> shares([(0, 4), (1, 5), (2, 6), (3, 7)], 2)
    [[(0, 4), (1, 5)], [(2, 6), (3, 7)]]
    >>> shares([(0,), (1,)], 4)
    [[(0,)], [(0,)], [(1,)], [(1,)]]
    """
    count = len(cores)
    if places > count:
        return [cores[i * count // places : i * count // places + 1] for i in range(places)]
    part = count // places
    return [cores[i * part : (i + 1) * part] for i in range(places)]


def _cores(cpus: Sequence[int]) -> list[tuple[int, ...]]:
    """The physical cores of the given CPUs (each with its hardware threads), by NUMA domain."""
    siblings = {
        tuple(
            c for c in _listed(CPUS / f"cpu{cpu}/topology/thread_siblings_list", cpu) if c in cpus
        )
        for cpu in cpus
    }
    domain = {
        cpu: index
        for index, node in enumerate(sorted(NODES.glob("node[0-9]*")))
        for cpu in _listed(node / "cpulist")
    }
    return sorted(siblings, key=lambda core: (domain.get(core[0], 0), core))


def _listed(path: Path, otherwise: int | None = None) -> list[int]:
    """CPUs in a kernel list such as ``0-3,8``."""
    try:
        text = path.read_text().strip()
    except OSError:
        return [] if otherwise is None else [otherwise]
    return parse_list(text)


def parse_list(text: str) -> list[int]:
    """Numbers in the kernel's notation of lists.

    >>> parse_list("0-2,8")
    [0, 1, 2, 8]
    """
    numbers: list[int] = []
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        numbers += range(int(first), int(last or first) + 1)
    return numbers
