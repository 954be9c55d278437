"""The factorised network in rings and sectors: laws of its parts, against slow definitions."""

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tests.conftest import make_tiny_cylinder  # noqa: E402
from tests.networks.parts import expected as showers_of  # noqa: E402
from tests.networks.parts import measure, set_deposits, set_quantiles, toy_row  # noqa: E402

from caloforge.detector import load_detector  # noqa: E402
from caloforge.engine.runtimes import RUNTIMES, runtimes_for  # noqa: E402
from caloforge.errors import ConfigError  # noqa: E402
from caloforge.networks.base import Domain, Rings  # noqa: E402
from caloforge.networks.factorised.deposits import QUANTILES  # noqa: E402
from caloforge.networks.factorised.fit.rings import RingMeasurement, ring_sums  # noqa: E402
from caloforge.networks.factorised.generator import (  # noqa: E402
    FactorisedGenerator,
    FactorisedOptions,
)
from caloforge.networks.factorised.knots import Knots  # noqa: E402
from caloforge.networks.factorised.rings.noise import RingNoise, neighbours  # noqa: E402
from caloforge.networks.factorised.rings.pattern import RingPattern  # noqa: E402

PERPENDICULAR = (math.pi / 2, math.pi / 2)
SMALL = FactorisedOptions(flow_steps=2, flow_width=8, rings=4, pattern_width=8)
REGULAR = Rings(edges=((0.0, 1.0, 2.0, 3.0),) * 6, sectors=(8,) * 6)
DIFFERING = Rings(edges=((0.0, 1.0, 2.0, 3.0), (0.0, 1.5, 3.0), (0.0, 3.0)), sectors=(6, 3, 1))


def domain(rings=REGULAR, theta=PERPENDICULAR):
    shape = (3, max(rings.sectors), len(rings.sectors))
    return Domain(shape=shape, energy_range_gev=(1, 100), theta_range_rad=theta, rings=rings)


def condition(n, rings=REGULAR, energy=20.0):
    return Knots(domain(rings))(torch.full((n,), energy), torch.full((n,), math.pi / 2))


def generator(rings=REGULAR):
    """A small network with tables of a plausible form."""
    torch.manual_seed(0)
    network = FactorisedGenerator(SMALL, domain(rings))
    energy = 100.0 ** torch.rand(1000)
    layers = len(rings.sectors)
    layer_energy = 0.003 * energy[:, None] * torch.exp(0.2 * torch.randn(1000, layers))
    set_quantiles(network.layers, layer_energy, energy, torch.full((1000,), math.pi / 2))
    set_deposits(network.deposits)
    return network.eval().requires_grad_(False)


def test_the_pattern_is_the_integral_of_a_round_gaussian_over_rings_and_sectors():
    pattern = RingPattern(domain(DIFFERING), 2, 4, Knots(domain()))
    pattern.log_sigma.data = torch.log(torch.tensor([0.8, 0.8]))
    with torch.no_grad():
        cells, beside, _ = pattern(torch.ones(1, 3), condition(1), None, None)
    x, y = np.meshgrid(*[np.linspace(-3, 3, 1202)[1:] - 0.0025] * 2, indexing="ij")
    radius, angle = np.hypot(x, y), np.arctan2(y, x) % (2 * np.pi)
    density = np.exp(-(radius**2) / (2 * 0.8**2)) * (radius < 3)
    for layer, (edges, sectors) in enumerate(zip(*DIFFERING.model_dump().values(), strict=True)):
        sector = np.floor(angle * sectors / (2 * np.pi))
        for ring in range(len(edges) - 1):
            inside = (radius >= edges[ring]) & (radius < edges[ring + 1]) & (sector == 0)
            share = density[inside].sum() / density.sum()
            assert cells[0, ring, 0, layer].item() == pytest.approx(share, abs=2e-3)
    assert torch.allclose(cells.sum(dim=(1, 2)), torch.ones(1, 3)) and (beside == 0).all()


