"""Models for the native sampler, and the networks that they were exported from."""

import math
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")
pytest.importorskip(
    "caloforge_native", reason="caloforge-native is not built (make test builds it)"
)

from caloforge.card import METADATA_KEY, ModelCard  # noqa: E402
from caloforge.config import build  # noqa: E402
from caloforge.errors import ModelError  # noqa: E402
from caloforge.networks.base import Domain  # noqa: E402
from caloforge.networks.factorised.generator import FactorisedGenerator, FactorisedOptions  # noqa: E402
from caloforge.networks.factorised.pattern import SHIFT_SIGMAS  # noqa: E402
from caloforge.networks.factorised.tables import TABLES_KEY  # noqa: E402
from caloforge.zoo import model_path  # noqa: E402
from tests.native.toys import TOYS, toy_network, write_tables  # noqa: E402

BUNDLED = ("clic_ecal_fixed", "clic_ecal_angle")
NETWORKS: dict[Path, FactorisedGenerator] = {}
"""Of the files of small networks."""


def network_of(path: Path) -> FactorisedGenerator:
    """The network whose tables a model file has."""
    return NETWORKS.get(path) or rebuilt(path)


@torch.no_grad()
def rebuilt(path: Path) -> FactorisedGenerator:
    """The network on pads that a model file was exported from, made of its tables."""
    model = onnx.load(str(path))
    held = {t.name: onnx.numpy_helper.to_array(t) for t in model.graph.initializer}
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    card = ModelCard.from_json(metadata[METADATA_KEY], where=str(path))
    lines = [line.split() for line in metadata[TABLES_KEY].splitlines()]
    named = {line[1]: held[line[2]] for line in lines if line[0] == "table"}
    tables = {name: torch.from_numpy(np.array(value)) for name, value in (held | named).items()}
    options = build(
        FactorisedOptions, card.training.recipe["network"], where=str(path), error=ModelError
    )
    depths = tuple(tables["axis.depth"].tolist()) if "axis.depth" in tables else ()
    domain = Domain(
        shape=card.cell_shape, energy_range_gev=card.energy_range_gev,
        theta_range_rad=card.theta_range_rad, layer_depths_pads=depths,
    )  # fmt: skip
    network = FactorisedGenerator(options, domain)
    sigma = 1.0 / (tables["pattern.steepness"].flatten() * math.sqrt(2.0))
    tables["pattern.log_sigma"] = sigma.log()
    if "layers.colouring.transposed" in tables:
        tables["layers.colouring"] = tables["layers.colouring.transposed"].T
    if network.halo is not None:
        tables["halo.alias"] = tables["halo.instead"]
        pairs = [tables["halo.pairs.few"], tables["halo.pairs.more"]]
        tables["halo.pairs"] = torch.stack(pairs).flatten()
    if network.knots.inclined:
        parts = [tables["pattern.shift.at"], tables["pattern.shift.with_energy"]]
        tables["pattern.shift"] = torch.stack(parts) / (SHIFT_SIGMAS * sigma)
    for name, mine in (*network.named_parameters(), *network.named_buffers()):
        if name in tables:
            mine.copy_(tables[name].reshape(mine.shape))
    return network.eval()


@pytest.fixture(scope="session", params=BUNDLED)
def bundled(request: pytest.FixtureRequest) -> Path:
    return model_path(request.param)


@pytest.fixture(scope="session")
def toy_file(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The model file of a kind of small networks, made once."""

    @cache
    def file_of(kind: str) -> Path:
        path = tmp_path_factory.mktemp("native") / f"{kind}.onnx"
        NETWORKS[path], card = toy_network(TOYS[kind])
        write_tables(path, NETWORKS[path], card)
        return path

    return file_of


@pytest.fixture(params=[*BUNDLED, *TOYS])
def model(request: pytest.FixtureRequest, toy_file: Callable[[str], Path]) -> Path:
    """Every kind of model file."""
    return model_path(request.param) if request.param in BUNDLED else toy_file(request.param)
