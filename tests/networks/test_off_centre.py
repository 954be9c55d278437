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

SHOWERS, SIDE = 4000, 9
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


def share_beside(cells):
    """Share of the showers whose barycentre along x lies beside the middle pad."""
    pads = torch.arange(SIDE) - SIDE // 2
    middle = (cells.sum(dim=(2, 3)) * pads).sum(dim=1) / cells.sum(dim=(1, 2, 3))
    return (middle.abs() > 0.5 + 1e-4).double().mean().item()


def test_images_are_off_centre_about_as_often_as_those_measured():
    torch.manual_seed(0)
    # towards the border of the pad, where energy is shared, there are half as many barycentres
    place = torch.rand(SHOWERS) - 0.5
    place = torch.where((place.abs() > 0.25) & (torch.rand(SHOWERS) < 0.5), 0.5 * place, place)
    generator = FactorisedGenerator(FactorisedOptions(off_centre=True), DOMAIN)
    energy = torch.full((SHOWERS,), 10.0)
    condition = generator.knots(energy, torch.full_like(energy, math.pi / 2))
    moved = torch.where(torch.rand(SHOWERS) < 0.08, 1.3 * place.sign() * 0.5, place)
    wanted = share_beside(showers_at(moved))
    part = CentreMeasurement(generator.axis)
    measure(part, [expected(condition, showers_at(moved) + showers_at(moved).transpose(1, 2))])
    missed = generator.axis.missed(torch.rand(SHOWERS, 2), condition)
    found = share_beside(centred(showers_at(place), (SIDE, SIDE), None, missed))
    assert wanted > 0.02
    assert share_beside(centred(showers_at(place), (SIDE, SIDE))) == 0.0
    assert missed[:, 1].abs().mean().item() == pytest.approx(
        2.0 * generator.axis.off_centre[0].item(), rel=0.15
    )
    assert found == pytest.approx(generator.axis.off_centre[0].item(), rel=0.6)


def test_rings_lie_about_the_particle():
    rings = Domain(
        shape=(4, 8, 6), energy_range_gev=(1.0, 50.0), theta_range_rad=UPRIGHT,
        rings=Rings(edges=((0.0, 1.0, 2.0, 3.0, 4.0),) * 6, sectors=(8,) * 6),
    )  # fmt: skip
    with pytest.raises(ConfigError, match="off_centre"):
        FactorisedGenerator(FactorisedOptions(off_centre=True), rings)
