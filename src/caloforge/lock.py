"""Locks that the kernel lets go of when their holder ends, however it ends."""

from __future__ import annotations

import fcntl
import time
from pathlib import Path
from typing import IO


def hold(path: Path, *, wait: float = 0.0) -> IO[str] | None:
    """Lock a file (made if it is missing) until the result is closed or this process ends.

    None if another process still holds it after ``wait`` seconds.  Works between machines where
    their file system carries ``flock`` (NFS 4, Lustre with ``flock``, GPFS).
    """
    stream = path.open("a")
    end = time.monotonic() + wait
    while True:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return stream
        except BlockingIOError:
            if time.monotonic() >= end:
                stream.close()
                return None
            time.sleep(min(0.05, wait))
