"""ROOT files: one TTree, filled chunk by chunk, and read again where it holds the hits (uproot).

Its branches ``cell_x``, ``cell_y``, ``cell_z`` and ``cell_energy`` in GeV have any length; what the
sample says of itself is the text ``caloforge`` beside the tree, as JSON.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from caloforge.atomic import replacing
from caloforge.errors import InputError
from caloforge.hit_arrays import HitArrays
from caloforge.io.gan3d_writer import IMPACT_COLUMNS
from caloforge.io.hdf5 import Hdf5File, printable, reading
from caloforge.io.sparse import TableFile
from caloforge.typing import AnyArray, IntArray

MAGIC = b"root"
TREE, ABOUT = "showers", "caloforge"
ENERGY, THETA, PHI = "Ep", "theta", "phi"


def recognise(file: Hdf5File) -> None:
    """No HDF5 file is of this layout."""


def write_tree(
    path: Path,
    chunks: Iterable[Mapping[str, AnyArray]],
    about: Mapping[str, Any] | None = None,
    *,
    tree: str = TREE,
    between: str = "_",
) -> None:
    """Write a tree with one branch per key, and what is said ``about`` it.

    All chunks have the same keys. Branches are numbers (N,), fixed-size arrays (N, n, ...) or
    awkward arrays of varying length, whose fields are branches: key, ``between``, field.

    Raises
    ------
    OutputError
        if the file cannot be written.
    """
    import uproot

    with replacing(path) as partial, uproot.recreate(partial) as file:
        file[ABOUT] = json.dumps(about or {})
        for chunk in chunks:
            if tree in file:
                file[tree].extend(chunk)
            else:
                file.mktree(
                    tree, dict(chunk),
                    field_name=lambda outer, inner: outer + between + inner if outer else inner,
                )  # fmt: skip


class RootFile(TableFile):
    """A sample in the tree that ``caloforge convert --cells`` writes; errors as of TableFile."""

    LAYOUT = "root"
    ORDER = "x, y, layer of each hit"
    TREE: str = TREE
    HITS: tuple[str, ...] = ("cell_x", "cell_y", "cell_z", "cell_energy")
    WRITTEN_BY = "caloforge convert --cells"

    def _opened(self) -> dict[str, Any]:
        import uproot

        if not self.path.is_file():
            msg = f"{self.path} does not exist, or is no file"
            raise InputError(msg)
        with reading(self.path, "its list of objects"):
            self._file = uproot.open(self.path)
            names = set(self._file.keys(cycle=False))
        with reading(self.path, self.TREE):
            if self.TREE not in names:
                held = printable(", ".join(sorted(names)))
                msg = f"{self.path} has no tree '{self.TREE}'; it holds: {held}"
                raise InputError(msg)
            self._tree = self._file[self.TREE]
            self._rows = int(self._tree.num_entries)
            self._branches = set(self._tree.keys())
        needed = (ENERGY, THETA, *self.HITS)
        if lacking := [name for name in needed if name not in self._branches]:
            msg = f"{self.path} has no branch {lacking[0]}: {self.WRITTEN_BY} writes it"
            raise InputError(msg)
        with reading(self.path, ABOUT):
            return dict(json.loads(str(self._file[ABOUT]))) if ABOUT in names else {}

    def __len__(self) -> int:
        return self._rows

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    @property
    def compression(self) -> str:
        """How the branches are compressed."""
        return str(self._tree[self.HITS[-1]].compression or "none")

    def _read(self, name: str, start: int, stop: int) -> Any:
        with reading(self.path, f"{name}, rows {start}-{stop},"):
            return self._tree[name].array(entry_start=start, entry_stop=stop)

    def _lists(self, start: int, stop: int) -> tuple[IntArray, list[AnyArray]]:
        """Offsets of the showers' hits, and the values of each of their branches."""
        import awkward

        with reading(self.path, "its hits"):
            lists = [self._read(name, start, stop) for name in self.HITS]
            counts = [np.asarray(awkward.num(each)) for each in lists]
            values = [np.asarray(awkward.flatten(each)) for each in lists]
        if any(not np.array_equal(each, counts[0]) for each in counts):
            msg = f"{', '.join(self.HITS)} must have the same lengths"
            raise InputError(msg)
        return np.concatenate([[0], np.cumsum(counts[0])]).astype(np.int64), values

    def _stored(self, start: int, stop: int) -> HitArrays:
        offsets, (x, y, z, energy) = self._lists(start, stop)
        sizes = self.cell_shape
        inside = np.ones(len(x), bool)
        for place, size in zip((x, y, z), sizes, strict=True):
            inside &= (place >= 0) & (place < size)
        number = (x.astype(np.int64) * sizes[1] + y) * sizes[2] + z
        return HitArrays(offsets, np.where(inside, number, -1), energy)

    def _energies(self, start: int, stop: int) -> AnyArray:
        return np.asarray(self._read(ENERGY, start, stop))

    def _angles(self, start: int, stop: int) -> AnyArray:
        return np.asarray(self._read(THETA, start, stop))

    def _azimuths(self, start: int, stop: int) -> AnyArray | None:
        return np.asarray(self._read(PHI, start, stop)) if PHI in self._branches else None

    def _impacts(self, start: int, stop: int) -> AnyArray | None:
        if not set(IMPACT_COLUMNS) <= set(self._branches):
            return None
        return np.stack([self._read(each, start, stop) for each in IMPACT_COLUMNS], axis=1)
