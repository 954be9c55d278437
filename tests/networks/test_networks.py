import math

import pytest

torch = pytest.importorskip("torch")

from caloforge.errors import ConfigError  # noqa: E402
from caloforge.networks.base import ConditionFeatures, Domain  # noqa: E402
from caloforge.networks.blocks import (  # noqa: E402
    crop,
    training_image,
    zero_below_threshold,
)
from caloforge.networks.gan.conv3d import Conv3dDiscriminator, Conv3dOptions  # noqa: E402
from caloforge.networks.gan.options import GanOptions  # noqa: E402
from caloforge.networks.objective import TrainingPlan  # noqa: E402
from caloforge.networks.spec import NETWORKS, build_generator, build_objective  # noqa: E402

PUBLISHED_SHAPE = (25, 25, 25)
GAN_NETWORKS = [name for name, spec in NETWORKS.items() if spec.trainer(GanOptions())]


def domain(shape=PUBLISHED_SHAPE, theta=(math.pi / 2, math.pi / 2)):
    return Domain(shape=shape, energy_range_gev=(10.0, 500.0), theta_range_rad=theta)


def conditions(*energies):
    return torch.tensor(energies), torch.full((len(energies),), math.pi / 2)


@pytest.mark.parametrize("name", GAN_NETWORKS)
@pytest.mark.parametrize("shape", [PUBLISHED_SHAPE, (9, 12, 10), (14, 9, 8)])
def test_any_image_shape_is_generated_and_judged(name, shape):
    spec = NETWORKS[name]
    generator = spec.generator(spec.options(), domain(shape))
    energy, theta = conditions(20.0, 100.0)
    cells = generator(generator.draw_latent(2), energy, theta)
    assert cells.shape == (2, *shape)
    assert cells.dtype == torch.float32 and cells.min() >= 0 and cells.max() > 0
    plan = TrainingPlan(domain(shape), epochs=1, steps_per_epoch=1, batch_size=2)
    objective = build_objective(spec.options(), GanOptions(), plan)
    judgement = objective.discriminator(cells, energy, theta)
    assert judgement.logit.shape == (2,)
    assert torch.allclose(judgement.measured["ecal"], cells.sum(dim=(1, 2, 3)))


@pytest.mark.parametrize(
    ("name", "millions"), [("conv3d", 0.87), ("layered2d", 0.76), ("conv2d", 2.0)]
)
def test_sizes_are_the_published_ones(name, millions):
    generator = build_generator(NETWORKS[name].options(), domain())
    parameters = sum(p.numel() for p in generator.parameters()) / 1e6
    assert parameters == pytest.approx(millions, rel=0.03)


def test_the_cell_threshold_leaves_exact_zeros_and_a_gradient():
    cells = torch.tensor([0.0, 9e-9, 2e-8], requires_grad=True)
    assert zero_below_threshold(cells).tolist() == [0.0, 0.0, pytest.approx(2e-8)]
    training_image(cells).sum().backward()
    assert torch.isfinite(cells.grad).all()


def test_condition_features_span_the_domain():
    features = ConditionFeatures(domain(theta=(math.radians(60), math.radians(120))))
    ends = features(torch.tensor([10.0, 500.0]), torch.tensor([math.pi / 3, 2 * math.pi / 3]))
    assert torch.allclose(ends, torch.tensor([[-1.0, -1.0, -1.0], [1.0, 1.0, 1.0]]), atol=1e-5)
    fixed = ConditionFeatures(domain())(*conditions(10.0))
    assert fixed[0, 2] == 0


def test_the_middle_is_cropped():
    image = torch.arange(25.0).reshape(1, 5, 5)
    assert torch.equal(crop(image, (3, 3)), image[:, 1:4, 1:4])
    assert crop(image, (5, 5)) is image


def test_impossible_domains_are_refused():
    with pytest.raises(ValueError, match="0 < Emin"):
        Domain(shape=(5, 5, 4), energy_range_gev=(0.0, 5.0), theta_range_rad=(1.0, 1.0))
    with pytest.raises(ConfigError, match="at least 4 x 8 x 8 cells, got 5 x 5 x 4"):
        Conv3dDiscriminator(Conv3dOptions(), domain((5, 5, 4)))


ANGLE = Conv3dOptions(latent=254, channels=16, coarseness=3, angle=True)


def test_the_angle_network_has_the_published_size_and_shape():
    image = domain((51, 51, 25), (math.radians(60), math.radians(120)))
    generator = build_generator(ANGLE, image)
    assert 1.2e6 < sum(p.numel() for p in generator.parameters()) < 1.4e6
    assert generator.dense.in_features == 256


def test_the_angle_network_measures_the_angle_and_heeds_it():
    depths = tuple(0.9 * layer for layer in range(10))
    image = Domain(
        shape=(9, 31, 10), energy_range_gev=(10.0, 500.0),
        theta_range_rad=(math.radians(60), math.radians(120)), layer_depths_pads=depths,
    )  # fmt: skip
    theta = torch.tensor([math.radians(65), math.radians(110)])
    y = torch.arange(31.0) - 15
    axis = (torch.tensor(depths) - 4.0) / torch.tan(theta)[:, None]
    spot = torch.exp(-0.5 * (y[:, None] - axis[:, None]) ** 2)
    cells = 0.01 * spot[:, None].expand(-1, 9, -1, -1)
    energy = torch.tensor([50.0, 50.0])
    judgement = Conv3dDiscriminator(ANGLE, image)(cells, energy, theta)
    assert torch.allclose(judgement.measured["theta"], theta, atol=0.02)
    generator = build_generator(ANGLE, image).eval()
    latent = generator.draw_latent(2)
    assert not torch.allclose(
        generator(latent, energy, theta), generator(latent, energy, theta + 0.1)
    )
