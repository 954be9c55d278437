"""Samples written as hits (:mod:`~caloforge.io.hits`), of which a shower may have any number."""

import os
import threading
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from caloforge.atomic import check_writable, partial_path, writing
from caloforge.beam import Conditions
from caloforge.detector import Detector
from caloforge.hit_arrays import HitArrays
from caloforge.io.disk import Disk, write_all
from caloforge.io.gan3d_writer import IMPACT, PHI
from caloforge.io.hits_chunks import ChunkList, HitChunks
from caloforge.io.identity import DETECTOR_ATTRIBUTE, detector_to_json
from caloforge.io.skeleton import Skeleton
from caloforge.io.sparse import SHAPE_ATTRIBUTE
from caloforge.typing import AnyArray, FloatArray

OFFSETS, ENERGY, THETA = "offsets", "energy", "theta"


class HitsWriter:
    """Writes the hits of n showers to ``PATH.partial``; :meth:`finish` puts the file in place.

    ``detector`` may be None where it is unknown; ``has_phi`` makes room for azimuths,
    ``has_impact`` for impact points; ``compression`` is None (fastest), ``lzf`` or ``gzip``.  With
    ``resume`` an unfinished partial file of the same showers is continued.  Leaving the context
    without ``finish`` because of an error removes the partial file; a kill leaves it, and so does
    Ctrl-C where ``resume`` is not None.

    Attributes
    ----------
    done : the showers that are there; those from this one on are wanted.

    Raises
    ------
    OutputError
        if the file cannot be written.
    """

    def __init__(
        self,
        path: Path,
        detector: Detector | None,
        cell_shape: tuple[int, int, int],
        n: int,
        *,
        compression: str | None = None,
        attributes: Mapping[str, Any] | None = None,
        has_phi: bool = False,
        has_impact: bool = False,
        resume: bool | None = None,
    ) -> None:
        self.path, self.partial, self.done, self._total = path, partial_path(path), 0, 0
        self._n, self._cell_shape, self._compression = n, cell_shape, compression
        self._columns: dict[str, tuple[int, ...]] = {ENERGY: (n,), THETA: (n,)}
        self._columns |= {PHI: (n,)} if has_phi else {}
        self._columns |= {IMPACT: (n, 2)} if has_impact else {}
        self._attributes = dict(attributes or {}) | {SHAPE_ATTRIBUTE: cell_shape}
        if detector is not None:
            self._attributes[DETECTOR_ATTRIBUTE] = detector_to_json(detector)
        self._keep = (KeyboardInterrupt,) if resume is not None else ()
        self._list, self._lock = ChunkList(self.partial), threading.Lock()
        self._waiting: dict[int, HitArrays] = {}
        self._places: dict[str, tuple[int, Any]] = {}
        check_writable(path)
        with writing(path):
            self._begin(resume=bool(resume))

    def _begin(self, *, resume: bool) -> None:
        """Make a skeleton for what the partial file holds, or for a new one."""
        self._descriptor = os.open(self.partial, os.O_RDWR | os.O_CREAT, 0o666)
        self._disk = Disk(self.partial, self._descriptor)
        self._create()
        try:
            if not (resume and self._take_over()):
                self._skeleton.discard()
                self._create()
                os.ftruncate(self._descriptor, 0)
                self._list.keep(0)
                self._put(OFFSETS, 0, np.zeros(1, "<i8"))
        except BaseException:
            self._close()
            raise

    def _create(self) -> None:
        """Make the skeleton."""
        self._skeleton = Skeleton(self.partial.with_name(self.partial.name + ".skeleton"))
        for key in sorted(self._attributes):
            self._skeleton.file.attrs[key] = self._attributes[key]
        self._places[OFFSETS] = self._skeleton.column(OFFSETS, (self._n + 1,), "<i8")
        for name, shape in self._columns.items():
            self._places[name] = self._skeleton.column(name, shape, "<f4")
        self._chunks = HitChunks(
            self._skeleton, self._disk, self._n, self._cell_shape, self._compression
        )

    def _take_over(self) -> bool:
        """Go on with what the partial file holds; False if that is not to be had."""
        records, place = self._list.read(), self._places[OFFSETS][0]
        if not len(records):
            return False
        done = int(records["showers"][-1])
        offsets = np.frombuffer(os.pread(self._descriptor, 8 * (done + 1), place), "<i8")
        whole = len(records) * self._chunks.hits
        fits = len(offsets) == done + 1 and offsets[0] == 0 and offsets[-1] <= whole
        if not fits or np.any(np.diff(offsets) < 0):
            return False
        if not self._chunks.take_over(self._descriptor, records):
            return False
        self._list.keep(len(records))
        self.done, self._total = done, int(offsets[-1])
        return True

    def _put(self, name: str, start: int, rows: AnyArray) -> None:
        """Write rows of a dataset that is no chunked one, straight to their place."""
        place, kind = self._places[name]
        values = np.ascontiguousarray(rows, kind)
        row_bytes = kind.itemsize * int(np.prod(values.shape[1:]))
        write_all(self._descriptor, values.view(np.uint8).data, place + start * row_bytes)

    def goes_on_at(self, noted: int) -> int:
        """The first shower that is wanted; the file knows it better than a journal's note."""
        return self.done

    def write(self, first: int, batch: HitArrays) -> None:
        """Write the hits of the showers from ``first`` on; any thread, in any order.

        Raises
        ------
        OutputError
            if the disk is full or lost.
        """
        with self._lock, writing(self.path):
            if first != self.done:
                self._waiting[first] = batch.copy()
                return
            next_one: HitArrays | None = batch
            while next_one is not None:
                self._append(next_one)
                next_one = self._waiting.pop(self.done, None)

    def _append(self, batch: HitArrays) -> None:
        offsets, cell, cell_energy = batch
        ends = self._total + offsets
        self._put(OFFSETS, self.done + 1, ends[1:])
        ahead = self._chunks.total - self._total
        fresh = self._chunks.append(cell[ahead:], cell_energy[ahead:])
        for chunk in range(self._chunks.chunks - fresh, self._chunks.chunks):
            whole = np.searchsorted(ends, (chunk + 1) * self._chunks.hits, side="right") - 1
            record = self._chunks.record(chunk, self.done + int(whole))
            self._disk.then(partial(self._list.add, record))
        self.done += len(offsets) - 1
        self._total = int(ends[-1])

    def write_cells(self, first: int, cells: FloatArray) -> None:
        """Write the hits of cells (n, X, Y, Z) in GeV; as :meth:`write`."""
        self.write(first, HitArrays.of(cells))

    def write_conditions(self, first: int, conditions: Conditions) -> None:
        """Write energies and directions of the showers from ``first`` on; as :meth:`write`."""
        with writing(self.path):
            self._put(ENERGY, first, conditions.energy)
            self._put(THETA, first, conditions.theta)
            if conditions.phi is not None:
                self._put(PHI, first, conditions.phi)

    def write_impact(self, first: int, impact: FloatArray) -> None:
        """Write impact points (n, 2) in mm of the showers from ``first`` on; as :meth:`write`."""
        with writing(self.path):
            self._put(IMPACT, first, impact)

    def flush(self) -> None:
        """Wait for the disk to have all whole chunks, which are what a resumed writer goes on from.

        Raises
        ------
        OutputError
            if the disk is full or lost.
        """
        with writing(self.path):
            self._disk.wait()

    def finish(self) -> None:
        """Close the file and put it in its place; OutputError if that fails.

        Raises :class:`RuntimeError` where showers are missing.
        """
        if self.done < self._n:
            msg = f"{self.path}: {self.done} of {self._n} showers were written in a row"
            raise RuntimeError(msg)
        with writing(self.path):
            self._chunks.finish()
            self._disk.wait()
            self._skeleton.complete(self._descriptor)
            self._close()
            self.partial.replace(self.path)
            self._list.remove()

    def _close(self) -> None:
        """Close all files, and remove the skeleton."""
        if self._descriptor >= 0:
            self._skeleton.discard()
            self._disk.close()
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()
        if kind is not None and not issubclass(kind, self._keep):
            self.partial.unlink(missing_ok=True)
            self._list.remove()