def test_cells_that_a_layer_lacks_stay_empty():
    network = generator(DIFFERING)
    there = torch.ones(3, 6, 3, dtype=torch.bool)
    there[:, 3:, 1], there[2, :, 1], there[:, 1:, 2], there[1:, :, 2] = False, False, False, False
    cells = network(network.draw_latent(50), torch.full((50,), 50.0), torch.full((50,), 1.5708))
    assert (cells[:, ~there] == 0).all()
    assert all((cells[..., layer].sum(dim=(1, 2)) > 0).all() for layer in range(3))


def test_cells_add_up_to_the_layer_energies_and_no_direction_is_preferred():
    network, energy = generator(), torch.full((3000,), 30.0)
    latent = network.draw_latent(3000)
    cells = network(latent, energy, torch.full((3000,), math.pi / 2))
    known = network.knots(energy, torch.full((3000,), math.pi / 2))
    layers = network.layers(latent[:, : network.layers.latent_dim], known)
    assert torch.allclose(cells.sum(dim=(1, 2)), layers, rtol=1e-4)
    by_sector = cells.sum(dim=(0, 1, 3))
    assert torch.allclose(by_sector / by_sector.mean(), torch.ones(8), atol=0.05)


def test_a_layer_without_a_hit_gives_its_energy_to_one_cell_of_a_ring():
    row = toy_row(16)
    occupied = int((row > 1e-6).sum())
    assert (row[occupied:].diff() < 0).all()
    u = torch.rand(20_000, 16, generator=torch.Generator().manual_seed(1))
    u = u.clamp(min=1.0 / 300.0)
    nearest = row[torch.floor(u**0.25 * (QUANTILES - 0.01)).long()]
    winners = (nearest == nearest.amax(dim=1, keepdim=True)).sum(dim=1)
    assert winners.float().mean() < 1.3


def test_neighbours_go_round_and_stay_in_their_layer():
    ring, sector = neighbours((3, 6, 3), DIFFERING)
    place = torch.arange(3 * 6 * 3).reshape(3, 6, 3)
    assert sector.view(3, 6, 3)[0, 5, 0] == place[0, 0, 0]
    assert sector.view(3, 6, 3)[0, 2, 1] == place[0, 0, 1]
    assert ring.view(3, 6, 3)[0, 4, 0] == place[1, 4, 0]
    assert ring.view(3, 6, 3)[2, 4, 0] == place[2, 4, 0]
    assert ring.view(3, 6, 3)[1, 1, 1] == place[1, 1, 1]
    assert (ring % 3 == place.flatten() % 3).all() and (sector % 3 == place.flatten() % 3).all()


def test_noise_is_uniform_shared_with_neighbours_and_remembers_the_side():
    torch.manual_seed(0)
    noise = RingNoise(domain(), Knots(domain()))
    noise.sharing[1, 2] = 0.3
    noise.field.share[:, 0, 1] = 0.4
    first, second = noise(torch.rand(4000, noise.latent_dim), condition(4000))
    assert first.min() >= 0 and first.max() <= 1
    assert torch.allclose(first.mean(dim=0), torch.full((3, 8, 6), 0.5), atol=0.03)
    assert torch.allclose(second.mean(dim=0), torch.full((3, 8, 6), 0.5), atol=0.03)
    for sector in (0, 7):
        same = (first[:, 2, sector, 0] == first[:, 2, (sector + 1) % 8, 0]).float().mean()
        assert same.item() == pytest.approx(0.3 * 0.7, abs=0.03)
    opposite = torch.corrcoef(torch.stack([first[:, 0, 0, 0], first[:, 0, 4, 0]]))[0, 1]
    in_depth = torch.corrcoef(torch.stack([first[:, 0, 0, 0], first[:, 0, 0, 1]]))[0, 1]
    assert opposite.item() == pytest.approx(-0.38, abs=0.06)
    assert in_depth.item() == pytest.approx(0.4 * 0.92, abs=0.06)


