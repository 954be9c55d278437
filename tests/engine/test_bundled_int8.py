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
    geant4 = caloforge.read(sample_path(SAMPLES[request.param]))
    geant4 = geant4[np.flatnonzero(geant4.energy >= 100)]
    conditions = Conditions(geant4.energy, geant4.theta).repeated(COPIES * len(geant4))
    return geant4, caloforge.load(request.param).sample(conditions, seed=1)


def test_response_and_its_spread(pair):
    first, second = (observables.response(each.cells, each.energy) for each in pair)
    assert second.mean() == pytest.approx(first.mean(), rel=0.03)
    assert second.std() == pytest.approx(first.std(), rel=0.15)


@pytest.mark.parametrize("axis", ["x", "y", "z"])
def test_profiles_barycentres_and_widths(pair, axis):
    first, second = (observables.profile(each.cells, axis) for each in pair)
    mean = first.mean(0)
    assert np.abs(second.mean(0) - mean).max() < 0.05 * mean.max()
    centres = [observables.centre(profiles).mean() for profiles in (first, second)]
    assert centres[1] == pytest.approx(centres[0], abs=0.1)
    widths = [observables.width(profiles).mean() for profiles in (first, second)]
    assert widths[1] == pytest.approx(widths[0], rel=0.03)


@pytest.mark.parametrize("pair", ["conv3d_angle_int8"], indirect=True)
def test_inclined_showers_lean_as_geant4s(pair):
    bias = [(_measured(each) - each.theta).mean() for each in pair]
    assert bias[1] == pytest.approx(bias[0], abs=2 * degree)


def _measured(showers):
    detector = showers.detector
    plane = observables.projection(showers.cells, "yz")
    return measured_angle(plane, detector.layer_centres_mm, detector.pad_mm[1])
