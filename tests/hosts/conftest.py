"""The bundled model as each host loads it; its response is measured once for all of them."""

import functools

import numpy as np
import onnxruntime
import pytest

pytest.importorskip("onnx")
from caloforge.engine.base import read_card
from caloforge.engine.latent import draw_latent
from caloforge.engine.response import measure_response
from caloforge.hosts import folder as host_folder
from caloforge.zoo import model_path

NAME = "clic_ecal_fixed"
SHOWERS = 200
ENERGIES = 20.0, 300.0


@pytest.fixture(scope="session")
def exported(tmp_path_factory):
    """``exported(host)``: the folder of the bundled model for a host."""
    patch = pytest.MonkeyPatch()
    response = functools.cache(lambda path: measure_response(path, read_card(path), showers=4096))
    patch.setattr(host_folder, "measure_response", lambda path, _: response(path))

    @functools.cache
    def export(host):
        folder = tmp_path_factory.mktemp(host)
        host_folder.export_for_host(host, model_path(NAME), folder)
        return folder

    yield export
    patch.undo()


@pytest.fixture(scope="session")
def own():
    """``own(energy)``: mean cells (X, Y, Z) in GeV of the model itself, by its latents."""
    path = model_path(NAME)
    card = read_card(path)
    session = onnxruntime.InferenceSession(path)

    @functools.cache
    def mean(energy):
        n = 2 * SHOWERS
        (cells,) = session.run(
            ["cells"],
            {
                "latent": draw_latent(card.latent, seed=5, start=0, stop=n),
                "energy": np.full(n, energy, np.float32),
                "theta": np.full(n, np.pi / 2, np.float32),
            },
        )
        return cells.mean(axis=0, dtype=np.float64)

    return mean
