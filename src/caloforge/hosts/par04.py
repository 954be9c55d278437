"""Geant4's extended example Par04 (11.4): one input, names ignored, output read flat.

In its VAE mode the host feeds L normal numbers, Ep / 1 024 000 MeV, theta / 90 degrees and a
geometry's one-hot, and reads fractions of Ep. In its CaloDiT-2 mode it feeds Ep in GeV, phi and
theta in rad and a detector's one-hot, gives no random numbers, and reads GeV. It places hits at the
middles of the rings, sectors and slices of a mesh around the particle, from where that enters;
its calorimeter's absorber counts as well as its silicon, so that energies sum to Ep.
"""

import numpy as np

from caloforge.card import ModelCard
from caloforge.errors import ModelError
from caloforge.hosts.graph import Given, Port, Shower
from caloforge.hosts.mesh import Mesh, depth_weights, own_mesh
from caloforge.hosts.resample import write_rings
from caloforge.hosts.writer import FLOAT, GraphWriter

FINE = Mesh(rings=18, sectors=50, slices=45, ring_mm=2.325, slice_mm=3.4)
COARSE = Mesh(rings=9, sectors=16, slices=45, ring_mm=4.65, slice_mm=3.4)
LATENT, CONDITIONS = 10, 4
"""Sizes of the parts of the VAE mode's input, the host's defaults."""
LARGEST_GEV, LARGEST_THETA = 1024.0, np.pi / 2
"""What the VAE mode divides Ep and theta by."""
DRAWN = 8
"""Random numbers that are drawn inside for the CaloDiT-2 mode, before they are expanded."""
PARTICLES = ("e-", "e+", "gamma", "unknown")
"""Those that the host hands to a fast simulation of this kind."""


def vae_port(card: ModelCard) -> Port:
    """The VAE mode; on the fine mesh where the model has none of its own.

    Raises
    ------
    ModelError
        if the host cannot hold the model.
    """
    mesh = mesh_of(card, FINE)

    def given(writer: GraphWriter) -> Given:
        flat = writer.reshape("input", LATENT + CONDITIONS)
        energy = writer.piece(flat, LATENT, LATENT + 1)
        theta = writer.piece(flat, LATENT + 1, LATENT + 2)
        return Given(
            writer.piece(flat, 0, LATENT),
            LATENT,
            writer.add("Mul", energy, writer.constant(LARGEST_GEV)),
            writer.add("Mul", theta, writer.constant(LARGEST_THETA)),
        )

    def read(writer: GraphWriter, shower: Shower) -> str:
        return on_mesh(writer, shower.in_units(writer, "fractions"), card, mesh)

    return Port({"input": (1, LATENT + CONDITIONS)}, (1, *mesh.shape), given, read)


def calodit_port(card: ModelCard) -> Port:
    """The CaloDiT-2 mode; on the coarse mesh where the model has none of its own.

    ONNX Runtime seeds the random nodes of every session of a process alike, so the particle's own
    energy and direction go into the key as well: two threads make two showers.

    Raises
    ------
    ModelError
        if the host cannot hold the model.
    """
    mesh = mesh_of(card, COARSE)

    def given(writer: GraphWriter) -> Given:
        particle = writer.piece(writer.reshape("input", 8), 0, 3)
        parts = [writer.piece(particle, place, place + 1) for place in range(3)]
        drawn = writer.add("RandomUniform", shape=[DRAWN], low=-1.0, high=1.0, dtype=FLOAT)
        scaled = writer.add("Mul", particle, writer.constant([1 / LARGEST_GEV, 1.0, 1.0]))
        numbers = writer.add("Concat", drawn, scaled, axis=0)
        return Given(numbers, DRAWN + 3, parts[0], parts[2])

    def read(writer: GraphWriter, shower: Shower) -> str:
        return on_mesh(writer, shower.in_units(writer, "GeV"), card, mesh)

    return Port({"input": (1, 8)}, (1, *mesh.shape), given, read)


def mesh_of(card: ModelCard, otherwise: Mesh) -> Mesh:
    """The mesh that the host is to place the model's showers on.

    Raises
    ------
    ModelError
        if there is none.
    """
    detector = card.detector
    if card.particle not in PARTICLES:
        msg = f"{card.name} makes {card.particle}: Par04 hands over electrons and photons alone"
        raise ModelError(msg)
    if detector.readout == "pads":
        if not card.one_angle:
            msg = (
                f"{card.name} covers a range of angles on pads that are fixed to the detector; "
                "Par04 turns its mesh with the particle: export a model of one angle, or of rings"
            )
            raise ModelError(msg)
        if not 0 < detector.depth_mm <= otherwise.depth_mm:
            msg = (
                f"{card.name}: {detector.name} is {detector.depth_mm:g} mm deep, "
                f"what Par04's mesh holds is at most {otherwise.depth_mm:g} mm"
            )
            raise ModelError(msg)
        return otherwise
    return own_mesh(card)


def on_mesh(writer: GraphWriter, cells: str, card: ModelCard, mesh: Mesh) -> str:
    """Cells (1, X, Y, Z) on the mesh, (rings, sectors, slices): pads resampled, rings turned."""
    if card.detector.readout == "pads":
        along = writer.constant(depth_weights(card.detector, mesh))
        return writer.add("MatMul", write_rings(writer, cells, card, mesh), along)
    sectors = card.cell_shape[1]
    half_a_turn = (np.arange(sectors) + sectors // 2) % sectors
    return writer.add("Gather", cells, writer.constant(half_a_turn, np.int64), axis=2)
