"""Pads on a mesh's rings and sectors inside a graph, layer by layer, with nothing lost."""

import numpy as np

from caloforge.card import ModelCard
from caloforge.hosts.mesh import Mesh, area_weights
from caloforge.hosts.writer import GraphWriter

NOTHING = 1e-20
"""Less than any hit leaves in a cell of the mesh, in GeV or as a fraction of Ep; energies over it
are finite in float32."""


def write_rings(writer: GraphWriter, cells: str, card: ModelCard, mesh: Mesh) -> str:
    """Cells (1, X, Y, Z) on the mesh, (rings * sectors, Z).

    What lies beyond the mesh is shared out among the layer's cells in proportion to their energy,
    so that each layer's sum is kept and the profile within the mesh has its shape. A layer all of
    whose hits lie beyond gives its energy to the whole shower.
    """
    x, y, z = card.cell_shape
    pads = writer.reshape(cells, x * y, z)
    weights = writer.constant(area_weights((x, y), card.detector.pad_mm, mesh))
    columns = writer.add("MatMul", weights, pads)
    across, everything = (writer.constant(axes, np.int64) for axes in ([0], [0, 1]))
    for axes in across, everything:
        held, inside = (writer.add("ReduceSum", part, axes) for part in (pads, columns))
        share = writer.add("Div", held, writer.add("Max", inside, writer.constant(NOTHING)))
        columns = writer.add("Mul", columns, share)
    return columns
