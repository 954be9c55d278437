"""The factorised network: laws of its parts, each checked against a slow definition."""

import itertools
import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tests.networks.parts import calibrate, deposited, set_deposits, set_quantiles  # noqa: E402

from caloforge.errors import ConfigError  # noqa: E402
from caloforge.networks.base import Domain  # noqa: E402
from caloforge.networks.factorised.axis import HaloHits  # noqa: E402
from caloforge.networks.factorised.centre import centred  # noqa: E402
from caloforge.networks.factorised.deposits import (  # noqa: E402
    QUANTILES,
    DepositSampler,
)
from caloforge.networks.factorised.fit.deposits import (  # noqa: E402
    BINS,
    quantile_row,
)
from caloforge.networks.factorised.generator import (  # noqa: E402
    FactorisedGenerator,
    FactorisedOptions,
    scale_to_layers,
)
from caloforge.networks.factorised.halo import (  # noqa: E402
    MEANS,
    MEANS_PER_ROOT,
    alias_table,
    poisson_table,
)
from caloforge.networks.factorised.knots import Knots  # noqa: E402
from caloforge.networks.factorised.layers import LayerEnergies, normal_from_uniform  # noqa: E402
from caloforge.networks.factorised.logarithm import ranged_logarithm  # noqa: E402
from caloforge.networks.factorised.noise import CellNoise  # noqa: E402
from caloforge.networks.factorised.pattern import TransversePattern  # noqa: E402

SHAPE = (9, 9, 6)
ENERGY_RANGE = (10.0, 500.0)
SMALL = FactorisedOptions(flow_steps=2, flow_width=8, rings=4, pattern_width=8)


PERPENDICULAR = (math.pi / 2, math.pi / 2)


def domain(shape=SHAPE, theta=PERPENDICULAR):
    return Domain(shape=shape, energy_range_gev=ENERGY_RANGE, theta_range_rad=theta)


@pytest.fixture
def knots():
    return Knots(domain())


def perpendicular(knots, energy):
    """The condition of perpendicular showers at energies (N,) in GeV."""
    return knots(energy, torch.full_like(energy, math.pi / 2))


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
    network = FactorisedGenerator(SMALL, domain())
    set_quantiles(network.layers, *layer_sample, torch.full((2000,), math.pi / 2))
    set_deposits(network.deposits)
    return network.eval()


def fifty(knots, n):
    """The condition of n perpendicular showers of 50 GeV."""
    return perpendicular(knots, torch.full((n,), 50.0))


def test_cells_add_up_to_the_layer_energies_and_keep_the_threshold(generator):
    energy = torch.tensor([10.0, 50.0, 500.0])
    latent = generator.draw_latent(3)
    cells = generator(latent, energy, torch.full((3,), math.pi / 2))
    condition = perpendicular(generator.knots, energy)
    layers = generator.layers(latent[:, : generator.layers.latent_dim], condition)
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


def test_layers_are_as_often_empty_as_measured(knots):
    torch.manual_seed(0)
    energy = 10.0 * 50.0 ** torch.rand(4000)
    theta = torch.full_like(energy, math.pi / 2)
    ratios = []
    for share in (0.01, 0.02, 0.03, 0.05, 0.08, 0.13):
        filled = torch.rand(len(energy), 6) > share
        measured = 4e-5 * energy[:, None] * torch.exp(torch.randn(len(energy), 6)) * filled
        layers = LayerEnergies(6, 2, 8, knots)
        set_quantiles(layers, measured, energy, theta)
        made = layers(torch.rand(len(energy), layers.latent_dim), knots(energy, theta))
        ratios.append(float((made == 0).float().mean() / (measured == 0).float().mean()))
    assert np.mean(ratios) == pytest.approx(1.0, abs=0.12)


