"""What a handful of showers says: the window that holds them, and what leaks out of it."""

import numpy as np
import pytest
from tests.conftest import make_tiny_cylinder, make_toy_detector
from tests.make.test_request import request

from caloforge.detector import Window
from caloforge.errors import InputError
from caloforge.make import probe as probe_module
from caloforge.make.probe import conditions_of, cut, probe
from caloforge.showers import Showers
from caloforge.simulate.produce import ProductionSummary


class FakeGeant4:
    """Showers that are round with a width in pads, of the calorimeter that is asked for."""

    width, empty = 1.0, 0

    def __init__(self, detector, window, particle, jobs=1):
        self.detector, self.window, self.particle = detector, window, particle

    def production(self, conditions, *, seed):
        return None

    def sample_timed(self, conditions, *, seed):
        x, y, z = self.detector.cell_shape(self.window)
        along = [np.exp(-0.5 * ((np.arange(n) - (n - 1) / 2) / self.width) ** 2) for n in (x, y)]
        image = along[0][:, None, None] * along[1][:, None] * np.ones(z)
        cells = np.repeat(image[None], len(conditions), axis=0)
        cells *= 0.02 * conditions.energy[:, None, None, None] / image.sum()
        cells[: self.empty] = 0.0
        took = ProductionSummary(0.01 * conditions.energy, 1.0, 10.0, 0, self.empty)
        energy, theta = conditions.energy, conditions.theta
        showers = Showers(cells.astype(np.float32), energy, theta, self.detector, self.particle)
        return showers, took


@pytest.fixture(autouse=True)
def fake(monkeypatch):
    monkeypatch.setattr(probe_module, "Geant4Source", FakeGeant4)
    return monkeypatch


def with_windows(**shapes):
    windows = {name: Window(shape=(size, size)) for name, size in shapes.items()}
    return request(detector=make_toy_detector().model_copy(update={"windows": windows}))


def test_the_smallest_window_that_holds_the_showers_is_taken():
    found, showers = probe(with_windows(huge=21, small=5, middle=9), 1)
    assert found.window == "middle"
    assert found.contained > 0.99
    assert found.enough is None
    assert showers.cell_shape == (9, 9, 4)
    assert found.seconds_per_gev == pytest.approx(0.01)


def test_what_leaks_out_of_a_window_is_known_with_what_would_be_enough():
    found, _ = probe(with_windows(small=3), 1)
    assert found.window == "small"
    assert found.contained == pytest.approx(0.78, abs=0.01)
    assert found.enough == (7, 7)


class FakeRings(FakeGeant4):
    """Showers about their particle, of which every ring has a part of what is left."""

    def sample_timed(self, conditions, *, seed):
        rings, sectors, layers = self.detector.cell_shape(self.window)
        image = np.exp(-np.arange(rings))[:, None, None] * np.ones((sectors, layers))
        energy = 0.02 * conditions.energy[:, None, None, None]
        cells = (energy * image / image.sum()).astype(np.float32)
        took = ProductionSummary(0.01 * conditions.energy, 1.0, 10.0, 0, 0)
        showers = Showers(cells, conditions.energy, conditions.theta, self.detector, self.particle)
        return showers, took


def test_of_a_cylinder_so_many_rings_would_be_enough(fake):
    fake.setattr(probe_module, "Geant4Source", FakeRings)
    found, _ = probe(request(detector=make_tiny_cylinder()), 1)
    assert found.contained == pytest.approx(1 - np.exp(-3), abs=1e-3)
    assert found.enough == (5, 8)


def test_mostly_empty_showers_are_refused(fake):
    fake.setattr(FakeGeant4, "empty", 12)
    with pytest.raises(InputError, match=r"75% of the showers are empty: gamma of log:1:50 GeV"):
        probe(with_windows(one=9), 1)


def test_the_handful_is_spread_over_all_that_is_asked_for():
    found = conditions_of(request(energy="10:50", theta="60:120"), 16)
    assert found.energy.min() < 13
    assert found.energy.max() > 47
    assert np.ptp(found.theta) > 0.9
    assert abs(np.corrcoef(found.energy, found.theta)[0, 1]) < 0.3


def test_the_cut_is_the_middle():
    detector = make_toy_detector()
    cells = np.zeros((1, 7, 7, 4), np.float32)
    cells[0, 3, 3] = 1e-3
    angle = Showers(cells, np.ones(1, np.float32), np.full(1, 1.57, np.float32), detector)
    assert cut(angle, detector.windows["fixed"])[0, 2, 2].all()
