"""Where particles enter and which way they fly: given, followed by the showers, and told."""

from pathlib import Path

import numpy as np

from caloforge import io
from caloforge.beam import Conditions
from caloforge.detector import Detector
from caloforge.impact import in_pad
from caloforge.simulate.data import DataSets
from caloforge.simulate.geometry import grid_of
from caloforge.simulate.produce import produce, replay
from caloforge.simulate.request import Production
from caloforge.simulate.session import EventStart


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
    assert np.array_equal(showers.conditions.phi, conditions.phi)
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