def test_a_layer_without_a_hit_gives_its_energy_to_the_nearest_cell():
    deposit = torch.full((1, 3, 3, 2), 1e-15)
    deposit[0, 1, 2, 0] = 2e-15
    deposit[..., 1] = 1.0
    cells, _ = scale_to_layers(deposit, torch.tensor([[3e-4, 9.0]]))
    assert cells[0, 1, 2, 0] == pytest.approx(3e-4)
    assert (cells[..., 0] > 0).sum() == 1
    assert torch.allclose(cells[0, ..., 1], torch.ones(3, 3))


def test_an_untrained_generator_gives_empty_showers():
    network = FactorisedGenerator(SMALL, domain())
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
    _, energy = layer_sample
    condition = perpendicular(knots, energy)
    set_quantiles(layers, *layer_sample, condition.theta)
    with torch.no_grad():
        made = layers(torch.rand(2000, layers.latent_dim), condition)
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
    real, energy = layer_sample
    condition = perpendicular(knots, energy)
    set_quantiles(layers, *layer_sample, condition.theta)
    wanted = real * torch.linspace(0.8, 1.1, 6) * (1 + 0.2 * torch.randn(2000, 1))
    calibrate(layers, wanted, condition)
    with torch.no_grad():
        made = layers(torch.rand(2000, layers.latent_dim), condition)
    made, wanted = made / energy[:, None], wanted / energy[:, None]
    assert torch.allclose(made.mean(dim=0), wanted.mean(dim=0), rtol=0.04)
    assert made.sum(dim=1).std().item() == pytest.approx(wanted.sum(dim=1).std().item(), rel=0.1)


def test_a_few_hard_showers_take_no_energy_from_the_others(knots, layer_sample):
    """Few muons radiate: the response's width is theirs, and no correction for the rest."""
    layers = LayerEnergies(6, 1, 8, knots)
    real, energy = layer_sample[0][:300], layer_sample[1][:300]
    condition = perpendicular(knots, energy)
    wanted = real.clone()
    wanted[::60] *= 60.0
    set_quantiles(layers, wanted, energy, condition.theta)
    calibrate(layers, wanted, condition)
    with torch.no_grad():
        made = layers(torch.rand(300, layers.latent_dim), condition)
    made, wanted = (part.sum(dim=1) / energy for part in (made, wanted))
    assert (made > 0).all()
    assert made.median().item() == pytest.approx(wanted.median().item(), rel=0.3)


def test_box_muller_gives_normal_numbers():
    normal = normal_from_uniform(torch.rand(20000, 2, generator=torch.Generator().manual_seed(1)))
    assert normal.mean().abs() < 0.02 and (normal.std() - 1).abs() < 0.02
    assert torch.isfinite(normal_from_uniform(torch.tensor([[0.0, 0.0], [1.0, 1.0]]))).all()


def test_the_pattern_is_the_integral_of_round_gaussians(knots):
    pattern = TransversePattern((9, 9), 1, 2, 4, knots)
    pattern.log_sigma.data = torch.log(torch.tensor([0.8, 0.8]))
    pattern.eval().requires_grad_(False)
    condition = perpendicular(knots, torch.tensor([50.0]))
    impact = torch.tensor([0.3]), torch.tensor([[-0.2]])
    cells = pattern(torch.ones(1, 1), condition, *impact)[0][0, ..., 0]
    fine = (torch.arange(9 * 40) + 0.5) / 40 - 4.5
    radius2 = (fine[:, None] - 0.3) ** 2 + (fine[None] + 0.2) ** 2
    density = torch.exp(-radius2 / (2 * 0.8**2)).reshape(9, 40, 9, 40).sum(dim=(1, 3))
    assert torch.allclose(cells, density / density.sum(), atol=3e-5)


