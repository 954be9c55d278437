"""The factorised network: laws of its parts, each checked against a slow definition."""

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from caloforge.models.base import Domain  # noqa: E402
from caloforge.models.factorised import (  # noqa: E402
    FactorisedGenerator,
    FactorisedOptions,
    scale_to_layers,
)
from caloforge.models.factorised_deposits import (  # noqa: E402
    EXPECTATIONS,
    LAYER_CLASSES,
    QUANTILES,
    DepositSampler,
)
from caloforge.models.factorised_knots import EnergyKnots  # noqa: E402
from caloforge.models.factorised_layers import LayerEnergies, normal_from_uniform  # noqa: E402
from caloforge.models.factorised_noise import CellNoise  # noqa: E402
from caloforge.models.factorised_pattern import ImpactPoint, TransversePattern  # noqa: E402
from caloforge.models.logarithm import ranged_logarithm  # noqa: E402
from caloforge.train.factorised_measure import (  # noqa: E402
    BIN_WIDTH,
    BINS,
    LOWEST_LOG_RATIO,
    quantile_row,
)

SHAPE = (9, 9, 6)
ENERGY_RANGE = (10.0, 500.0)
SMALL = FactorisedOptions(flow_steps=2, flow_width=8, rings=4, pattern_width=8)


@pytest.fixture
def knots():
    return EnergyKnots(ENERGY_RANGE)


@pytest.fixture
def layer_sample():
    """Layer energies (2000, 6) in GeV, correlated and rising with Ep, and Ep in GeV."""
    rng = torch.Generator().manual_seed(1)
    energy = 10.0 * 50.0 ** torch.rand(2000, generator=rng)
    common = torch.randn(2000, 1, generator=rng)
    noise = 0.2 * common + 0.2 * torch.randn(2000, 6, generator=rng)
    return 0.003 * energy[:, None] ** 0.95 * torch.exp(noise), energy


@pytest.fixture
def generator(layer_sample):
    """A small network with tables of a plausible form."""
    torch.manual_seed(0)
    domain = Domain(
        shape=SHAPE, energy_range_gev=ENERGY_RANGE, theta_range_rad=(math.pi / 2, math.pi / 2)
    )
    network = FactorisedGenerator(SMALL, domain)
    network.layers.measure(*layer_sample)
    network.impact.measure(torch.rand(2000, 2) - 0.5, layer_sample[1])
    rows = [toy_row(10 ** (row / 8 - 8)) for row in range(EXPECTATIONS)]
    network.deposits.table.copy_(torch.stack(rows).repeat(LAYER_CLASSES, 1).flatten())
    return network.eval()


def toy_row(expected_gev):
    """A table row for deposits of 0.1 to 0.5 MeV, Poisson in number."""
    chance = 1 - math.exp(-expected_gev / 3e-4)
    histogram = torch.zeros(BINS, dtype=torch.float64)
    for ratio in np.linspace(0.3, 1.7, 20) / chance:
        histogram[int((math.log(ratio) - LOWEST_LOG_RATIO) / BIN_WIDTH)] += 1
    return quantile_row(histogram, chance)


def test_cells_add_up_to_the_layer_energies_and_keep_the_threshold(generator):
    energy = torch.tensor([10.0, 50.0, 500.0])
    latent = generator.draw_latent(3)
    cells = generator(latent, energy, torch.full((3,), math.pi / 2))
    layers = generator.layers(latent[:, : generator.layers.latent_dim], energy)
    assert cells.shape == (3, *SHAPE)
    assert torch.allclose(cells.sum(dim=(1, 2)), layers, rtol=1e-4)
    assert (cells[cells > 0] >= 1e-8).all()
    assert 0 < (cells > 0).float().mean() < 1


def test_the_same_latent_gives_the_same_shower_in_any_batch(generator):
    latent, energy = generator.draw_latent(4), torch.tensor([10.0, 30.0, 90.0, 400.0])
    theta = torch.full((4,), math.pi / 2)
    together = generator(latent, energy, theta)
    alone = generator(latent[2:3], energy[2:3], theta[2:3])
    assert torch.allclose(together[2:3], alone, rtol=1e-4, atol=1e-8)


def test_a_layer_without_a_hit_gives_its_energy_to_the_nearest_cell():
    deposit = torch.full((1, 3, 3, 2), 1e-15)
    deposit[0, 1, 2, 0] = 2e-15
    deposit[..., 1] = 1.0
    cells = scale_to_layers(deposit, torch.tensor([[3e-4, 9.0]]))
    assert cells[0, 1, 2, 0] == pytest.approx(3e-4)
    assert (cells[..., 0] > 0).sum() == 1
    assert torch.allclose(cells[0, ..., 1], torch.ones(3, 3))


def test_an_untrained_generator_gives_empty_showers():
    domain = Domain(shape=SHAPE, energy_range_gev=ENERGY_RANGE, theta_range_rad=(1.5, 1.5))
    network = FactorisedGenerator(SMALL, domain)
    cells = network(network.draw_latent(2), torch.tensor([20.0, 30.0]), torch.ones(2))
    assert (cells == 0).all()


