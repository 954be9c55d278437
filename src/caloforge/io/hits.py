"""The hits layout: only the cells that hold energy, with an offset a shower.

``offsets`` (N + 1,) int64, ``cell`` (H,) uint16 or uint32, ``cell_energy`` (H,) float32 in GeV,
``energy`` (N,) in GeV and ``theta`` (N,) in rad, ``phi`` (N,) in rad and ``impact`` (N, 2) in mm
where the sample has them; the attribute ``cell_shape`` is (X, Y, Z).  Shower
i has the hits from ``offsets[i]`` to ``offsets[i + 1]``; cell (x, y, z) has the number
(x Y + y) Z + z, and numbers rise within a shower.
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from caloforge.atomic import sole_writer
from caloforge.errors import InputError
from caloforge.hit_arrays import HitArrays
from caloforge.io.block import Block
from caloforge.io.gan3d_writer import IMPACT, PHI
from caloforge.io.hdf5 import Column, Hdf5File
from caloforge.io.hits_chunks import CELL, CELL_ENERGY
from caloforge.io.hits_writer import ENERGY, OFFSETS, THETA, HitsWriter
from caloforge.io.layout_file import LayoutFile
from caloforge.io.rows import SampleHead
from caloforge.io.sparse import SHAPE_ATTRIBUTE, SparseFile, shape_attribute
from caloforge.typing import AnyArray


def recognise(file: Hdf5File) -> str | None:
    """Why a file is of this layout, None if it is not."""
    if any(file.shape(name) is None for name in (OFFSETS, CELL, CELL_ENERGY)):
        return None
    return f"it has datasets {OFFSETS}, {CELL} and {CELL_ENERGY}"


class HitsFile(SparseFile, LayoutFile):
    """A sample in the hits layout; errors as of ShowerFile."""

    LAYOUT = "hits"

    def _find_cells(self) -> Column:
        self._offsets = self.file.column(OFFSETS)
        self._cell, self._value = self.file.column(CELL), self.file.column(CELL_ENERGY)
        energy = self.file.column(ENERGY)
        for column in (self._offsets, self._cell, self._value):
            if len(column.shape) != 1:
                msg = f"{self.path}: {column.name} must be one row of numbers, got {column.shape}"
                raise InputError(msg)
        if len(self._offsets) != len(energy) + 1 or len(self._cell) != len(self._value):
            msg = (
                f"{self.path}: lengths differ: {len(energy)} energies, {len(self._offsets)} "
                f"offsets (one more is needed), {len(self._cell)} cells of "
                f"{len(self._value)} energies"
            )
            raise InputError(msg)
        return energy

    def _find_conditions(self) -> None:
        self._angle = self._check_length(self.file.column(THETA))
        self._azimuth, self._impact = self._column_if_any(PHI), self._column_if_any(IMPACT)

    def _find_cell_shape(self) -> tuple[int, int, int]:
        return shape_attribute(self.attributes.get(SHAPE_ATTRIBUTE), self.path)

    @property
    def compression(self) -> str:
        """How the hits are compressed in the file."""
        return self._value.compression

    def _stored(self, start: int, stop: int) -> HitArrays:
        offsets = self._offsets.read(start, stop + 1).astype(np.int64)
        first, last = int(offsets[0]), int(offsets[-1])
        if not 0 <= first <= last <= len(self._cell) or last - first > self._most(start, stop):
            msg = (
                f"offsets must not fall and lie within the {len(self._cell)} hits, got "
                f"{first} for shower {start} and {last} for {stop}"
            )
            raise InputError(msg)
        cell, value = self._cell.read(first, last), self._value.read(first, last)
        return HitArrays(offsets - first, cell, value)

    def _energies(self, start: int, stop: int) -> AnyArray:
        return self._cells.read(start, stop)


class HitsRows:
    """Writes a whole sample with :class:`~caloforge.io.hits_writer.HitsWriter`."""

    def write(
        self, path: Path, head: SampleHead, blocks: Iterable[Block], compression: str | None
    ) -> None:
        """As :meth:`caloforge.io.rows.RowsWriter.write`."""
        with sole_writer(path), HitsWriter(
            path, head.detector, head.cell_shape, head.showers,
            compression=compression, attributes=head.all_attributes, has_phi=head.has_phi,
            has_impact=head.has_impact,
        ) as writer:  # fmt: skip
            for block in blocks:
                done = writer.done
                writer.write_conditions(done, block.conditions)
                if block.impact is not None:
                    writer.write_impact(done, block.impact)
                writer.write_cells(done, block.cells)
            writer.finish()