def test_the_pattern_follows_the_symmetries_of_the_impact_point(knots):
    pattern = TransversePattern(SHAPE[:2], SHAPE[2], 4, 8, knots)
    layer_energy, energy = torch.rand(2, 6), torch.tensor([20.0, 200.0])
    condition = perpendicular(knots, energy)
    x, y = torch.tensor([0.3, 0.1]), torch.tensor([-0.2, 0.4])
    cells, beside, _ = pattern(layer_energy, condition, x, y[:, None])
    mirrored, *_ = pattern(layer_energy, condition, -x, y[:, None])
    transposed, *_ = pattern(layer_energy, condition, y, x[:, None])
    assert beside.abs().max() < 1e-5
    assert torch.allclose(cells.flip(1), mirrored, atol=1e-7)
    assert torch.allclose(cells.transpose(1, 2), transposed, atol=1e-7)
    assert torch.allclose(cells.sum(dim=(1, 2)), layer_energy, rtol=1e-5)


def test_the_impact_point_is_anywhere_in_the_pad_and_the_barycentre_too(generator):
    latent, energy = generator.draw_latent(1500), torch.full((1500,), 400.0)
    cells = generator(latent, energy, torch.full((1500,), math.pi / 2))
    side = (cells.sum(dim=(2, 3)) @ (torch.arange(9) - 4.0)) / cells.sum(dim=(1, 2, 3))
    assert side.abs().max() < 0.501
    assert side.abs().quantile(0.9) > 0.25
    assert side.mean().abs() < 0.03


def test_cell_noise_is_uniform_and_pairwise_independent(knots):
    torch.manual_seed(0)
    noise = CellNoise((5, 5, 4), sharing=0.0, knots=knots)
    first, second = noise(torch.rand(5000, noise.latent_dim), fifty(knots, 5000))
    assert first.min() >= 0 and first.max() < 1
    flat = torch.cat([first.flatten(1), second.flatten(1)], dim=1)
    assert torch.allclose(flat.mean(0), torch.full((200,), 0.5), atol=0.02)
    off_diagonal = torch.corrcoef(flat.T) - torch.eye(200)
    assert off_diagonal.abs().max() < 0.08


def test_sharing_is_the_correlation_of_neighbours(knots):
    torch.manual_seed(0)
    noise = CellNoise((5, 5, 1), sharing=0.2, knots=knots)
    first, _ = noise(torch.rand(5000, noise.latent_dim), fifty(knots, 5000))
    centre, right, below = first[:, 2, 2, 0], first[:, 3, 2, 0], first[:, 2, 3, 0]
    for neighbour in (right, below):
        same = (centre == neighbour).float().mean()
        assert same == pytest.approx(0.2 * 0.6, abs=0.02)


@pytest.mark.parametrize("wraps", [True, False])
def test_the_ends_of_a_window_share_where_it_wraps_alone(knots, wraps):
    torch.manual_seed(0)
    noise = CellNoise((7, 7, 3), 0.2, knots, 0.2, wraps=wraps)
    first, _ = noise(torch.rand(3000, noise.latent_dim), fifty(knots, 3000))
    for dim in (1, 2, 3):
        ends = first.index_select(dim, torch.tensor([0, first.shape[dim] - 1]))
        same = (ends.diff(dim=dim).abs() < 1e-6).float().mean()
        assert same > 0.05 if wraps else same < 1e-3


def test_the_core_remembers_the_layer_before(knots):
    torch.manual_seed(0)
    noise = CellNoise((5, 5, 4), sharing=0.0, knots=knots)
    noise.core.share[:, 1, 1] = 0.6
    first, _ = noise(torch.rand(5000, noise.latent_dim), fifty(knots, 5000))
    assert first.mean().item() == pytest.approx(0.5, abs=0.01)
    centre = torch.corrcoef(first[:, 2, 2].T)
    assert centre[0, 1] == pytest.approx(0.36, abs=0.05)
    assert centre[0, 2] == pytest.approx(0.216, abs=0.05)
    assert torch.corrcoef(first[:, 2, 3, :2].T)[0, 1].abs() < 0.05


