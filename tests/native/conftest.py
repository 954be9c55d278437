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

from caloforge.card import METADATA_KEY, Latent, ModelCard, TrainingRecord  # noqa: E402
from caloforge.config import build  # noqa: E402
from caloforge.errors import ModelError  # noqa: E402
from caloforge.export import export_generator  # noqa: E402
from caloforge.networks.base import Domain  # noqa: E402
from caloforge.networks.factorised.deposits import (  # noqa: E402
    CLASSES,
    EXPECTATIONS,
    QUANTILES,
)
from caloforge.networks.factorised.generator import FactorisedGenerator, FactorisedOptions  # noqa: E402
from caloforge.networks.factorised.pattern import SHIFT_SIGMAS  # noqa: E402
from caloforge.networks.factorised.tables import TABLES_KEY  # noqa: E402
from caloforge.units import degree  # noqa: E402
from caloforge.zoo import model_path  # noqa: E402
from tests.conftest import make_toy_detector  # noqa: E402
from tests.networks.parts import set_quantiles  # noqa: E402

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
def whole_toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small network of perpendicular showers that asks the whole image."""
    return export_toy(tmp_path_factory.mktemp("native") / "whole.onnx", "fixed", None)


@pytest.fixture(scope="session")
def inclined_toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small network of inclined showers with a window and a halo."""
    return export_toy(tmp_path_factory.mktemp("native") / "inclined.onnx", "angle", (5, 5))


@pytest.fixture(scope="session")
def late_toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One with correlations at every knot, a flow that was not trained, and late beginnings."""
    path = tmp_path_factory.mktemp("native") / "late.onnx"
    return export_toy(path, "angle", (5, 5), local_correlations=True, conversion=True)


@pytest.fixture(scope="session")
def shared_toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One that :mod:`caloforge.make` would train: one pattern for all layers, a moved centre."""
    path = tmp_path_factory.mktemp("native") / "shared.onnx"
    return export_toy(
        path, "fixed", (5, 5), local_correlations=True, shared_pattern=True, off_centre=True
    )


@pytest.fixture(scope="session")
def shared_inclined_toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same of inclined showers, which begin late."""
    path = tmp_path_factory.mktemp("native") / "shared_inclined.onnx"
    return export_toy(
        path, "angle", (5, 5), local_correlations=True, conversion=True, shared_pattern=True,
        off_centre=True,
    )  # fmt: skip


TOYS = [
    pytest.param(name, marks=pytest.mark.slow)
    for name in ("whole_toy", "inclined_toy", "late_toy", "shared_toy", "shared_inclined_toy")
]
"""Slow, because exporting them is."""


@pytest.fixture(params=[*BUNDLED, *TOYS])
def model(request: pytest.FixtureRequest) -> Path:
    """Every kind of model file."""
    if request.param in BUNDLED:
        return model_path(request.param)
    path: Path = request.getfixturevalue(request.param)
    return path


def export_toy(path: Path, image: str, window: tuple[int, int] | None, **others: bool) -> Path:
    detector = make_toy_detector()
    theta = tuple(angle * degree for angle in detector.windows[image].theta_deg)
    shape = detector.cell_shape(image)
    options = FactorisedOptions(
        flow_steps=2, flow_width=8, rings=4, pattern_width=8, window=window, halo_particles=20,
        **others,
    )  # fmt: skip
    domain = Domain(
        shape=shape, energy_range_gev=(10.0, 500.0), theta_range_rad=theta,
        layer_depths_pads=(0.5, 1.2, 1.9, 2.6),
    )  # fmt: skip
    torch.manual_seed(0)
    network = FactorisedGenerator(options, domain)
    with torch.no_grad():
        fill(network)
    card = ModelCard(
        name="toy", network="factorised", detector=detector, detector_digest=detector.digest,
        window=image, energy_range_gev=(10.0, 500.0), theta_range_rad=theta,
        latent=Latent(dim=network.latent_dim, distribution="uniform"),
        training=TrainingRecord(recipe={"network": options.model_dump(mode="json")}),
    )  # fmt: skip
    export_generator(network, card, path)
    return path


def fill(network: FactorisedGenerator) -> None:
    """Random weights, and tables with the properties of measured ones."""
    for parameter in network.parameters():
        parameter.add_(0.1 * torch.randn_like(parameter))
    energy = 10.0 * 50.0 ** torch.rand(2000)
    low, high = network_theta(network)
    theta = low + (high - low) * torch.rand(2000)
    noise = 0.2 * torch.randn(2000, 1) + 0.2 * torch.randn(2000, network.layers.size)
    layers = 0.003 * energy[:, None] ** 0.95 * torch.exp(noise)
    set_quantiles(network.layers, layers, energy, theta)
    if network.layers.local:
        network.layers.colouring.add_(0.2 * torch.rand_like(network.layers.colouring).tril())
        for coupling in network.layers.couplings:
            coupling.network[-1].weight.zero_()
            coupling.network[-1].bias.zero_()
    if network.layers.conversion is not None:
        begun = network.layers.conversion.begun
        begun.copy_(torch.linspace(0.5, 1.0, begun.shape[1]).expand_as(begun))
    network.noise.core.share.fill_(0.3)
    network.deposits.shift.copy_(0.5 * torch.randn_like(network.deposits.shift))
    rows = torch.stack([deposit_row(10 ** (row / 8 - 8)) for row in range(EXPECTATIONS)])
    network.deposits.table.copy_(rows.repeat(CLASSES, 1).flatten())
    if network.axis.moves_centre:
        network.axis.off_centre.copy_(torch.linspace(0.05, 0.1, len(network.axis.off_centre)))
    if network.knots.inclined:
        network.axis.lean.fill_(-0.1)
        network.axis.wander.fill_(0.05)
    if network.halo is not None:
        network.halo.per_gev.fill_(300.0)
        network.halo.pairs.copy_(torch.tensor([0.1, 0.3]))
        network.halo.deposit.copy_(torch.linspace(1e-5, 1e-3, len(network.halo.deposit)))
        network.halo.kept.copy_(torch.rand_like(network.halo.kept))


def network_theta(network: FactorisedGenerator) -> tuple[float, float]:
    tilt = math.atan(network.knots.steepest)
    return math.pi / 2 - tilt, math.pi / 2 + tilt


def deposit_row(expected_gev: float) -> torch.Tensor:
    """Deposits of 0.1 to 0.5 MeV, Poisson in number: energy over expectation by u**(1/4)."""
    chance = 1 - math.exp(-expected_gev / 3e-4)
    occupied = max(1, round(chance**0.25 * QUANTILES))
    hits = torch.linspace(1.7, 0.3, occupied) / chance
    misses = torch.exp((-20.0 - torch.arange(QUANTILES - occupied)).clamp(min=-50.0))
    return torch.cat([hits, misses])
