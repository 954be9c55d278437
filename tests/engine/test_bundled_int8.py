"""The bundled published networks in INT8 keep the physics of the published showers, 100-500 GeV."""

import numpy as np
import pytest

import caloforge
from caloforge.beam import Conditions
from caloforge.physics import observables
from caloforge.physics.angle import measured_angle
from caloforge.units import degree
from caloforge.zoo import sample_path

COPIES = 3
SAMPLES = {
    "conv2d_int8": "clic_ecal_fixed",
    "conv3d_int8": "clic_ecal_fixed",
    "conv3d_angle_int8": "clic_ecal_angle",
}


@pytest.fixture(scope="module", params=SAMPLES)
def pair(request):
    """Geant4 showers of 100-500 GeV that no training has seen, and the model's, three of each."""
    return _pair(request.param, SAMPLES[request.param])


def _pair(model, sample):
    geant4 = caloforge.read(sample_path(sample))
    geant4 = geant4[np.flatnonzero(geant4.energy >= 100)]
    conditions = Conditions(geant4.energy, geant4.theta).repeated(COPIES * len(geant4))
    return geant4, caloforge.load(model, threads=1).sample(conditions, seed=1)


@pytest.fixture(scope="module")
def inclined():
    """The same of the network of inclined showers."""
    return _pair("conv3d_angle_int8", "clic_ecal_angle")


def test_response_and_its_spread(pair):
    first, second = (observables.response(each.cells, each.energy) for each in pair)
    assert second.mean() == pytest.approx(first.mean(), rel=0.03)
    assert second.std() == pytest.approx(first.std(), rel=0.25)


@pytest.mark.parametrize("axis", ["x", "y", "z"])
def test_profiles_barycentres_and_widths(pair, axis):
    first, second = (observables.profile(each.cells, axis) for each in pair)
    mean = first.mean(0)
    assert np.abs(second.mean(0) - mean).max() < 0.05 * mean.max()
    centres = [observables.centre(profiles).mean() for profiles in (first, second)]
    assert centres[1] == pytest.approx(centres[0], abs=0.1)
    widths = [observables.width(profiles).mean() for profiles in (first, second)]
    assert widths[1] == pytest.approx(widths[0], rel=0.03)


def test_inclined_showers_lean_and_lie_as_geant4s(inclined):
    """Not to the bounds above in x and in the widths: see the table of networks."""
    first, second = inclined
    assert second.cells.sum() / second.energy.sum() == pytest.approx(
        first.cells.sum() / first.energy.sum(), rel=0.03
    )
    for axis in ("y", "z"):
        profiles = [observables.profile(each.cells, axis) for each in inclined]
        centres = [observables.centre(each).mean() for each in profiles]
        assert centres[1] == pytest.approx(centres[0], abs=0.1)
    angles = [_measured(each) - each.theta for each in inclined]
    assert angles[1].mean() == pytest.approx(angles[0].mean(), abs=2 * degree)


def _measured(showers):
    detector = showers.detector
    plane = observables.projection(showers.cells, "yz")
    return measured_angle(plane, detector.layer_centres_mm, detector.pad_mm[1])
