"""ROOT files whose hits have EDM4hep's names and units: cell, position in mm, GeV, ns (uproot).

The tree ``events`` has a shower an entry. ``SimCalorimeterHits.cellID`` is the place of the cell in
the image, ``.position.x``, ``.y`` and ``.z`` are in mm as of
:func:`caloforge.placement.positions_mm`, ``.energy`` in GeV; ``.time`` in ns (as EDM4hep's
CalorimeterHit has it) is that of light on the straight line from the impact, ``.layer`` ours.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from caloforge.detector import Detector
from caloforge.errors import InputError
from caloforge.hit_arrays import HitArrays
from caloforge.hits import Hits
from caloforge.io.block import Block
from caloforge.io.root import ENERGY, PHI, THETA, RootFile, write_tree
from caloforge.io.rows import SampleHead
from caloforge.io.sparse import SHAPE_ATTRIBUTE
from caloforge.particle import pdg_number
from caloforge.placement import positions_mm, times_ns

TREE, COLLECTION = "events", "SimCalorimeterHits"
PDG = "PDG"


def knows(path: Path) -> bool:
    """Whether a ROOT file has the tree; not if it is damaged, which opening it tells."""
    import uproot

    try:
        with uproot.open(path) as file:
            return TREE in file and Edm4hepFile.HITS[0] in file[TREE]
    except Exception:  # uproot's are of many kinds
        return False


class Edm4hepFile(RootFile):
    """A sample in the tree that ``caloforge convert --layout edm4hep`` writes; errors as there."""

    LAYOUT = "edm4hep"
    ORDER = "cellID = (x Y + y) Z + z"
    TREE = TREE
    HITS = (f"{COLLECTION}.cellID", f"{COLLECTION}.energy")
    WRITTEN_BY = "caloforge convert --layout edm4hep"

    def _stored(self, start: int, stop: int) -> HitArrays:
        offsets, (cell, energy) = self._lists(start, stop)
        return HitArrays(offsets, cell, energy)


class Edm4hepWriter:
    """Writes a sample's hits with their positions."""

    def write(
        self, path: Path, head: SampleHead, blocks: Iterable[Block], compression: str | None
    ) -> None:
        """As :meth:`caloforge.io.rows.RowsWriter.write`; ROOT compresses as it does.

        Raises
        ------
        InputError
            if the detector, and so where its cells are, is unknown.
        """
        if head.detector is None:
            msg = f"{head.whose} has no positions: give the detector with --detector FILE.toml"
            raise InputError(msg)
        about = head.all_attributes | {SHAPE_ATTRIBUTE: head.cell_shape}
        chunks = (_branches(block, head, head.detector) for block in blocks)
        write_tree(path, chunks, about, tree=TREE, between=".")


def _branches(block: Block, head: SampleHead, detector: Detector) -> dict[str, Any]:
    import awkward

    hits = Hits(
        *HitArrays.of(block.cells), block.energy, block.theta, detector,
        detector.window_of(head.cell_shape), head.particle, head.calibration, block.phi,
        block.impact,
    )  # fmt: skip
    position = positions_mm(hits)
    fields = {
        "cellID": hits.cell.astype(np.uint64),
        "energy": hits.cell_energy,
        **{f"position.{axis}": position[:, n].astype(np.float32) for n, axis in enumerate("xyz")},
        "time": times_ns(position).astype(np.float32),
        "layer": (hits.cell % head.cell_shape[2]).astype(np.int32),
    }
    lists = {name: awkward.unflatten(values, hits.counts) for name, values in fields.items()}
    return {
        ENERGY: hits.energy,
        THETA: hits.theta,
        **({} if block.phi is None else {PHI: block.phi}),
        PDG: np.full(len(hits), pdg_number(head.particle), np.int32),
        COLLECTION: awkward.zip(lists),
    }
