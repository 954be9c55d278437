"""A folder for a host: the graph, its macro or steering file, and a README."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx

from caloforge.atomic import check_writable, replacing
from caloforge.card import ModelCard, Response
from caloforge.engine.base import read_card
from caloforge.engine.response import measure_response
from caloforge.errors import OutputError
from caloforge.hosts import ddml, fastcalosim, par04, steering
from caloforge.hosts.graph import Port, embed
from caloforge.hosts.mesh import own_mesh
from caloforge.units import degree


@dataclass(frozen=True)
class HostFiles:
    """What a host needs beside the graph.

    Attributes
    ----------
    title : the host, and how it is run with the files.
    port : its side of the graph.
    meaning : what the output holds, and in which order.
    steering : macro, steering and binning files by what follows the model's name in theirs.
    notes : what a user must know, a line each.
    """

    title: str
    port: Port
    meaning: str
    steering: dict[str, str | bytes]
    notes: list[str] = field(default_factory=list)


def export_for_host(host: str, model: Path, folder: Path) -> Path:
    """Write a model file for a host of :data:`HOSTS` into a folder; the graph's path.

    Raises
    ------
    ModelError
        if it is no model file, or the host cannot hold it: with the reason.
    OutputError
        if the folder cannot be written.
    """
    card = read_card(model)
    name = model.stem
    files = HOSTS[host](card, name)
    _make(folder)
    response = measure_response(model, card)
    graph = embed(onnx.load(model), card, files.port, response)
    whole: dict[str, str | bytes] = {
        f"{name}{ending}": content for ending, content in files.steering.items()
    }
    whole["README.md"] = readme(card, name, files, response)
    whole[f"{name}.onnx"] = graph.SerializeToString()
    for file, content in whole.items():
        path = folder / file
        check_writable(path)
        with replacing(path) as partial:
            partial.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder / f"{name}.onnx"


def _make(folder: Path) -> None:
    try:
        folder.mkdir(exist_ok=True)
    except OSError as problem:
        msg = f"cannot make the folder {folder}: {problem.strerror or problem}"
        raise OutputError(msg) from None


def readme(card: ModelCard, name: str, files: HostFiles, response: Response) -> str:
    """Ten lines or so on the files of a folder."""
    low, high = card.energy_range_gev
    theta_low, theta_high = (angle / degree for angle in card.theta_range_rad)
    ends = response(np.array([low, high], np.float32), sum(card.theta_range_rad) / 2)
    shapes = ", ".join(f"{key} {shape}" for key, shape in files.port.inputs.items())
    lines = [
        f"{card.particle}, {low:g}-{high:g} GeV, theta {theta_low:g}-{theta_high:g} degrees "
        f"({card.detector.name}, window {card.window}). Outside this range the graph makes the "
        "nearest energy's shower and scales it to Ep.",
        f"{name}.onnx, float32: in {shapes}; out {files.port.shape}: {files.meaning}.",
        f"Mean sum of the model's cells over Ep, measured at export with {response.showers} "
        f"showers: {ends[0]:.4g} at {low:g} GeV, {ends[1]:.4g} at {high:g} GeV, to "
        f"{response.error:.1g} relative{'' if card.one_angle else ', at the middle angle'}; "
        "a polynomial in ln Ep (and the angle) inside the graph divides by it "
        "where energies are calibrated to Ep.",
        "One shower a call, one thread, already optimised: leave the host's optimisation off. One "
        "session a thread.",
        *files.notes,
    ]
    return "\n".join([f"# {card.name} in {files.title}", "", *(f"- {line}" for line in lines), ""])


SEEDED = "The host's random numbers alone make the shower: its seed fixes it."
RINGS = "fractions of Ep, ring slowest, then sector, then layer"


def _par04(card: ModelCard, name: str) -> HostFiles:
    mesh = par04.mesh_of(card, par04.FINE)
    return HostFiles(
        f"Geant4's example Par04: `./examplePar04 -m {name}.mac`", par04.vae_port(card),
        f"{RINGS}, calibrated to Ep", {".mac": steering.par04_macro(card, name, mesh, "VAE")},
        [SEEDED, *_resampled(card)],
    )  # fmt: skip


def _calodit(card: ModelCard, name: str) -> HostFiles:
    mesh = par04.mesh_of(card, par04.COARSE)
    return HostFiles(
        f"Geant4's example Par04: `./examplePar04 -m {name}.mac`", par04.calodit_port(card),
        "GeV, ring slowest, then sector, then layer, calibrated to Ep",
        {".mac": steering.par04_macro(card, name, mesh, "CaloDiT-2")},
        [
            "This mode hands over no random numbers: they are drawn inside, and no seed of the "
            "host fixes them. ONNX Runtime draws alike in all sessions of a process; the "
            "particle's energy and direction are mixed in, so shoot particles that differ, or "
            "take the VAE mode (--for par04), where several threads run.",
            *_resampled(card),
        ],
    )  # fmt: skip


def _resampled(card: ModelCard) -> list[str]:
    if card.detector.readout != "pads":
        return []
    return [
        "Pads are shared among the mesh's cells by area, layers among its slices by depth; what "
        "lies beyond the mesh is shared out among the layer's cells in it, in proportion."
    ]


def _ddml(card: ModelCard, name: str) -> HostFiles:
    title = f"key4hep DDML: `ddsim --steeringFile {name}.py --compactFile DETECTOR.xml`"
    region = "Set the detector's name, region and symmetry in the steering file to your geometry's."
    if card.detector.readout == "pads":
        text = steering.ddml_steering(card, name, None)
        return HostFiles(
            title, ddml.gan_port(card), "MeV in the sensitive material, [layer][x][y]",
            {".py": text},
            [
                SEEDED, region,
                "Pads are halved along x and y, a quarter of the energy each: the host places an "
                "odd number of cells half a cell off.",
            ],
        )  # fmt: skip
    text = steering.ddml_steering(card, name, own_mesh(card))
    meaning = f"{RINGS}, calibrated to Ep"
    return HostFiles(title, ddml.vae_port(card), meaning, {".py": text}, [SEEDED, region])


def _fastcalosim(card: ModelCard, name: str) -> HostFiles:
    return HostFiles(
        f"FastCaloSim: `root {name}.C`", fastcalosim.port(card),
        "MeV a voxel, layer by layer, calibrated to Ep",
        {
            ".C": steering.fastcalosim_macro(card, name),
            ".binning.h5": fastcalosim.binning_file(card),
        },
        [
            SEEDED,
            "The host sets no number of threads: run it with ORT_LOAD_CONFIG_FROM_MODEL=1, and "
            "ONNX Runtime takes the one thread that the file asks for.",
            "Voxels and layers other than the host's own photon model need `setInputShapes`, as "
            "in the macro.",
        ],
    )  # fmt: skip


HOSTS: dict[str, Callable[[ModelCard, str], HostFiles]] = {
    "par04": _par04,
    "par04-calodit": _calodit,
    "ddml": _ddml,
    "fastcalosim": _fastcalosim,
}
"""Hosts by the names that the command line knows them by."""