def test_the_logarithm_is_right_in_its_range():
    values = torch.logspace(-8.6, 0.4, 10_001)
    error = ranged_logarithm(values, 2e-9, 3.0) - values.double().log()
    assert error.abs().max() < 2e-5
    ends = ranged_logarithm(torch.tensor([0.0, 1e9]), 2e-9, 3.0)
    assert torch.allclose(ends, torch.tensor([2e-9, 3.0]).log(), atol=2e-5)


def test_the_mean_deposit_is_the_expectation(knots):
    sampler = DepositSampler(1, knots)
    set_deposits(sampler)
    expected = torch.full((4000, 5, 5, 1), 2e-4)
    made = deposited(sampler, expected, expected.sum(dim=(1, 2)), fifty(knots, 4000))
    assert made.mean() == pytest.approx(2e-4, rel=0.02)
    assert (made > 1e-8).float().mean() == pytest.approx(1 - math.exp(-2 / 3), rel=0.03)


def test_a_quantile_row_keeps_mean_and_probability():
    for chance in (1e-4, 0.03, 0.7, 1.0):
        histogram = torch.zeros(BINS, dtype=torch.float64)
        histogram[600:800] = torch.rand(200, dtype=torch.float64)
        row = quantile_row(histogram, chance, 5).double()
        width = ((torch.arange(QUANTILES + 1, dtype=torch.float64) / QUANTILES) ** 4).diff()
        assert (row * width).sum() == pytest.approx(1.0, rel=1e-5)
        hit = width[row > 1e-8].sum()
        assert hit == pytest.approx(chance, rel=0.1)
        assert (row[:-1] >= row[1:]).all()


def test_a_cell_is_the_nearest_to_a_hit_as_often_as_it_is_hit(knots):
    torch.manual_seed(1)
    sampler = DepositSampler(1, knots)
    set_deposits(sampler)
    expected = torch.tensor([1e-5] + 90 * [1e-6]).expand(10_000, 91)[:, :, None, None]
    layer_energy = torch.full((10_000, 1), 5e-4)
    made = deposited(sampler, expected, layer_energy, fifty(knots, 10_000))
    missed = made.sum(dim=1).flatten() < 1e-8
    cells, _ = scale_to_layers(made[missed], layer_energy[missed])
    assert ((cells > 0).sum(dim=1) == 1).float().mean() > 0.98  # of equal ones, both
    alone = (cells > 0)[:, :, 0, 0].float().mean(dim=0)
    assert alone[0] == pytest.approx(10 / 100, abs=0.02)


def test_the_rows_together_make_the_faint_hits():
    histogram = torch.zeros(BINS, dtype=torch.float64)
    histogram[400] = 1  # e ** -8.5 of the expectation: one hit of a hundred
    histogram[760] = 99
    rows = torch.stack([quantile_row(histogram, 0.03, row) for row in range(16)])
    width = ((torch.arange(QUANTILES + 1) / QUANTILES) ** 4).diff()
    share = (width * ((rows > 1e-8) & (rows < 0.1))).sum() / (width * (rows > 1e-8)).sum()
    assert share == pytest.approx(0.01, rel=0.3)


def test_a_shower_is_centred_on_its_barycentre():
    cells = torch.zeros(5, 7, 9, 3)
    for shower, (x, y) in enumerate([(3, 4), (2, 4), (3, 6), (4, 3), (0, 8)]):
        cells[shower, x, y] = torch.tensor([1.0, 2.0, 0.5])
        cells[shower, (x + 1) % 7, y] = 0.2
    moved = centred(cells, (7, 9))
    assert torch.equal(moved[:, 3, 4], cells[[0] * 5, 3, 4])
    assert torch.equal(moved[:4], moved[:1].expand(4, -1, -1, -1))
    assert torch.allclose(moved.sum(dim=(1, 2)), cells.sum(dim=(1, 2)))
    assert torch.equal(centred(moved, (7, 9)), moved)