def test_the_measurement_finds_the_noise_that_made_the_showers():
    made = generator()
    made.noise.sharing[1] = torch.tensor([0.25, 0.1, 0.0])
    made.noise.field.share[:, 0, 1] = 0.15
    torch.manual_seed(1)
    batches = []
    for _ in range(12):
        energy = 100.0 ** torch.rand(64)
        known = made.knots(energy, torch.full((64,), math.pi / 2))
        cells = made(made.draw_latent(64), energy, known.theta)
        layer_energy = cells.sum(dim=(1, 2))
        mean, *_ = made.pattern(layer_energy, known, None, None)
        batches.append(showers_of(known, cells, window=cells, mean=mean))
    fresh = generator()
    measurement = RingMeasurement(fresh, fresh.noise)
    measure(measurement, batches)
    assert torch.allclose(fresh.noise.sharing[1], made.noise.sharing[1], atol=0.08)
    assert fresh.noise.field.share[:, 0, 1].mean().item() == pytest.approx(0.15, abs=0.06)
    assert fresh.noise.field.share[:, 2].sum(dim=1).mean() < 0.06


def test_sums_of_products_do_not_change_when_showers_are_turned():
    torch.manual_seed(2)
    noise, residual = RingNoise(domain(), Knots(domain())), torch.randn(5, 3, 8, 6)
    sums = ring_sums(noise, residual, condition(5))
    turned = ring_sums(noise, residual.roll(3, 2), condition(5))
    for one, other in zip(sums, turned, strict=True):
        assert torch.allclose(one, other, rtol=1e-4, atol=1e-6)


def test_windows_and_inclined_showers_are_refused():
    with pytest.raises(ConfigError, match="a window is of pads"):
        FactorisedGenerator(SMALL.model_copy(update={"window": (3, 3)}), domain())
    with pytest.raises(ConfigError, match="all at one angle"):
        FactorisedGenerator(SMALL, domain(theta=(1.0, 2.0)))


def test_a_domain_knows_the_rings_of_its_detector():
    detector = load_detector("calochallenge_photons")
    (window,) = detector.windows
    found = Domain.of(detector, window, (1.0, 10.0), PERPENDICULAR)
    present = detector.geometry(window).present
    assert [len(edges) - 1 for edges in found.rings.edges] == present.any(axis=1).sum(
        axis=0
    ).tolist()
    assert list(found.rings.sectors) == present.any(axis=0).sum(axis=0).tolist()
    assert Domain.of(load_detector("clic_ecal"), "fixed", (1, 2), PERPENDICULAR).rings is None


@pytest.fixture
def card():
    """A card of a tiny cylinder."""
    from caloforge.card import TABLES, Latent, ModelCard

    detector = make_tiny_cylinder()
    return ModelCard(
        name="tiny",
        network="factorised",
        detector=detector,
        detector_digest=detector.digest,
        window="rings",
        energy_range_gev=(1.0, 100.0),
        theta_range_rad=PERPENDICULAR,
        latent=Latent(dim=generator().latent_dim, distribution="uniform"),
        **TABLES,
    )


def test_every_engine_that_is_there_is_asked_for_a_cylinder(card):
    assert runtimes_for(card) == [name for name, each in RUNTIMES.items() if each.installed]


@pytest.mark.slow
def test_a_cylinder_is_exported_with_its_tables(card, tmp_path):
    onnx = pytest.importorskip("onnx")
    from caloforge.export import export_generator

    network = FactorisedGenerator(
        SMALL.model_copy(update={"local_correlations": True}), domain()
    ).eval()
    network.deposits.table.copy_(generator().deposits.table)
    export_generator(network, card, tmp_path / "tiny.onnx")
    found = {p.key: p.value for p in onnx.load(tmp_path / "tiny.onnx").metadata_props}
    lines = found["caloforge.tables"].splitlines()
    assert lines[0] == "factorised_rings 2"
    assert "sectors 8 8 8 8 8 8" in lines


@pytest.mark.slow
def test_tables_that_are_made_of_many_numbers_are_in_the_graph(card):
    """Of 400 Gaussians at 24 edges: the exporter leaves more than 8192 to the graph."""
    pytest.importorskip("onnx")
    from caloforge.export import example_inputs, initializers_of, trace
    from caloforge.networks.factorised.tables import named, tables

    network = FactorisedGenerator(SMALL.model_copy(update={"rings": 400}), domain()).eval()
    held = initializers_of(trace(network, example_inputs(card, 3)))
    assert "pattern.shares" in named(held, tables(network))
