"""The one table of layouts: how each is recognised, read and written."""

from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from caloforge.detector import Detector
from caloforge.errors import InputError
from caloforge.io import (
    calochallenge,
    ddml,
    edm4hep,
    gan3d,
    getting_high,
    hits,
    lemurs,
    parquet,
    root,
    showerdata,
)
from caloforge.io.block import Block
from caloforge.io.gan3d_rows import Gan3dWriter
from caloforge.io.hdf5 import Hdf5File
from caloforge.io.layout_file import LayoutFile
from caloforge.io.mapped import MappedFile, SampleMap
from caloforge.io.rows import SampleHead
from caloforge.io.sample import ShowerFile
from caloforge.io.sparse import TableFile


class Writer(Protocol):
    """Writes a sample in a layout, block by block."""

    def write(
        self, path: Path, head: SampleHead, blocks: Iterable[Block], compression: str | None
    ) -> None:
        """As :meth:`caloforge.io.rows.RowsWriter.write`."""
        ...


@dataclass(frozen=True)
class Layout:
    """One layout.

    Attributes
    ----------
    title : whose it is.
    recognise : why an HDF5 file has it, or None.
    opens : reads it.
    writer : makes what writes it; None for ROOT, whose other branches convert computes.
    endings : of the files that are written.
    magic : the first bytes of files that are no HDF5 files.
    knows : whether such a file is of this layout; the first in the table that does takes it.
    """

    title: str
    recognise: Callable[[Hdf5File], str | None]
    opens: type[LayoutFile] | type[TableFile]
    writer: Callable[[], Writer] | None
    endings: tuple[str, ...] = (".h5", ".hdf5")
    magic: bytes = b""
    knows: Callable[[Path], bool] = lambda path: True


LAYOUTS = {
    "gan3d": Layout(
        "3DGAN of CLIC, and caloforge's own", gan3d.recognise, gan3d.Gan3dFile, Gan3dWriter
    ),
    "hits": Layout(
        "caloforge's hits", hits.recognise, hits.HitsFile, hits.HitsRows
    ),
    "edm4hep": Layout(
        "ROOT: hits with positions and times, in EDM4hep's names and units", root.recognise,
        edm4hep.Edm4hepFile, edm4hep.Edm4hepWriter, endings=(".root",),
        magic=root.MAGIC, knows=edm4hep.knows,
    ),
    "root": Layout(
        "the tree of caloforge convert --cells", root.recognise, root.RootFile, None,
        endings=(".root",), magic=root.MAGIC,
    ),
    "parquet": Layout(
        "Parquet, a row a shower with its hits as lists", parquet.recognise, parquet.ParquetFile,
        parquet.ParquetWriter, endings=(".parquet",), magic=parquet.MAGIC,
    ),
    "calochallenge": Layout(
        "CaloChallenge 1, 2 and 3", calochallenge.recognise,
        calochallenge.CaloChallengeFile, calochallenge.CaloChallengeWriter,
    ),
    "lemurs": Layout(
        "LEMURS, and Geant4's example Par04", lemurs.recognise,
        lemurs.LemursFile, lemurs.LemursWriter,
    ),
    "getting_high": Layout(
        "getting_high, photons in the ILD", getting_high.recognise,
        getting_high.GettingHighFile, getting_high.GettingHighWriter,
    ),
    "showerdata": Layout(
        "point clouds of the package showerdata", showerdata.recognise,
        showerdata.ShowerdataFile, showerdata.ShowerdataWriter,
    ),
    "ddml": Layout(
        "shower library of DDML", ddml.recognise, ddml.DdmlFile, ddml.DdmlWriter
    ),
}  # fmt: skip
"""Name -> layout."""


def layout_named(name: str) -> Layout:
    """The layout of that name; InputError if there is none."""
    if name not in LAYOUTS:
        msg = f"layout '{name}' is unknown: allowed are {', '.join(LAYOUTS)}"
        raise InputError(msg)
    return LAYOUTS[name]


def open_sample(
    path: Path, detector: Detector | None, layout: str | None, where: SampleMap | None
) -> ShowerFile:
    """Open a sample; the layout is recognised where neither ``layout`` nor a map names it.

    Raises
    ------
    InputError
        if no layout fits the file, or several do.
    """
    if where is not None:
        if layout is not None:
            msg = f"a map says all: leave out the layout '{layout}'"
            raise InputError(msg)
        return MappedFile(path, detector, where)
    if layout is not None:
        name, reason = layout, "named by --layout"
        opens = layout_named(layout).opens
    else:
        name, reason = _recognised(path)
        opens = LAYOUTS[name].opens
    opened = opens(path, detector)
    opened.why.insert(0, f"layout: {reason}")
    return opened


def _recognised(path: Path) -> tuple[str, str]:
    """The name of the one layout that a file has, and why."""
    begins = _first_bytes(path)
    for name, layout in LAYOUTS.items():
        if layout.magic and begins.startswith(layout.magic) and layout.knows(path):
            return name, f"it begins with {layout.magic.decode()}"
    with closing(Hdf5File(path)) as file:
        reasons = {name: layout.recognise(file) for name, layout in LAYOUTS.items()}
        have = ", ".join(file.names) or "nothing"
    found = {name: why for name, why in reasons.items() if why is not None}
    if not found:
        msg = (
            f"{path} has none of the layouts {', '.join(LAYOUTS)}; it holds: {have}. "
            "--layout names one, --map says where its cells and energies lie"
        )
        raise InputError(msg)
    if len(found) > 1:
        both = " and ".join(f"{name} ({why})" for name, why in found.items())
        msg = f"{path} may be of several layouts, {both}: choose one with --layout"
        raise InputError(msg)
    return found.popitem()


def _first_bytes(path: Path) -> bytes:
    """Some bytes of a file, none where there is none to be read."""
    try:
        with open(path, "rb") as stream:
            return stream.read(8)
    except OSError:
        return b""