def test_the_flow_is_inverted_by_its_likelihood(knots, layer_sample):
    torch.manual_seed(0)
    layers = LayerEnergies(6, 3, 8, knots)
    for parameter in layers.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    noise, condition = torch.randn(5, 6), torch.zeros(5, 1)
    data = noise
    for coupling in reversed(layers.couplings):
        data = coupling.generate(data, condition)
    back, volume = data, torch.zeros(5)
    for coupling in layers.couplings:
        back, change = coupling(back, condition)
        volume += change
    assert torch.allclose(back, noise, atol=1e-5)


def test_layer_energies_have_the_measured_distribution(knots, layer_sample):
    layers = LayerEnergies(6, 1, 8, knots)
    layers.measure(*layer_sample)
    _, energy = layer_sample
    with torch.no_grad():
        made = layers(torch.rand(2000, layers.latent_dim), energy)
    real = layer_sample[0]
    assert torch.allclose(
        (made / energy[:, None]).mean(0), (real / energy[:, None]).mean(0), rtol=0.03
    )
    spread = (made / energy[:, None]).std(0) / (real / energy[:, None]).std(0)
    assert torch.allclose(spread, torch.ones(6), atol=0.1)
    between = torch.corrcoef(torch.log(made / energy[:, None] ** 0.95).T)[0, 1]
    assert between.item() == pytest.approx(0.5, abs=0.1)


def test_the_response_is_calibrated_in_mean_and_width(knots, layer_sample):
    layers = LayerEnergies(6, 1, 8, knots)
    layers.measure(*layer_sample)
    real, energy = layer_sample
    wanted = real * torch.linspace(0.8, 1.1, 6) * (1 + 0.2 * torch.randn(2000, 1))
    layers.calibrate(wanted, energy)
    with torch.no_grad():
        made = layers(torch.rand(2000, layers.latent_dim), energy)
    made, wanted = made / energy[:, None], wanted / energy[:, None]
    assert torch.allclose(made.mean(dim=0), wanted.mean(dim=0), rtol=0.04)
    assert made.sum(dim=1).std().item() == pytest.approx(wanted.sum(dim=1).std().item(), rel=0.1)


def test_box_muller_gives_normal_numbers():
    normal = normal_from_uniform(torch.rand(20000, 2, generator=torch.Generator().manual_seed(1)))
    assert normal.mean().abs() < 0.02 and (normal.std() - 1).abs() < 0.02
    assert torch.isfinite(normal_from_uniform(torch.tensor([[0.0, 0.0], [1.0, 1.0]]))).all()


def test_the_pattern_is_the_integral_of_round_gaussians(knots):
    pattern = TransversePattern((9, 9, 1), 2, 4, knots)
    pattern.log_sigma.data = torch.log(torch.tensor([0.8, 0.8]))
    pattern.eval().requires_grad_(False)
    impact = torch.tensor([[0.3, -0.2]])
    cells = pattern(torch.ones(1, 1), torch.tensor([50.0]), impact)[0, ..., 0]
    fine = (torch.arange(9 * 40) + 0.5) / 40 - 4.5
    radius2 = (fine[:, None] - 0.3) ** 2 + (fine[None] + 0.2) ** 2
    density = torch.exp(-radius2 / (2 * 0.8**2)).reshape(9, 40, 9, 40).sum(dim=(1, 3))
    assert torch.allclose(cells, density / density.sum(), atol=3e-5)


def test_the_pattern_follows_the_symmetries_of_the_impact_point(knots):
    pattern = TransversePattern(SHAPE, 4, 8, knots)
    layer_energy, energy = torch.rand(2, 6), torch.tensor([20.0, 200.0])
    impact = torch.tensor([[0.3, -0.2], [0.1, 0.4]])
    cells = pattern(layer_energy, energy, impact)
    mirrored = pattern(layer_energy, energy, impact * torch.tensor([-1.0, 1.0]))
    transposed = pattern(layer_energy, energy, impact.flip(1))
    assert torch.allclose(cells.flip(1), mirrored, atol=1e-7)
    assert torch.allclose(cells.transpose(1, 2), transposed, atol=1e-7)
    assert torch.allclose(cells.sum(dim=(1, 2)), layer_energy, rtol=1e-5)


def test_impact_points_have_the_measured_distribution(knots):
    impact = ImpactPoint(knots)
    energy = 10.0 * 50.0 ** torch.rand(4000)
    impact.measure(torch.rand(4000, 2) - 0.5, energy)
    made = impact(torch.rand(4000, 2), energy)
    assert made.mean().abs() < 0.02
    assert made.std() == pytest.approx(1 / math.sqrt(12), rel=0.03)
    assert made.abs().quantile(0.98) == pytest.approx(0.49, abs=0.02)


