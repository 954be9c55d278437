"""Models for the native sampler, and the networks that they were exported from."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")
pytest.importorskip(
    "caloforge_native", reason="caloforge-native is not built (make test builds it)"
)

from caloforge.card import METADATA_KEY, ModelCard  # noqa: E402
from caloforge.networks.factorised.generator import FactorisedGenerator  # noqa: E402
from caloforge.networks.factorised.restore import restored  # noqa: E402
from caloforge.networks.factorised.tables import TABLES_KEY  # noqa: E402
from caloforge.zoo import model_path  # noqa: E402
from tests.native.toys import TOYS, toy_network, write_tables  # noqa: E402

BUNDLED = ("clic_ecal_fixed", "clic_ecal_angle")
NETWORKS: dict[Path, FactorisedGenerator] = {}
"""Of the files of small networks."""


def network_of(path: Path) -> FactorisedGenerator:
    """The network whose tables a model file has."""
    return NETWORKS.get(path) or rebuilt(path)


def rebuilt(path: Path) -> FactorisedGenerator:
    """The network that a model file was exported from, made of its tables."""
    model = onnx.load(str(path))
    held = {t.name: onnx.numpy_helper.to_array(t) for t in model.graph.initializer}
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    card = ModelCard.from_json(metadata[METADATA_KEY], where=str(path))
    return restored(card, metadata[TABLES_KEY], held)


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
