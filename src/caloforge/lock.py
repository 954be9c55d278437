"""Locks that the kernel lets go of when their holder ends, however it ends."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from caloforge.errors import OutputError

NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
"""What a file system answers that has none."""


def hold(path: Path, *, wait: float = 0.0) -> IO[str] | None:
    """Lock a file (made if it is missing) until the result is closed or this process ends.

    None if another process still holds it after ``wait`` seconds.  Works between machines where
    their file system carries ``flock`` (NFS 4, Lustre with ``flock``, GPFS).

    Raises
    ------
    OutputError
        if the file cannot be written, or its file system has no locks.
    """
    try:
        return _hold(path, time.monotonic() + wait)
    except OSError as error:
        msg = f"cannot lock {path}: {error.strerror}"
        raise OutputError(msg) from None


@contextmanager
def claimed(path: Path, *, wait: float = 0.0) -> Iterator[None]:
    """Let no other process claim the output ``path`` meanwhile; ``PATH.lock`` is there so long.

    Where the file system has no locks, nothing is claimed.

    Raises
    ------
    OutputError
        if another process still claims it after ``wait`` seconds, or the folder cannot be written.
    """
    place = path.with_name(path.name + ".lock")
    try:
        stream = _hold(place, time.monotonic() + wait)
    except OSError as error:
        if error.errno not in NO_LOCKS:
            msg = f"cannot write {path}: {error.strerror}"
            raise OutputError(msg) from None
        place.unlink(missing_ok=True)
        yield
        return
    if stream is None:
        msg = f"cannot write {path}: another process is writing it"
        raise OutputError(msg)
    with stream:
        try:
            yield
        finally:
            place.unlink(missing_ok=True)


def _hold(path: Path, end: float) -> IO[str] | None:
    """Lock until the time ``end`` (monotonic seconds), at least once; OSError of the system."""
    while True:
        stream = path.open("a")
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_at(path, stream):
                return stream
        except BlockingIOError:
            if time.monotonic() >= end:
                stream.close()
                return None
            time.sleep(0.05)
        except BaseException:
            stream.close()
            raise
        stream.close()


def _is_at(path: Path, stream: IO[str]) -> bool:
    """Whether the open file is still the one of that name: who held it may have removed it."""
    try:
        return os.path.samestat(path.stat(), os.fstat(stream.fileno()))
    except FileNotFoundError:
        return False
