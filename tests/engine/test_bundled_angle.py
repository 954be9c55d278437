"""The bundled model of inclined showers: ranges, lean, mirrors, and agreement with its sample."""

import numpy as np
import pytest

import caloforge
from caloforge import io
from caloforge.beam import Conditions
from caloforge.errors import RangeError
from caloforge.physics.angle import measured_angle
from caloforge.units import degree
from caloforge.zoo import sample_path

SHOWERS = 160


@pytest.fixture(scope="module")
def model():
    return caloforge.load("clic_ecal_angle", threads=1)


@pytest.fixture(scope="module")
def leaning(model):
    """Showers of 100 GeV at 65 and at 115 degrees."""
    energy = np.full(SHOWERS, 100.0)
    return [model.sample(Conditions.of(energy, t * degree), seed=3) for t in (65, 115)]


def angles(showers):
    yz = showers.cells.sum(axis=1)
    detector = showers.detector
    return measured_angle(yz, detector.layer_centres_mm, detector.pad_mm[1]) / degree


def test_energy_and_angle_outside_the_range_are_refused(model):
    with pytest.raises(RangeError, match="energy"):
        model.sample([1.0], seed=1)
    with pytest.raises(RangeError, match="theta"):
        model.sample(Conditions.of(100.0, 50 * degree), seed=1)


def test_showers_lean_as_they_are_asked_to(leaning):
    low, high = (angles(showers).mean() for showers in leaning)
    assert low == pytest.approx(66.3, abs=0.8)
    assert low + high == pytest.approx(180, abs=0.5)


def test_mirror_images_are_equally_likely(leaning):
    one, other = (showers.cells.mean(axis=0) for showers in leaning)
    scale = one.sum()
    for axis in (0, 2):
        mean, mirrored = one.sum(axis=axis), other[:, ::-1].sum(axis=axis)
        assert np.abs(mean - mirrored).sum() / scale < 0.12
    along_x = one.sum(axis=(1, 2))
    assert np.abs(along_x - along_x[::-1]).sum() / scale < 0.05


def test_the_image_is_centred_on_the_barycentre(leaning):
    for axis in (1, 2):
        others = tuple(a for a in (1, 2, 3) if a != axis)
        for showers in leaning:
            profile = showers.cells.sum(axis=others)
            barycentre = profile @ (np.arange(51) - 25.0) / profile.sum(axis=1)
            assert np.abs(barycentre).max() < 0.51


def test_the_response_is_geant4s(model):
    geant4 = io.read(sample_path("clic_ecal_angle"))
    made = model.sample(geant4.conditions, seed=1)
    response = [s.cells.sum(axis=(1, 2, 3)) / s.energy for s in (geant4, made)]
    assert response[1].mean() == pytest.approx(response[0].mean(), rel=0.03)
    hits = [(s.cells > 1e-6).sum(axis=(1, 2, 3)).mean() for s in (geant4, made)]
    assert hits[1] == pytest.approx(hits[0], rel=0.05)