@pytest.mark.parametrize("x,y", [(0, 0), (1, 0), (-1, 2)])
def test_a_window_and_the_hits_beside_it_are_centred_together(x, y):
    window, energy = torch.zeros(2, 5, 5, 3), torch.tensor([[1e-3, 2e-3]]).repeat(2, 1)
    window[:, 2 + x, 2 + y] = 1.0
    window[:, 4, 0, 1] = 1e-3
    at_1, at_9, in_2 = (torch.full((2, 2), place) for place in (1.0, 9.0, 2.0))
    image = centred(window, (11, 11), HaloHits(energy, at_1, at_9, in_2))
    assert (image[:, 5, 5] == 1.0).all()
    assert (image[:, 7 - x, 3 - y, 1] == 1e-3).all()
    assert image[0, (1 - x) % 11, (9 - y) % 11, 2] == pytest.approx(3e-3)
    assert image.sum() == pytest.approx(2 * 3.004)


INCLINED = domain((15, 21, 6), (math.radians(60), math.radians(120)))


@pytest.fixture
def inclined(layer_sample):
    """A small inclined network with a window, its tables of a plausible form."""
    torch.manual_seed(0)
    options = SMALL.model_copy(update={"window": (7, 9), "halo_particles": 120})
    network = FactorisedGenerator(options, INCLINED)
    theta = torch.acos(torch.rand(2000) - 0.5)
    set_quantiles(network.layers, *layer_sample, theta)
    set_deposits(network.deposits)
    network.pattern.shift.data.normal_(std=0.3)
    network.halo.per_gev.fill_(400.0)
    network.halo.deposit.fill_(3e-4)
    return network.eval()


def test_expectations_follow_the_mirrors_of_inclined_showers(inclined):
    energy, theta = torch.tensor([20.0, 200.0]), torch.tensor([1.2, 2.0])
    layer_energy, impact = 0.1 + torch.rand(2, 6), torch.tensor([[0.3, -0.2], [0.1, 0.4]])

    def expected(theta, impact):
        condition = inclined.knots(energy, theta)
        axis = inclined.axis(impact, layer_energy, condition)
        centre = inclined.axis.centre(axis)
        cells, beside, _ = inclined.expected(layer_energy, condition, axis, centre)
        image = torch.zeros(2, 15, 21, 6)
        for shower, layer in itertools.product(range(2), range(6)):
            first = 6 + int(centre[shower, layer])
            image[shower, 4:11, first : first + 9, layer] = cells[shower, ..., layer]
        return image, beside

    cells, beside = expected(theta, impact)
    for flipped, new_theta, sign in ((1, theta, (-1.0, 1.0)), (2, math.pi - theta, (1.0, -1.0))):
        mirrored, mirrored_beside = expected(new_theta, impact * torch.tensor(sign))
        assert torch.allclose(mirrored, cells.flip(flipped), atol=1e-6)
        assert torch.allclose(mirrored_beside, beside, atol=1e-6)
    total = cells.sum(dim=(1, 2)) + beside
    assert torch.allclose(total, layer_energy, rtol=1e-4)
    assert (beside > 0).all()


def test_the_axis_passes_the_impact_point_at_the_barycentre(inclined):
    layer_energy = torch.tensor([[0.0, 1.0, 0.0, 0.0, 0.0, 1.0]])
    condition = inclined.knots(torch.tensor([50.0]), torch.tensor([math.atan(2.0)]))
    axis = inclined.axis(torch.tensor([[0.2, 0.1]]), layer_energy, condition)
    assert torch.allclose(axis[0, :, 0], torch.full((6,), 0.2))
    assert torch.allclose(axis[0, :, 1], 0.1 + 0.5 * (torch.arange(6.0) - 3.0), atol=1e-5)


