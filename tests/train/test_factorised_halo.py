"""The halo's measurement finds the tables of the halo that made the hits."""

import math

import pytest

torch = pytest.importorskip("torch")

from tests.networks.parts import expected  # noqa: E402

from caloforge.networks.base import Domain  # noqa: E402
from caloforge.networks.factorised.axis import ShowerAxis  # noqa: E402
from caloforge.networks.factorised.fit.halo import HaloMeasurement  # noqa: E402
from caloforge.networks.factorised.halo import Halo  # noqa: E402
from caloforge.networks.factorised.knots import Knots  # noqa: E402

SHAPE, WINDOW, SHOWERS, PARTICLES_PER_GEV = (11, 15, 3), (5, 7), 4000, 1000.0
INCLINED = (math.radians(60), math.radians(120))
PERPENDICULAR = (math.pi / 2, math.pi / 2)


def halo_of(theta_range):
    domain = Domain(shape=SHAPE, energy_range_gev=(10.0, 500.0), theta_range_rad=theta_range)
    knots = Knots(domain)
    return Halo(ShowerAxis(domain, WINDOW, knots), 72, knots), knots


def shares(halo):
    """Shares (leans, Z, X, Y) of hits that get rarer with the distance, not in the window."""
    x = torch.arange(halo.pads[0]) - (halo.pads[0] - 1) / 2
    y = torch.arange(halo.pads[1]) - (halo.pads[1] - 1) / 2
    density = []
    for lean in range(halo.leans):
        distance = torch.hypot(x[:, None], y - lean)
        pads = torch.exp(-0.3 * distance)
        pads[(x.abs()[:, None] <= 2) & (y.abs() <= 3)] = 0.0
        density.append(pads / pads.sum())
    return torch.stack(density)[:, None].expand(-1, SHAPE[2], -1, -1)


@pytest.fixture(scope="module", params=[INCLINED, PERPENDICULAR], ids=["inclined", "perpendicular"])
def measured(request):
    torch.manual_seed(1)
    truth, knots = halo_of(request.param)
    truth.per_gev.fill_(PARTICLES_PER_GEV)
    truth.pairs.copy_(torch.tensor([0.15, 0.3]))
    truth.deposit.copy_(torch.linspace(1e-4, 1e-3, len(truth.deposit)))
    truth.set_pads(shares(truth))
    low, high = request.param
    energy = 10.0 * 50.0 ** torch.rand(SHOWERS)
    condition = knots(energy, low + (high - low) * torch.rand(SHOWERS))
    most = (truth.pads[1] - SHAPE[1]) // 2
    centre = torch.randint(-most, most + 1, (SHOWERS, SHAPE[2])).float()
    beside = 0.004 * torch.rand(SHOWERS, SHAPE[2])
    hits = truth(beside, condition, centre, torch.rand(SHOWERS, truth.latent_dim))
    place = (hits.x * SHAPE[1] + hits.y) * SHAPE[2] + hits.layer
    place = torch.where(hits.energy > 0, place, 0.0).long()
    flat = torch.zeros(SHOWERS, math.prod(SHAPE)).scatter_add(1, place, hits.energy)
    found = halo_of(request.param)[0]
    measurement = HaloMeasurement(found, knots)
    for part in torch.arange(SHOWERS).split(500):
        some = type(condition)(*(values[part] for values in condition))
        cells = flat[part].reshape(-1, *SHAPE)
        measurement.add(expected(some, cells, centre=centre[part], beside=beside[part]))
        if len(measurement.showers) == 3:
            measurement.load_state_dict(measurement.state_dict())
    measurement.apply()
    return truth, found


def test_the_numbers_of_particles_and_pairs_are_found(measured):
    truth, found = measured
    assert found.pairs[0].item() == pytest.approx(0.15, abs=0.03)
    assert found.pairs[1].item() == pytest.approx(0.3, abs=0.12)
    hits_each = 1.0 + truth.pairs[0] + truth.pairs[1] / 17
    per_gev = found.per_gev.mean() / (1.0 + found.pairs[0] + found.pairs[1] / 17)
    assert per_gev.item() == pytest.approx(PARTICLES_PER_GEV / hits_each.item(), rel=0.03)


def test_the_pads_are_found(measured):
    truth, found = measured
    wanted = shares(truth)

    def drawn(halo):
        count = math.prod(halo.pads)
        kept, alias = halo.kept.reshape(-1, count), halo.alias.reshape(-1, count).long()
        share = (kept / count).scatter_add(1, alias, (1.0 - kept) / count)
        return share.reshape(wanted.shape)

    for dim in (2, 3):  # partners in the next pad blur it a little
        wrong = 0.5 * (drawn(found).sum(dim=dim) - wanted.sum(dim=dim)).abs().sum(dim=2)
        assert wrong.max() < 0.07
    assert (drawn(found)[..., 3:8, :][wanted[..., 3:8, :] == 0] == 0).all()


def test_the_deposits_are_found(measured):
    truth, found = measured
    single = slice(0, 950)  # two in one pad make the largest ones
    assert torch.allclose(found.deposit[single], truth.deposit[single], rtol=0.1)
