"""Damaged HDF5 files: bytes of good ones changed, and whether a reader survives them."""

import random
import resource
import sys
from collections.abc import Iterator
from pathlib import Path

SECONDS, BYTES = 60, 4 * 2**30
"""What reading one damaged file may take."""


def mutant(good: bytes, seed: int) -> bytes:
    """A good file with a few of its bytes changed, cut out, doubled or cut off.

    Half of the changes fall into the first kilobytes and the last, where HDF5 keeps its own.
    """
    rng = random.Random(seed)
    data = bytearray(good)
    for _ in range(rng.choice([1, 1, 1, 2, 4, 16])):
        if not data:
            break
        place = rng.randrange(len(data))
        if rng.random() < 0.5:
            place = rng.choice([rng.randrange(min(4096, len(data))), -rng.randrange(1, 1024)])
            place %= len(data)
        kind = rng.random()
        if kind < 0.45:
            data[place] = rng.randrange(256)
        elif kind < 0.7:
            data[place] ^= 1 << rng.randrange(8)
        elif kind < 0.85:
            value = rng.choice([0, 1, 2**31, 2**63, 2**64 - 1, len(data)])
            data[place : place + 8] = value.to_bytes(8, "little")
        elif kind < 0.95:
            del data[place : place + rng.randrange(1, 64)]
        else:
            del data[max(place, 1) :]
    return bytes(data)


def read_all(paths: Iterator[Path]) -> None:
    """Run ``caloforge info`` on each file; print its name and how it ended."""
    from caloforge.cli.app import main

    resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
    for path in paths:
        print("begin", path.name, flush=True)
        try:
            main(["info", str(path)])
        except SystemExit as ended:
            print("ended", path.name, ended.code, flush=True)


if __name__ == "__main__":
    read_all(Path(name) for name in sys.argv[1:])
