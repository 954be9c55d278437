"""Whole samples in the 3DGAN layout, from blocks of showers."""

from collections.abc import Iterable
from pathlib import Path

from caloforge.atomic import sole_writer
from caloforge.io.block import Block
from caloforge.io.gan3d_writer import ShowerWriter
from caloforge.io.rows import SampleHead


class Gan3dWriter:
    """Writes a sample with :class:`~caloforge.io.gan3d_writer.ShowerWriter`."""

    def write(
        self, path: Path, head: SampleHead, blocks: Iterable[Block], compression: str | None
    ) -> None:
        """As :meth:`caloforge.io.rows.RowsWriter.write`."""
        with sole_writer(path), ShowerWriter(
            path, head.detector, head.cell_shape, head.showers,
            compression=compression, attributes=head.all_attributes, has_phi=head.has_phi,
            has_impact=head.has_impact,
        ) as writer:  # fmt: skip
            done = 0
            for block in blocks:
                writer.write(done, block.cells, block.conditions)
                if block.impact is not None:
                    writer.write_impact(done, block.impact)
                done += len(block)
            writer.finish()
