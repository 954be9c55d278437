"""ROOT files: one TTree, filled chunk by chunk (uproot)."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from caloforge.atomic import replacing
from caloforge.typing import AnyArray


def write_tree(path: Path, name: str, chunks: Iterable[Mapping[str, AnyArray]]) -> None:
    """Write a TTree of one branch per key; all chunks have the same keys.

    Branches are numbers (N,), fixed-size arrays (N, n, ...) or awkward arrays of varying length.

    Raises
    ------
    OutputError
        if the file cannot be written.
    """
    import uproot

    with replacing(path) as partial, uproot.recreate(partial) as file:
        for chunk in chunks:
            if name in file:
                file[name].extend(chunk)
            else:
                file.mktree(name, dict(chunk))
