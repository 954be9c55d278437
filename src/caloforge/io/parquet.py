"""Parquet: one row a shower, with its hits as two lists.

Columns ``energy`` in GeV, ``theta`` in rad, ``cell`` and ``cell_energy`` in GeV (lists, as of
:mod:`~caloforge.io.hits`), ``phi`` where the sample has it; the detector, the particle, the
calibration and ``cell_shape`` are the file's key-value metadata, as JSON. Spark keeps none but
those of a column: there they are in the metadata of ``cell``.
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from caloforge._extras import require
from caloforge.atomic import replacing
from caloforge.errors import InputError
from caloforge.hit_arrays import HitArrays, cell_type
from caloforge.io.block import Block
from caloforge.io.gan3d_writer import IMPACT_COLUMNS, PHI
from caloforge.io.hdf5 import LARGEST_PART, Hdf5File, printable, reading
from caloforge.io.hits_chunks import CELL, CELL_ENERGY
from caloforge.io.hits_writer import ENERGY, THETA
from caloforge.io.rows import SampleHead
from caloforge.io.sparse import SHAPE_ATTRIBUTE, TableFile
from caloforge.typing import AnyArray

MAGIC = b"PAR1"
SPARK_ROW = b"org.apache.spark.sql.parquet.row.metadata"
CODECS = {None: "none", "lzf": "lz4", "gzip": "zstd"}
"""What compressions of HDF5 stand for: a fast one and a small one."""


def recognise(file: Hdf5File) -> None:
    """No HDF5 file is of this layout."""


class ParquetTable:
    """A Parquet file opened for reading, one row group at a time.

    Raises
    ------
    InputError
        if it is damaged, lacks a column, or has row groups larger than memory should hold.
    """

    def __init__(self, path: Path) -> None:
        parquet = require("pyarrow.parquet")
        self.path = path
        with reading(path, "its footer"):
            self._file = parquet.ParquetFile(path)
            about = self._file.metadata
            groups = [about.row_group(n) for n in range(about.num_row_groups)]
            self.starts = np.cumsum([0, *(group.num_rows for group in groups)])
            largest = max((group.total_byte_size for group in groups), default=0)
            self.columns = self._file.schema_arrow.names
            self.attributes = dict(_attributes(about.metadata or {}))
            self.compression = str(groups[0].column(0).compression).lower() if groups else "none"
        if lacking := [n for n in (ENERGY, THETA, CELL, CELL_ENERGY) if n not in self.columns]:
            msg = f"{path} has no column {lacking[0]}; it has: {printable(', '.join(self.columns))}"
            raise InputError(msg)
        if largest > LARGEST_PART:
            msg = f"{path}: a row group has {largest / 2**30:.3g} GB: write smaller ones"
            raise InputError(msg)
        self._number, self._group = -1, None

    def __len__(self) -> int:
        return int(self.starts[-1])

    def pieces(self, start: int, stop: int) -> Iterator[Any]:
        """The tables of row groups' rows that make up ``start`` to ``stop``."""
        while start < stop:
            number = int(np.searchsorted(self.starts, start, side="right")) - 1
            first, end = int(self.starts[number]), min(stop, int(self.starts[number + 1]))
            if number != self._number:
                with reading(self.path, f"row group {number}"):
                    self._group, self._number = self._file.read_row_group(number), number
            assert self._group is not None
            yield self._group.slice(start - first, end - start)
            start = end

    def numbers(self, name: str, start: int, stop: int) -> AnyArray:
        """A column of numbers, rows ``start`` to ``stop``."""
        with reading(self.path, name):
            parts = [piece[name].to_numpy() for piece in self.pieces(start, stop)]
            return np.concatenate(parts).astype(np.float32) if parts else np.empty(0, np.float32)

    def lists(self, name: str, start: int, stop: int) -> tuple[AnyArray, AnyArray]:
        """Lengths of the lists of a column, and their values one after the other."""
        with reading(self.path, name):
            counts, values = [np.empty(0, np.int64)], []
            for piece in self.pieces(start, stop):
                for chunk in piece[name].chunks:
                    counts.append(chunk.value_lengths().to_numpy(zero_copy_only=False))
                    values.append(chunk.flatten().to_numpy(zero_copy_only=False))
            return np.concatenate(counts), np.concatenate(values) if values else np.empty(0, int)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _attributes(metadata: dict[bytes, bytes]) -> Iterator[tuple[str, Any]]:
    """What a file says of itself, by us or, through Spark, in the metadata of a column."""
    if SPARK_ROW in metadata:
        for field in json.loads(metadata[SPARK_ROW])["fields"]:
            yield from dict(field.get("metadata") or {}).items()
    for key, value in metadata.items():
        if key.startswith(b"caloforge."):
            yield key.decode().removeprefix("caloforge."), json.loads(value)


