"""Models for the native sampler, and the networks that they were exported from."""

import math
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")
pytest.importorskip(
    "caloforge_native", reason="caloforge-native is not built (make test builds it)"
)

from caloforge.models.base import Domain  # noqa: E402
from caloforge.models.factorised import FactorisedGenerator, FactorisedOptions  # noqa: E402
from caloforge.models.factorised_pattern import SHIFT_SIGMAS  # noqa: E402
from caloforge.models.factorised_tables import TABLES_KEY  # noqa: E402

from caloforge.card import METADATA_KEY, ModelCard  # noqa: E402
from caloforge.config import build  # noqa: E402
from caloforge.errors import ModelError  # noqa: E402
from caloforge.zoo import model_path  # noqa: E402

BUNDLED = ("clic_ecal_fixed", "clic_ecal_angle")


@torch.no_grad()
def network_of(path: Path) -> FactorisedGenerator:
    """The network that a model file was exported from, rebuilt from its tables."""
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
    tables["layers.colouring"] = tables["layers.colouring.transposed"].T
    if network.halo is not None:
        pairs = [tables["halo.pairs.few"], tables["halo.pairs.more"]]
        tables["halo.pairs"] = torch.stack(pairs).flatten()
    if network.knots.inclined:
        parts = [tables["pattern.shift.at"], tables["pattern.shift.with_energy"]]
        tables["pattern.shift"] = torch.stack(parts) / (SHIFT_SIGMAS * sigma)
    for name, mine in (*network.named_parameters(), *network.named_buffers()):
        for held_as in (name, name.replace("noise.core.share", "noise.core.share")):
            if held_as in tables:
                mine.copy_(tables[held_as].reshape(mine.shape))
    return network.eval()


@pytest.fixture(scope="session", params=BUNDLED)
def bundled(request: pytest.FixtureRequest) -> Path:
    return model_path(request.param)
