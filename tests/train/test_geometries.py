"""The factorised network trains on any read-out: pads of any parity, rings of any kind."""

import math

import pytest

torch = pytest.importorskip("torch")

from caloforge.networks.base import Domain, Rings  # noqa: E402
from caloforge.networks.factorised.fit.objective import FitOptions  # noqa: E402
from caloforge.networks.factorised.generator import FactorisedOptions  # noqa: E402
from caloforge.networks.objective import Batch, TrainingPlan  # noqa: E402
from caloforge.networks.spec import build_objective  # noqa: E402

BATCH, STEPS = 24, 2
SMALL = FactorisedOptions(flow_steps=1, flow_width=4, rings=3, pattern_width=4, halo_particles=20)
REGULAR = Rings(edges=((0.0, 1.0, 2.0, 3.0, 4.0),) * 5, sectors=(7,) * 5)
DIFFERING = Rings(
    edges=((0.0, 4.0), (0.0, 0.5, 1.0, 2.0, 4.0), (1.0, 2.0, 4.0)), sectors=(1, 10, 4)
)
TWO_LAYERS = Rings(edges=((0.0, 3.0),) * 2, sectors=(1, 2))


def trained(shape, rings=None, window=None, **fit):
    """A generator after two epochs that train and one that measures."""
    torch.manual_seed(0)
    theta = torch.full((BATCH,), math.pi / 2)
    ranges = {"energy_range_gev": (1, 100), "theta_range_rad": (math.pi / 2, math.pi / 2)}
    plan = TrainingPlan(Domain(shape=shape, rings=rings, **ranges), 2, STEPS, BATCH)
    options = SMALL.model_copy(update={"window": window})
    objective = build_objective(options, FitOptions(**fit), plan)
    for epoch in range(3):
        objective.start_epoch(epoch)
        for _ in range(STEPS):
            energy = 100.0 ** torch.rand(BATCH)
            batch = Batch(showers(shape, rings, energy), energy, theta)
            if epoch == 2:
                objective.measurement.add(batch)
                continue
            losses = objective.step(batch)
            assert all(math.isfinite(value) for value in losses.values()), losses
    objective.measurement.apply()
    return objective.ema_generator


def showers(shape, rings, energy):
    """Cells (N, X, Y, Z) around the middle, those that are there."""
    x, y, _ = shape
    place = torch.hypot(torch.arange(x)[:, None] - x // 2, torch.arange(y) - y // 2 + 0.0)
    there = torch.ones(shape)
    if rings is not None:
        place = torch.arange(x)[:, None].expand(x, y)
        for layer, (edges, sectors) in enumerate(zip(rings.edges, rings.sectors, strict=True)):
            there[len(edges) - 1 :, :, layer], there[:, sectors:, layer] = 0.0, 0.0
    rate = energy[:, None, None, None] * torch.exp(-place)[:, :, None] * there
    return 3e-4 * torch.poisson(rate)


@pytest.mark.parametrize(
    ("shape", "rings", "window"),
    [
        ((10, 10, 5), None, None),
        ((9, 16, 5), None, None),
        ((12, 10, 6), None, (6, 6)),
        ((31, 31, 5), None, (9, 9)),
        ((9, 9, 60), None, None),
        ((4, 7, 5), REGULAR, None),
        ((4, 10, 3), DIFFERING, None),
        ((1, 2, 2), TWO_LAYERS, None),
    ],
)
def test_any_read_out_trains_and_makes_showers(shape, rings, window):
    generator = trained(shape, rings, window)
    with torch.no_grad():
        cells = generator(
            generator.draw_latent(40), torch.full((40,), 30.0), torch.full((40,), math.pi / 2)
        )
    assert cells.shape == (40, *shape) and torch.isfinite(cells).all()
    assert (cells.sum(dim=(1, 2, 3)) > 0).float().mean() > 0.5 and (cells >= 0).all()


@pytest.mark.parametrize("shape", [(10, 12, 5), (11, 13, 5)])
def test_showers_are_centred_on_the_middle_pad_of_an_image_of_any_size(shape):
    generator = trained(shape)
    with torch.no_grad():
        cells = generator(
            generator.draw_latent(400), torch.full((400,), 60.0), torch.full((400,), math.pi / 2)
        )
    cells = cells[cells.sum(dim=(1, 2, 3)) > 0]
    total = cells.sum(dim=(1, 2, 3))
    for dim, size in ((1, shape[0]), (2, shape[1])):
        profile = cells.sum(dim=tuple({1, 2, 3} - {dim}))
        place = (profile @ (torch.arange(size) - float(size // 2))) / total
        assert place.abs().max() < 0.51
        assert place.mean().abs() < 0.2  # half a pad, were the expectation beside its pad
