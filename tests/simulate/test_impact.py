"""Where particles enter and which way they fly: given, followed by the showers, and told."""

from pathlib import Path

import numpy as np
import pytest
from tests.command import call
from tests.conftest import make_showers
from tests.flights import off_the_flight

from caloforge import io
from caloforge.beam import Conditions
from caloforge.detector import Detector, load_detector
from caloforge.generate import load
from caloforge.impact import in_pad
from caloforge.simulate.data import DataSets
from caloforge.simulate.geometry import grid_of
from caloforge.simulate.produce import produce, replay
from caloforge.simulate.request import Production
from caloforge.simulate.session import EventStart
from caloforge.simulate.source import Geant4Source


def test_a_given_impact_changes_no_seed(toy_production: Production) -> None:
    drawn = EventStart.of(toy_production, 3)
    conditions = toy_production.conditions
    told = Conditions(conditions.energy, conditions.theta, impact=np.full((7, 2), 1.5))
    given = Production(
        toy_production.detector, "fixed", "e-", told, toy_production.seed, toy_production.data
    )
    assert (given.digest, given.sideways) != (toy_production.digest, True)
    start = EventStart.of(given, 3)
    assert (start.x, start.y, start.engine_seed) == (1.5, 1.5, drawn.engine_seed)
    assert start.in_image((1, -2), (5.0, 5.0)) == (-3.5, 11.5)


def test_samples_tell_where_particles_entered(
    tmp_path: Path, toy_detector: Detector, built_in: DataSets
) -> None:
    """Showers lean along x as they do along y, from where the particle entered."""
    impact = np.array([(2.4, -2.4), (0.0, 1.0)] * 6)
    conditions = Conditions.of(np.full(12, 2.0), np.radians(60), np.repeat([0.0, 0.5], 6), impact)
    production = Production(toy_detector, "angle", "e-", conditions, 3, built_in)
    assert production.sideways
    wider, grid = (grid_of(toy_detector, "angle", sideways=wide) for wide in (True, False))
    assert wider.rows > grid.rows and wider.columns == grid.columns
    produce(production, tmp_path / "a.h5")
    showers = io.read(tmp_path / "a.h5")
    assert showers.impact is not None
    assert np.allclose(in_pad(showers.impact, toy_detector), impact, atol=1e-5)
    assert showers.phi is not None and np.array_equal(
        showers.phi, np.repeat([0.0, 0.5], 6).astype(np.float32)
    )
    geometry = toy_detector.geometry("angle")
    places = geometry.x_mm, geometry.y_mm, toy_detector.layer_centres_mm
    total = showers.cells.sum(axis=(1, 2, 3))
    x, y, depth = (np.sum(showers.cells * each, axis=(1, 2, 3)) / total for each in places)
    off = np.stack([x, y], axis=1) - showers.impact - depth[:, None] * conditions.lean
    assert np.abs(np.median(off, axis=0)).max() < 2.0
    again, _ = replay(production, 7)
    assert again.impact is not None
    assert np.array_equal(again.impact[0], showers.impact[7])
    assert np.array_equal(again.cells[0], showers.cells[7])


def test_a_sample_that_tells_no_impact_is_named(
    tmp_path: Path, toy_detector: Detector, capsys: pytest.CaptureFixture[str]
) -> None:
    like, output = tmp_path / "like.h5", tmp_path / "a.h5"
    io.write(like, make_showers(toy_detector, 3))
    for options, message in (
        (["--impact", "like"], "does not tell where particles entered"),
        (["--phi", "0"], "leave out --energy, --theta and --phi"),
        (["--impact", "9,9"], "impact 9,9 mm is outside the pad"),
    ):
        assert call("simulate", "clic_ecal", "--like", like, "-o", output, *options) == 2
        assert message in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("theta", [90, 65])
def test_a_model_s_barycentre_is_where_geant4_s_is(theta: float) -> None:
    """Both are drawn to the pad's middle by half a millimetre, and forwards where they lean."""
    name = "fixed" if theta == 90 else "angle"
    source = Geant4Source(load_detector("clic_ecal"), name, data="built-in")
    conditions = Conditions.of(np.full(50, 20.0), np.radians(theta), impact=(-2.0, 1.5))
    simulated = off_the_flight(source.sample(conditions, seed=1))
    model = load(f"clic_ecal_{name}", runtime="onnx", threads=1)
    made = off_the_flight(model.sample(conditions.repeated(400), seed=2))
    error = np.hypot(simulated.std(axis=0) / np.sqrt(50), made.std(axis=0) / np.sqrt(400))
    away = made.mean(axis=0) - simulated.mean(axis=0)
    assert np.all(np.abs(away) < 4 * error), (away, error)
    assert made.mean(axis=0)[0] > 0.2 and error.max() < 0.12
