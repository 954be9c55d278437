"""FastCaloSim (June 2026): four inputs that it knows by name, voxels in MeV, binning in HDF5.

``inn_eta_in`` is 10 |eta|, ``inn_einc_in`` Ep in MeV; ``cfm_z_shape`` and ``inn_z_energy`` are
normal numbers, one a voxel and one a layer. The output is read flat, layer by layer; in each layer
a voxel is a range of radius (mm) and of alpha (rad) around the particle. Energies are the whole
deposit in a layer, so that they sum to Ep.
"""

import io
import math
from dataclasses import dataclass

import numpy as np

from caloforge.card import ModelCard
from caloforge.errors import ModelError
from caloforge.hosts.graph import Given, Port, Shower
from caloforge.hosts.mesh import Mesh
from caloforge.hosts.resample import write_rings
from caloforge.hosts.writer import GraphWriter
from caloforge.typing import AnyArray
from caloforge.units import MeV

SECTORS = 16
"""Of each ring, where pads are resampled; their rings are as wide as a pad."""
ETA_STEPS = 10.0


@dataclass(frozen=True)
class Bins:
    """The voxels of one layer, every array of shape (voxels,): radius in mm, alpha in rad."""

    radius: AnyArray
    radius_size: AnyArray
    alpha: AnyArray
    alpha_size: AnyArray


def port(card: ModelCard) -> Port:
    """The graph's inputs and output.

    Raises
    ------
    ModelError
        if the host cannot hold the model.
    """
    if card.detector.readout == "pads" and not card.one_angle:
        msg = f"{card.name} covers a range of angles on pads: FastCaloSim's voxels turn with eta"
        raise ModelError(msg)
    layers = card.detector.n_layers
    voxels = sum(len(each.radius) for each in layer_bins(card))

    def given(writer: GraphWriter) -> Given:
        shape, energy = (
            writer.reshape(name, count)
            for name, count in (("cfm_z_shape", voxels), ("inn_z_energy", layers))
        )
        numbers = writer.add("Concat", shape, energy, axis=0)
        eta = writer.add("Div", writer.reshape("inn_eta_in", 1), writer.constant(-ETA_STEPS))
        half_angle = writer.add("Atan", writer.add("Exp", eta))
        return Given(
            numbers,
            voxels + layers,
            writer.add("Mul", writer.reshape("inn_einc_in", 1), writer.constant(MeV)),
            writer.add("Mul", half_angle, writer.constant(2.0)),
        )

    def read(writer: GraphWriter, shower: Shower) -> str:
        energies = shower.in_units(writer, "GeV")
        return writer.add("Div", _voxels(writer, energies, card), writer.constant(MeV))

    inputs = {
        "inn_eta_in": (1, 1),
        "inn_einc_in": (1, 1),
        "cfm_z_shape": (1, voxels),
        "inn_z_energy": (1, layers),
    }
    return Port(inputs, (1, voxels), given, read)


def layer_bins(card: ModelCard) -> list[Bins]:
    """The voxels of each layer, in the order of the output."""
    detector = card.detector
    if detector.readout == "pads":
        mesh = _rings_of_pads(card)
        return [_grid(np.arange(mesh.rings + 1) * mesh.ring_mm, SECTORS, -np.pi)] * mesh.slices
    regular = np.arange(card.cell_shape[0] + 1) * detector.pad_mm[0]
    return [
        _grid(layer.edges_mm(regular), layer.sectors or card.cell_shape[1], 0.0)
        for layer in detector.layers
        for _ in range(layer.count)
    ]


def _grid(edges: AnyArray, sectors: int, first: float) -> Bins:
    """Rings and equal sectors, ring slowest; sectors start at ``first`` rad."""
    ring = np.repeat(np.arange(len(edges) - 1), sectors)
    sector = np.tile(np.arange(sectors), len(edges) - 1)
    size = 2 * np.pi / sectors
    return Bins(edges[ring], np.diff(edges)[ring], first + sector * size, np.full(len(ring), size))


def _rings_of_pads(card: ModelCard) -> Mesh:
    """Rings as wide as a pad, out to the middle of the window's sides."""
    x, y, z = card.cell_shape
    pad = card.detector.pad_mm
    width = min(pad)
    rings = math.ceil(max(x * pad[0], y * pad[1]) / 2 / width)
    return Mesh(rings, SECTORS, z, width, 1.0)


def _voxels(writer: GraphWriter, cells: str, card: ModelCard) -> str:
    """Voxels, layer by layer, of cells (1, X, Y, Z)."""
    if card.detector.readout == "pads":
        rows = write_rings(writer, cells, card, _rings_of_pads(card))
        return writer.add("Transpose", rows, perm=[1, 0])
    present = card.detector.geometry(card.window).present
    places = np.arange(present.size).reshape(present.shape).transpose(2, 0, 1)
    order = writer.constant(places[present.transpose(2, 0, 1)], np.int64)
    return writer.add("Gather", writer.reshape(cells, present.size), order, axis=0)


def binning_file(card: ModelCard) -> bytes:
    """The HDF5 file that tells the host each layer's voxels."""
    import h5py

    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        for number, bins in zip(card.detector.layer_numbers, layer_bins(card), strict=True):
            for name, values in (
                ("binstart_radius", bins.radius),
                ("binsize_radius", bins.radius_size),
                ("binstart_alpha", bins.alpha),
                ("binsize_alpha", bins.alpha_size),
            ):
                file[f"{name}_layer_{number}"] = values.astype(np.float32)
    return content.getvalue()
