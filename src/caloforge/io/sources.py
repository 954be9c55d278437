"""Datasets whose values lie in other files; HDF5 reads those that are gone as zeros."""

import os
from pathlib import Path
from typing import Any

import h5py

NUMBERED = "%b"
"""In the name of a virtual dataset's source: the number of a block, from 0 on."""


def missing_source(path: Path, dataset: Any) -> str | None:
    """The first file, or dataset of a file, that ``dataset`` of ``path`` needs and has not."""
    return _missing(path, dataset, seen=frozenset())


def _missing(path: Path, dataset: Any, seen: frozenset[tuple[str, str]]) -> str | None:
    if external := dataset.external:
        for name, _, _ in external:
            if not _places(path, os.fsdecode(name), "HDF5_EXTFILE_PREFIX"):
                return str(name)
    if not dataset.is_virtual:
        return None
    needed = {(source.file_name, source.dset_name) for source in dataset.virtual_sources()}
    for name, inside in sorted(needed - seen):
        first, place = name.replace(NUMBERED, "0"), inside.replace(NUMBERED, "0")
        found = [path] if first == "." else _places(path, first, "HDF5_VDS_PREFIX")
        if not found:
            return str(first)
        with h5py.File(found[0], "r", locking=False) as file:
            source = file.get(place)
            if not isinstance(source, h5py.Dataset):
                return f"'{place}' in {first}"
            if gone := _missing(found[0], source, seen | needed):
                return gone
    return None


def _places(path: Path, name: str, prefix: str) -> list[Path]:
    """Where HDF5 looks for a source, as far as it is there."""
    given = os.environ.get(prefix, "").replace("${ORIGIN}", str(path.parent))
    folders = [folder for folder in (given, str(path.parent), ".") if folder]
    places = [Path(folder) / each for folder in folders for each in (name, Path(name).name)]
    return [place for place in places if place.is_file()]
