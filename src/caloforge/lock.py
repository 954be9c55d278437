"""Locks that the kernel lets go of when their holder ends, however it ends."""

from __future__ import annotations

import fcntl
import time
from pathlib import Path
from typing import IO

from caloforge.atomic import writing


def hold(path: Path, *, wait: float = 0.0) -> IO[str] | None:
    """Lock a file (made if it is missing) until the result is closed or this process ends.

    None if another process still holds it after ``wait`` seconds.  Works between machines where
    their file system carries ``flock`` (NFS 4, Lustre with ``flock``, GPFS).

    Raises
    ------
    OutputError
        if the file cannot be written, or its file system has no locks.
    """
    with writing(path):
        stream = path.open("a")
        try:
            if _locked(stream, time.monotonic() + wait):
                return stream
        except BaseException:
            stream.close()
            raise
        stream.close()
    return None


def _locked(stream: IO[str], end: float) -> bool:
    """Try to lock until the time ``end`` (monotonic seconds), at least once."""
    while True:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() >= end:
                return False
            time.sleep(0.05)
