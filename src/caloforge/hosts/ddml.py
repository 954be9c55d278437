"""key4hep DDML (DD4hep): its RegularGridGANModel for pads, its Par04ExampleVAE for rings.

RegularGridGANModel feeds, in the graph's order, 100 uniform numbers in -1..1 and Ep in GeV, and
reads MeV in [layer][x][y]; it places cell i of n at ``(i - n // 2 + 1/2)`` cell sizes from the
particle, half a cell off where n is odd. So pads are halved along x and y: an even number of cells,
each with a quarter of its pad's energy. Layers are the host detector's own, and what is deposited
in them is what the sensitive material saw.

Par04ExampleVAE feeds 10 normal numbers, Ep / 1 024 000 MeV, the angle to the layer's normal over
pi / 2 and a one-hot, and reads fractions of Ep, ring slowest, then sector, then layer; sector j
starts at ``2 pi j / n``.
"""

import numpy as np

from caloforge.card import ModelCard
from caloforge.errors import ModelError
from caloforge.hosts.graph import Given, Port, Shower
from caloforge.hosts.mesh import own_mesh
from caloforge.hosts.par04 import CONDITIONS, LARGEST_GEV, LATENT
from caloforge.hosts.writer import GraphWriter
from caloforge.units import MeV

GAN_LATENT = 100
HALVES = 2


def gan_cells(card: ModelCard) -> tuple[int, int, int]:
    """Cells along x, y and z that RegularGridGANModel reads, half as large as the pads.

    >>> from caloforge.engine.base import read_card
    >>> from caloforge.zoo import model_path
    >>> gan_cells(read_card(model_path("clic_ecal_fixed")))
    (50, 50, 25)
    """
    x, y, z = card.cell_shape
    return HALVES * x + _after(x), HALVES * y + _after(y), z


def _after(n: int) -> int:
    """Empty cells behind an even number of pads, whose axis is half a pad off the middle."""
    return HALVES * (1 - n % 2)


def gan_port(card: ModelCard) -> Port:
    """RegularGridGANModel.

    Raises
    ------
    ModelError
        if the host cannot hold the model.
    """
    if not card.one_angle:
        msg = f"{card.name} covers a range of angles: DDML's RegularGridGANModel passes on none"
        raise ModelError(msg)
    factor = _factor(card)
    x, y, z = card.cell_shape
    cells_x, cells_y, _ = gan_cells(card)

    def given(writer: GraphWriter) -> Given:
        numbers = writer.reshape("latent_in", GAN_LATENT)
        return Given(numbers, GAN_LATENT, writer.reshape("energy_in", 1))

    def read(writer: GraphWriter, shower: Shower) -> str:
        deposited = shower.in_units(writer, "deposited")
        quarter = writer.constant(1 / (MeV * factor * HALVES**2))
        layers_first = writer.add("Transpose", deposited, perm=[0, 3, 1, 2])
        each = writer.reshape(writer.add("Mul", layers_first, quarter), z, x, 1, y, 1)
        shape = writer.constant((z, x, HALVES, y, HALVES), np.int64)
        halves = writer.reshape(writer.add("Expand", each, shape), z, HALVES * x, HALVES * y)
        after = writer.constant((0, 0, 0, 0, _after(x), _after(y)), np.int64)
        return writer.add("Pad", halves, after)

    inputs = {"latent_in": (1, GAN_LATENT, 1, 1, 1), "energy_in": (1, 1, 1, 1, 1)}
    return Port(inputs, (1, z, cells_x, cells_y), given, read)


def _factor(card: ModelCard) -> float:
    """What the energy in the sensitive material was multiplied by."""
    calibration = card.calibration
    if calibration.meaning == "sensitive":
        return 1.0
    if len(calibration.factor) == 1:
        return calibration.factor[0]
    msg = (
        f"the cells of {card.name} are {calibration}: DDML deposits the energy in the sensitive "
        "material, and that is known for a single factor only"
    )
    raise ModelError(msg)


def vae_port(card: ModelCard) -> Port:
    """Par04ExampleVAE, for a model of rings; errors as of :func:`gan_port`."""
    mesh = own_mesh(card)

    def given(writer: GraphWriter) -> Given:
        flat = writer.reshape("input", LATENT + CONDITIONS)
        energy = writer.piece(flat, LATENT, LATENT + 1)
        tilt = writer.piece(flat, LATENT + 1, LATENT + 2)
        quarter_turn = writer.constant(np.pi / 2)
        theta = writer.add("Sub", quarter_turn, writer.add("Mul", tilt, quarter_turn))
        energy_gev = writer.add("Mul", energy, writer.constant(LARGEST_GEV))
        return Given(writer.piece(flat, 0, LATENT), LATENT, energy_gev, theta)

    def read(writer: GraphWriter, shower: Shower) -> str:
        return shower.in_units(writer, "fractions")

    return Port({"input": (1, LATENT + CONDITIONS)}, (1, *mesh.shape), given, read)
