"""HDF5 files as others leave them: every fault of the library is one line that names the file.

Datasets are read in blocks of bounded bytes, whatever their shape and chunks.
"""

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from caloforge.errors import CaloforgeError, InputError
from caloforge.io.sources import missing_source
from caloforge.typing import AnyArray

BLOCK_BYTES = 64 * 2**20
"""Most bytes of a dataset, as they are once read, that are taken at a time."""

LARGEST_PART = 2**29
"""Bytes of one row, or of one compressed chunk: the library holds either whole."""

LOCK_ERROR = re.compile(r"unable to lock file, errno = (\d+)")
LOCKED = (errno.EAGAIN, errno.EACCES)
"""What a file system says of a file that another process has locked; anything else it says of a
lock means that it has none (NFS without lockd, Lustre without flock, read-only mounts)."""


@contextmanager
def reading(path: Path, what: str) -> Iterator[None]:
    """Turn whatever the HDF5 library raises of ``what`` in a damaged file into an InputError.

    It raises nearly every kind: OSError, RuntimeError, KeyError, ValueError, TypeError, ...
    """
    try:
        yield
    except CaloforgeError:
        raise
    except Exception as error:
        said = str(error).strip().splitlines()
        msg = f"{path} is damaged: {what} cannot be read: {said[0] if said else error!r}"
        raise InputError(msg) from None


def open_hdf5(path: Path) -> Any:
    """Open an HDF5 file for reading, without a lock where the file system has none.

    Raises
    ------
    InputError
        if it is missing, empty, damaged, locked by a writer, or no HDF5 file.
    """
    if not path.exists():
        msg = f"{path} does not exist"
        raise InputError(msg)
    if not path.is_file():
        kind = "a folder" if path.is_dir() else "no regular file"
        msg = f"{path} is {kind}; a sample is an HDF5 file"
        raise InputError(msg)
    if path.stat().st_size == 0:
        msg = f"{path} is empty"
        raise InputError(msg)
    try:
        try:
            return h5py.File(path, "r")
        except OSError as error:
            refused = LOCK_ERROR.search(str(error))
            if refused is None or int(refused[1]) in LOCKED:
                raise
            return h5py.File(path, "r", locking=False)
    except Exception as error:
        msg = f"{path} {_problem(path, error)}"
        raise InputError(msg) from None


def _problem(path: Path, error: Exception) -> str:
    if isinstance(error, PermissionError) or "Permission denied" in str(error):
        return "cannot be read: permission denied"
    if "unable to lock" in str(error):
        return "is being written by another program"
    with open(path, "rb") as stream:
        signed = b"\x89HDF\r\n\x1a\n" in stream.read(2**16)
    damaged = "truncated" in str(error) or signed
    return "is a damaged or truncated HDF5 file" if damaged else "is not an HDF5 file"


class Column:
    """A dataset of a file, one row a shower; its rows are read in blocks.

    Raises
    ------
    InputError
        if it holds no numbers (``numbers``), its sources are gone, or a row or compressed chunk of
        it is larger than memory should be.
    """

    def __init__(self, path: Path, name: str, dataset: Any, *, numbers: bool = True) -> None:
        self.path, self.name, self._dataset = path, name, dataset
        with reading(path, name):
            self.shape: tuple[int, ...] = tuple(int(n) for n in dataset.shape or ())
            self.dtype = dataset.dtype
            self.chunks = dataset.chunks
            self.compression = str(dataset.compression or "none")
            filtered = dataset.id.get_create_plist().get_nfilters() > 0
            gone = missing_source(path, dataset)
        if gone is not None:
            msg = f"{path}: {name} takes its values from {gone}, which is not there"
            raise InputError(msg)
        if numbers:
            self._check_numbers()
        chunk = int(np.prod(self.chunks, dtype=float)) if self.chunks and filtered else 0
        largest = max(self.row_bytes, chunk * self.dtype.itemsize)
        if largest > LARGEST_PART:
            what = "row" if largest == self.row_bytes else "compressed chunk"
            msg = (
                f"{path}: a {what} of {name} has {largest / 2**30:.3g} GB: at most "
                f"{LARGEST_PART / 2**30:g} GB can be read at a time (h5repack makes smaller chunks)"
            )
            raise InputError(msg)

    def _check_numbers(self) -> None:
        if self.dtype.kind not in "fiu" or not self.shape:
            what = f"{self.dtype} of shape {self.shape}"
            if self.dtype.kind == "b":
                what = f"{what} (a mask, no energies)"
            msg = f"{self.path}: {self.name} must be numbers, one a shower, got {what}"
            raise InputError(msg)

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def row_bytes(self) -> int:
        """Bytes of one row in memory."""
        return int(np.prod(self.shape[1:], dtype=float)) * max(int(self.dtype.itemsize), 4)

    def read(self, start: int = 0, stop: int | None = None) -> AnyArray:
        """Rows ``start`` to ``stop`` as they are stored; InputError where they are damaged."""
        with reading(self.path, f"{self.name}, rows {start}-{stop or len(self)},"):
            return np.asarray(self._dataset[start:stop])

    def blocks(self) -> Iterator[AnyArray]:
        """All rows, in blocks of at most BLOCK_BYTES; errors as of read."""
        rows = max(1, BLOCK_BYTES // max(self.row_bytes, 1))
        for start in range(0, len(self), rows):
            yield self.read(start, min(start + rows, len(self)))


class Hdf5File:
    """An HDF5 file opened for reading; errors as of :func:`open_hdf5`."""

    def __init__(self, path: Path) -> None:
        self.path, self._file = path, open_hdf5(path)
        try:
            with reading(path, "its list of datasets"):
                self.names = sorted(printable(name) for name in self._file)
            self.attributes = dict(self._attributes())
        except BaseException:
            self.close()
            raise

    def _attributes(self) -> Iterator[tuple[str, Any]]:
        """What can be read of the attributes, as plain values."""
        with reading(self.path, "its list of attributes"):
            names = list(self._file.attrs)
        for name in names:
            try:
                value = self._file.attrs[name]
            except Exception:  # of a kind that the library cannot give: not ours to read
                continue
            yield name, _plain(value)

    def __contains__(self, name: str) -> bool:
        with reading(self.path, name):
            return isinstance(self._file.get(name), h5py.Dataset)

    def shape(self, name: str) -> tuple[int, ...] | None:
        """The shape of a dataset, None where there is none of that name."""
        if name not in self:
            return None
        with reading(self.path, name):
            return tuple(self._file[name].shape or ())

    def column(self, name: str, *, numbers: bool = True) -> Column:
        """A dataset; InputError if there is none, and as of Column."""
        if name not in self:
            msg = f"{self.path} has no dataset '{name}'; it holds: {', '.join(self.names) or '-'}"
            raise InputError(msg)
        return Column(self.path, name, self._file[name], numbers=numbers)

    def close(self) -> None:
        """Close the file, also a damaged one."""
        try:
            self._file.close()
        except Exception:  # what a damaged file's library says at the end helps nobody
            return


def _plain(value: Any) -> Any:
    """An HDF5 attribute as a plain Python value: a number, a text, a list, None."""
    if isinstance(value, h5py.Empty):
        return None
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, str):  # damaged bytes are surrogates in it, which nothing can write
        return value.encode(errors="replace").decode()
    return value if isinstance(value, bool | int | float | str) else str(value)


def printable(text: object) -> str:
    """A name as it can be printed on one line, a question mark for what cannot.

    >>> printable("ECAL"), printable("EC\\nAL")
    ('ECAL', 'EC?AL')
    """
    return "".join(letter if letter.isprintable() else "?" for letter in str(text))