def test_a_window_cut_out_and_put_back_is_the_image(inclined):
    centre = torch.tensor([[-4.0, -2.0, 0.0, 1.0, 3.0, 4.0]])
    window, none = torch.zeros(1, 7, 9, 6), torch.zeros(1, 1)
    window[0, 3, 4] = 1.0
    window[0, 2, 4, 0] = 1e-3
    image = inclined.axis.image_of(window, centre, HaloHits(none, none, none, none))
    assert torch.equal(inclined.axis.cut(image, centre), window)
    for layer, y in enumerate(centre[0]):
        assert image[0, 7, 10 + int(y), layer] == 1.0


@pytest.mark.parametrize("x,y", [(1, 0), (-1, -2), (0, 1)])
def test_the_image_is_centred_on_the_barycentre(inclined, x, y):
    window, centre = torch.zeros(1, 7, 9, 6), torch.zeros(1, 6)
    window[0, 3 + x, 4 + y] = 1.0
    far = (torch.full((1, 1), value) for value in (0.1, 7.0, 20.0, 2.0))
    image = inclined.axis.image_of(window, centre, HaloHits(*far))
    assert (image[0, 7, 10] == 1.0).all()
    assert image[0, 7 - x, min(20, 20 - y), 2] == pytest.approx(0.1)
    assert image.sum() == pytest.approx(6.1)


def test_inclined_showers_keep_their_layers_and_lean_with_theta(inclined):
    torch.manual_seed(3)
    energy, theta = torch.full((400,), 300.0), torch.full((400,), math.radians(65))
    latent = inclined.draw_latent(400)
    cells = inclined(latent, energy, theta)
    condition = inclined.knots(energy, theta)
    layers = inclined.layers(latent[:, : inclined.layers.latent_dim], condition)
    assert torch.allclose(cells.sum(dim=(1, 2)), layers, rtol=1e-4)
    y = torch.arange(21.0) - 10
    at = (cells.sum(dim=1) * y[:, None]).sum(dim=1) / layers
    lean = (at[:, -1] - at[:, 0]).mean() / 5
    assert lean.item() == pytest.approx(1 / math.tan(math.radians(65)), abs=0.15)
    back = inclined(latent, energy, math.pi - theta)
    mirrored = (back.sum(dim=1) * y[:, None]).sum(dim=1) / layers
    assert torch.allclose((mirrored[:, -1] - mirrored[:, 0]).mean() / 5, -lean, atol=0.1)


def test_the_halo_lies_beside_the_window_with_the_expected_hits(inclined):
    torch.manual_seed(4)
    n, halo = 3000, inclined.halo
    condition = inclined.knots(torch.full((n,), 50.0), torch.full((n,), math.pi / 2))
    beside, centre = torch.full((n, 6), 0.01), torch.zeros(n, 6)
    hits = halo(beside, condition, centre, torch.rand(n, halo.latent_dim))
    hit = hits.energy > 0
    x, y = hits.x[hit], hits.y[hit]
    assert (((x - 7).abs() > 3) | ((y - 10).abs() > 4)).all()
    assert (x.min(), x.max(), y.min(), y.max()) == (0, 14, 0, 20)
    in_image = (15 * 21 - 7 * 9) / math.prod(halo.pads)
    number = layer_sums(hits)
    assert number.mean().item() == pytest.approx(4.0 * in_image, rel=0.02)
    assert (number.var() / number.mean()).item() == pytest.approx(1.0, abs=0.05)
    halo.pairs.copy_(torch.tensor([0.2, 0.4]))
    paired = halo(beside, condition, centre, torch.rand(n, halo.latent_dim))
    number = layer_sums(paired)
    assert number.mean().item() == pytest.approx(4.0 * in_image, rel=0.05)
    assert (number.var() / number.mean()).item() > 1.2
    first, second = (paired.energy > 0).chunk(2, dim=1)
    far = [torch.sub(*pads.chunk(2, dim=1)).abs() for pads in (paired.x, paired.y)]
    assert ((far[0] + far[1])[second] == 1).all()
    assert (second & first).sum() / first.sum() == pytest.approx(0.2, abs=0.03)