class ParquetFile(TableFile):
    """A sample in Parquet; errors as of TableFile, and MissingExtraError without pyarrow."""

    LAYOUT = "parquet"

    def _opened(self) -> dict[str, Any]:
        self._table = ParquetTable(self.path)
        return self._table.attributes

    def __len__(self) -> int:
        return len(self._table)

    def close(self) -> None:
        """Close the file."""
        self._table.close()

    @property
    def compression(self) -> str:
        """How the columns are compressed."""
        return self._table.compression

    def _stored(self, start: int, stop: int) -> HitArrays:
        counts, cell = self._table.lists(CELL, start, stop)
        others, value = self._table.lists(CELL_ENERGY, start, stop)
        if not np.array_equal(counts, others):
            msg = f"{CELL} and {CELL_ENERGY} must have lists of the same lengths"
            raise InputError(msg)
        offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        return HitArrays(offsets, cell, value)

    def _energies(self, start: int, stop: int) -> AnyArray:
        return self._table.numbers(ENERGY, start, stop)

    def _angles(self, start: int, stop: int) -> AnyArray:
        return self._table.numbers(THETA, start, stop)

    def _azimuths(self, start: int, stop: int) -> AnyArray | None:
        return self._table.numbers(PHI, start, stop) if PHI in self._table.columns else None

    def _impacts(self, start: int, stop: int) -> AnyArray | None:
        if not set(IMPACT_COLUMNS) <= set(self._table.columns):
            return None
        return np.stack([self._table.numbers(each, start, stop) for each in IMPACT_COLUMNS], axis=1)


class ParquetWriter:
    """Writes a sample as Parquet, a row group a block."""

    def write(
        self, path: Path, head: SampleHead, blocks: Iterable[Block], compression: str | None
    ) -> None:
        """As :meth:`caloforge.io.rows.RowsWriter.write`; MissingExtraError without pyarrow."""
        arrow, parquet = require("pyarrow"), require("pyarrow.parquet")
        about = head.all_attributes | {SHAPE_ATTRIBUTE: head.cell_shape}
        schema = arrow.schema(
            [
                (ENERGY, arrow.float32()),
                (THETA, arrow.float32()),
                *([(PHI, arrow.float32())] if head.has_phi else []),
                *([(each, arrow.float32()) for each in IMPACT_COLUMNS] if head.has_impact else []),
                (CELL, arrow.list_(arrow.from_numpy_dtype(cell_type(head.cell_shape)))),
                (CELL_ENERGY, arrow.list_(arrow.float32())),
            ],
            metadata={f"caloforge.{key}": json.dumps(value) for key, value in about.items()},
        )
        with (
            replacing(path) as partial,
            parquet.ParquetWriter(partial, schema, compression=CODECS[compression]) as writer,
        ):
            for block in blocks:
                writer.write_table(arrow.table(_columns(arrow, block), schema=schema))


def _columns(arrow: Any, block: Block) -> dict[str, Any]:
    offsets, cell, cell_energy = HitArrays.of(block.cells)
    starts = arrow.array(offsets.astype(np.int32))
    columns = {
        ENERGY: arrow.array(block.energy),
        THETA: arrow.array(block.theta),
        CELL: arrow.ListArray.from_arrays(starts, arrow.array(cell)),
        CELL_ENERGY: arrow.ListArray.from_arrays(starts, arrow.array(cell_energy)),
    }
    if block.phi is not None:
        columns[PHI] = arrow.array(block.phi)
    if block.impact is not None:
        columns |= {
            name: arrow.array(np.ascontiguousarray(values))
            for name, values in zip(IMPACT_COLUMNS, block.impact.T, strict=True)
        }
    return columns
