"""Outputs are written beside their place and renamed when they are whole."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from caloforge.errors import OutputError
from caloforge.lock import claimed

HDF5_FAILURE = re.compile(r"errno = \d+, error message = '([^']*)'")
"""What the HDF5 library says, in errors of several kinds, of a write that the system refused."""


PATIENCE = 60.0
"""Seconds that a small output waits for another process that is writing the same file."""


def partial_path(path: Path) -> Path:
    """Where an output is written until it is whole: ``out.h5`` -> ``out.h5.partial``."""
    return path.with_name(path.name + ".partial")


def check_writable(path: Path) -> None:
    """Refuse an output path before any work is spent on it.

    Raises
    ------
    OutputError
        if the folder does not exist or cannot be written, or the path is no place for a file.
    """
    folder = path.parent
    if not folder.is_dir():
        msg = f"cannot write {path}: the folder {folder} does not exist"
        raise OutputError(msg)
    if path.exists() and not path.is_file():
        kind = "a folder" if path.is_dir() else "a device"
        msg = f"cannot write {path}: it is {kind}, a file name is needed"
        raise OutputError(msg)
    try:
        probe = folder / f".{path.name}.probe"
        probe.touch()
        probe.unlink()
    except OSError as error:
        msg = f"cannot write {path}: {error.strerror or error}"
        raise OutputError(msg) from None


def check_room(path: Path, needed: int, what: str) -> None:
    """Refuse ``needed`` bytes of ``what`` (in the plural) that the disk has no room for.

    Raises
    ------
    OutputError
        naming what is needed and what is free.
    """
    free = shutil.disk_usage(path.parent).free
    if needed > free:
        msg = (
            f"cannot write {path}: {what} need {needed / 1e9:.2f} GB, "
            f"the disk has {free / 1e9:.2f} GB"
        )
        raise OutputError(msg)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn a full disk or a lost folder met while writing ``path`` into an OutputError."""
    try:
        yield
    except (OSError, RuntimeError) as error:
        failed = HDF5_FAILURE.search(str(error))
        if isinstance(error, RuntimeError) and failed is None:
            raise
        reason = failed[1] if failed else getattr(error, "strerror", None) or error
        msg = f"cannot write {path}: {reason}"
        raise OutputError(msg) from None


@contextmanager
def sole_writer(path: Path, *, wait: float = 0.0) -> Iterator[None]:
    """Be the only process that writes ``path``, which can be written.

    Raises
    ------
    OutputError
        as of :func:`check_writable` and :func:`caloforge.lock.claimed`.
    """
    check_writable(path)
    with claimed(path, wait=wait):
        yield


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a partial path to write to; rename it to ``path`` on success, remove it on failure.

    Raises
    ------
    OutputError
        if the output cannot be written, or another process goes on writing it.
    """
    partial = partial_path(path)
    with sole_writer(path, wait=PATIENCE):
        try:
            with writing(path):
                yield partial
                partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
