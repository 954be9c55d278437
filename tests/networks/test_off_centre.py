"""Energy beside the image moves its centre: as often as in the sample."""

import math

import pytest

torch = pytest.importorskip("torch")

from tests.networks.parts import expected, measure  # noqa: E402

from caloforge.errors import ConfigError  # noqa: E402
from caloforge.networks.base import Domain, Rings  # noqa: E402
from caloforge.networks.factorised.centre import centred  # noqa: E402
from caloforge.networks.factorised.fit.off_centre import CentreMeasurement  # noqa: E402
from caloforge.networks.factorised.generator import (  # noqa: E402
    FactorisedGenerator,
    FactorisedOptions,
)

SHOWERS, SIDE = 10_000, 9
UPRIGHT = (math.pi / 2, math.pi / 2)
DOMAIN = Domain(shape=(SIDE, SIDE, 1), energy_range_gev=(1.0, 50.0), theta_range_rad=UPRIGHT)


def showers_at(place):
    """Showers (N, X, Y, 1) of two pads along x whose barycentre is at these places (N,)."""
    cells = torch.zeros(len(place), SIDE, SIDE, 1)
    low = torch.floor(place)
    rows, first = torch.arange(len(place)), (low + SIDE // 2).long()
    cells[rows, first, SIDE // 2, 0] = 1.0 - (place - low)
    cells[rows, first + 1, SIDE // 2, 0] = place - low
    return cells


def shares_beside(cells):
    """Shares of the showers whose barycentre along x lies half a pad and a pad off the middle."""
    pads = torch.arange(SIDE) - SIDE // 2
    middle = (cells.sum(dim=(2, 3)) * pads).sum(dim=1) / cells.sum(dim=(1, 2, 3))
    return [(middle.abs() > far + 1e-4).double().mean().item() for far in (0.5, 1.0)]


@pytest.mark.parametrize(("often", "far"), [(0.3, 0.4), (0.06, 2.0), (0.0, 1.0)])
def test_images_are_off_centre_as_often_and_as_far_as_those_measured(often, far):
    """A share of the showers is moved, by lengths with this mean."""
    torch.manual_seed(0)
    place = torch.rand(SHOWERS) - 0.5
    length = -far * torch.log(torch.rand(SHOWERS)) * (torch.rand(SHOWERS) < often)
    moved = place + length.clamp(max=SIDE // 2 - 1.5) * torch.randn(SHOWERS).sign()
    image_at = torch.where(length > 0, moved, place)
    wanted = shares_beside(showers_at(image_at))
    generator = FactorisedGenerator(FactorisedOptions(off_centre=True), DOMAIN)
    energy = torch.full((SHOWERS,), 10.0)
    condition = generator.knots(energy, torch.full_like(energy, math.pi / 2))
    along_x = showers_at(image_at).sum(dim=2, keepdim=True)
    seen = along_x * along_x.transpose(1, 2)
    measure(CentreMeasurement(generator.axis), [expected(condition, seen)])
    missed = generator.axis.missed(torch.rand(SHOWERS, 2), condition)
    assert shares_beside(centred(showers_at(place), (SIDE, SIDE))) == [0.0, 0.0]
    found = shares_beside(centred(showers_at(place), (SIDE, SIDE), None, missed))
    assert found[0] == pytest.approx(wanted[0], abs=0.02)
    assert found[1] == pytest.approx(wanted[1], abs=0.01)
    assert (wanted[0] > 0.02) == bool(often)


def test_a_run_of_before_is_pulled_as_far_on_the_average():
    made = FactorisedGenerator(FactorisedOptions(off_centre=True), DOMAIN)
    state = made.state_dict()
    knots = len(state.pop("axis.pull"))
    del state["axis.rarity"]
    state["axis.off_centre"] = torch.full((knots,), 0.05)
    made.load_state_dict(state)
    energy = torch.full((SHOWERS,), 10.0)
    condition = made.knots(energy, torch.full_like(energy, math.pi / 2))
    torch.manual_seed(0)
    missed = made.axis.missed(torch.rand(SHOWERS, 2), condition)
    assert missed.abs().mean().item() == pytest.approx(2.0 * 0.05, rel=0.05)


def test_rings_lie_about_the_particle():
    rings = Domain(
        shape=(4, 8, 6), energy_range_gev=(1.0, 50.0), theta_range_rad=UPRIGHT,
        rings=Rings(edges=((0.0, 1.0, 2.0, 3.0, 4.0),) * 6, sectors=(8,) * 6),
    )  # fmt: skip
    with pytest.raises(ConfigError, match="off_centre"):
        FactorisedGenerator(FactorisedOptions(off_centre=True), rings)