def test_cell_noise_is_uniform_and_pairwise_independent(knots):
    torch.manual_seed(0)
    noise = CellNoise((5, 5, 4), sharing=0.0, knots=knots)
    first, second = noise(torch.rand(5000, noise.latent_dim), torch.full((5000,), 50.0))
    assert first.min() >= 0 and first.max() < 1
    flat = torch.cat([first.flatten(1), second.flatten(1)], dim=1)
    assert torch.allclose(flat.mean(0), torch.full((200,), 0.5), atol=0.02)
    off_diagonal = torch.corrcoef(flat.T) - torch.eye(200)
    assert off_diagonal.abs().max() < 0.08


def test_sharing_is_the_correlation_of_neighbours(knots):
    torch.manual_seed(0)
    noise = CellNoise((5, 5, 1), sharing=0.2, knots=knots)
    first, _ = noise(torch.rand(5000, noise.latent_dim), torch.full((5000,), 50.0))
    centre, right, below = first[:, 2, 2, 0], first[:, 3, 2, 0], first[:, 2, 3, 0]
    for neighbour in (right, below):
        same = (centre == neighbour).float().mean()
        assert same == pytest.approx(0.2 * 0.6, abs=0.02)


def test_the_core_remembers_the_layer_before(knots):
    torch.manual_seed(0)
    noise = CellNoise((5, 5, 4), sharing=0.0, knots=knots)
    noise.core.share[:, 1, 1] = 0.6
    first, _ = noise(torch.rand(5000, noise.latent_dim), torch.full((5000,), 50.0))
    assert first.mean().item() == pytest.approx(0.5, abs=0.01)
    centre = torch.corrcoef(first[:, 2, 2].T)
    assert centre[0, 1] == pytest.approx(0.3, abs=0.05)
    assert centre[0, 2] == pytest.approx(0.15, abs=0.05)
    assert torch.corrcoef(first[:, 2, 3, :2].T)[0, 1].abs() < 0.05


def test_the_logarithm_is_right_in_its_range():
    values = torch.logspace(-8.6, 0.4, 10_001)
    error = ranged_logarithm(values, 2e-9, 3.0) - values.double().log()
    assert error.abs().max() < 2e-5
    ends = ranged_logarithm(torch.tensor([0.0, 1e9]), 2e-9, 3.0)
    assert torch.allclose(ends, torch.tensor([2e-9, 3.0]).log(), atol=2e-5)


def test_the_mean_deposit_is_the_expectation(knots):
    sampler = DepositSampler(1, knots)
    rows = torch.stack([toy_row(10 ** (row / 8 - 8)) for row in range(EXPECTATIONS)])
    sampler.table.copy_(rows.repeat(LAYER_CLASSES, 1).flatten())
    expected = torch.full((4000, 5, 5, 1), 2e-4)
    uniform = (torch.rand_like(expected), torch.rand_like(expected))
    made = sampler(expected, expected.sum(dim=(1, 2)), torch.full((4000,), 50.0), uniform)
    assert made.mean() == pytest.approx(2e-4, rel=0.02)
    assert (made > 1e-8).float().mean() == pytest.approx(1 - math.exp(-2 / 3), rel=0.03)


def test_a_quantile_row_keeps_mean_and_probability():
    for chance in (1e-4, 0.03, 0.7, 1.0):
        histogram = torch.zeros(BINS, dtype=torch.float64)
        histogram[600:800] = torch.rand(200, dtype=torch.float64)
        row = quantile_row(histogram, chance).double()
        width = ((torch.arange(QUANTILES + 1, dtype=torch.float64) / QUANTILES) ** 4).diff()
        assert (row * width).sum() == pytest.approx(1.0, rel=1e-5)
        hit = width[row > 1e-8].sum()
        assert hit == pytest.approx(chance, rel=0.1)
        assert (row[:-1] >= row[1:]).all()


@pytest.mark.slow
def test_the_exported_graph_agrees_with_torch(generator, tmp_path, toy_detector):
    pytest.importorskip("onnxscript")
    import onnxruntime

    path = tmp_path / "model.onnx"
    latent, energy = generator.draw_latent(3), torch.tensor([10.0, 50.0, 500.0])
    inputs = (latent, energy, torch.full((3,), math.pi / 2))
    batch = torch.export.Dim("batch")
    names = ["latent", "energy", "theta"]
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            generator, inputs, path, dynamo=True, verbose=False, input_names=names,
            output_names=["cells"], dynamic_shapes={name: {0: batch} for name in names},
        )  # fmt: skip
    session = onnxruntime.InferenceSession(path)
    given = {node.name for node in session.get_inputs()}
    latent, energy = generator.draw_latent(7), torch.linspace(10, 500, 7)
    theta = torch.full((7,), math.pi / 2)
    feed = dict(zip(names, (latent.numpy(), energy.numpy(), theta.numpy()), strict=True))
    (cells,) = session.run(None, {name: feed[name] for name in given})
    with torch.no_grad():
        reference = generator(latent, energy, theta).numpy()
    worst = np.abs(cells - reference).max(axis=(1, 2, 3)) / reference.max(axis=(1, 2, 3))
    assert worst.max() < 1e-3