def layer_sums(hits):
    """Numbers of hits in the layers (N, 6)."""
    return hits._replace(energy=(hits.energy > 0).float()).layer_energy(6)


def test_a_rounding_error_beside_the_window_is_no_particle(inclined):
    """A muon's pattern lies in the window but for rounding, of either sign."""
    halo, condition = inclined.halo, inclined.knots(torch.full((2,), 50.0), torch.full((2,), 1.5))
    beside = torch.full((2, 6), -1e-12)
    hits = halo(beside, condition, torch.zeros(2, 6), torch.full((2, halo.latent_dim), 0.9))
    assert not hits.energy.any()


@pytest.mark.parametrize("theta", [math.radians(62), math.radians(118)])
def test_the_halo_leans_with_the_shower_and_follows_the_window(inclined, theta):
    torch.manual_seed(5)
    n, halo, (x, y) = 500, inclined.halo, inclined.halo.pads
    share = torch.zeros(3, 6, x, y)
    share[0, :, 7, 0], share[1, :, 0, 2], share[2, :, 14, y - 3] = 1.0, 1.0, 1.0
    halo.set_pads(share)
    condition = inclined.knots(torch.full((n,), 50.0), torch.full((n,), theta))
    centre = torch.full((n, 6), 3.0)
    hits = halo(torch.full((n, 6), 0.01), condition, centre, torch.rand(n, halo.latent_dim))
    leant = hits.x == 14
    assert leant.float().mean().item() == pytest.approx(
        halo.lean(condition)[0].item() - 1, abs=0.02
    )
    side = 1 if theta < math.pi / 2 else -1
    assert (hits.y[leant] == 10 + 3 + side * (y // 2 - 2)).all()
    assert not (hits.x[:, :120] == 7).any()
    assert (hits.y[hits.x == 0] == 10 + 3 - side * (y // 2 - 2)).all()


def test_poisson_quantiles_have_their_mean_and_variance():
    mean = (torch.arange(MEANS) / MEANS_PER_ROOT) ** 2
    counts = poisson_table()
    assert torch.allclose(counts.mean(dim=1), mean, rtol=1e-3, atol=5e-3)
    assert torch.allclose(counts.var(dim=1), mean, rtol=0.02, atol=5e-3)


def test_aliases_give_every_place_its_share():
    share = torch.rand(50).pow(4)
    share = share / share.sum()
    kept, alias = alias_table(share)
    drawn = (kept / 50).index_add(0, alias.long(), (1 - kept) / 50)
    assert torch.allclose(drawn, share, atol=1e-6)


def test_a_window_of_the_wrong_parity_is_refused():
    options = FactorisedOptions(window=(8, 9))
    with pytest.raises(ConfigError, match="by even numbers"):
        FactorisedGenerator(options, INCLINED)


@pytest.mark.parametrize("pads", [1, 3, 4])
def test_an_image_that_holds_no_more_than_a_core_has_showers_too(pads):
    torch.manual_seed(0)
    domain = Domain(
        shape=(pads, pads, 4), energy_range_gev=(1.0, 50.0), theta_range_rad=PERPENDICULAR
    )
    network = FactorisedGenerator(FactorisedOptions(flow_steps=1, flow_width=4, rings=3), domain)
    energy = 50.0 ** torch.rand(2000)
    theta = torch.full_like(energy, math.pi / 2)
    layer_energy = 0.01 * torch.exp(0.2 * torch.randn(2000, 4))
    set_quantiles(network.layers, layer_energy, energy, theta)
    set_deposits(network.deposits)
    with torch.no_grad():
        cells = network(network.draw_latent(2000), energy, theta)
    assert cells.shape[1:] == (pads, pads, 4)
    assert cells.sum(dim=(1, 2, 3)).mean() == pytest.approx(0.041, rel=0.05)
