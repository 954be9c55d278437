"""Impact points in the native sampler: each shower follows its own, as the graph's do."""

import numpy as np
import pytest

from caloforge.generate import load
from caloforge.ranges import draw
from tests.flights import off_the_flight

native = pytest.importorskip("caloforge_native")


def made(path, conditions, impact, first=0):
    maker = native.Maker(native.Sampler(str(path)))
    return maker.make(5, first, conditions.energy, conditions.theta, impact)


def test_each_shower_has_its_own_impact(bundled):
    card = load(bundled, runtime="native", threads=1).card
    conditions = draw(40, *card.validity.asked("20:60", None), seed=1)
    impact = np.random.default_rng(2).uniform(-0.5, 0.5, (40, 2)).astype(np.float32)
    offsets, *whole = made(bundled, conditions, impact)
    for start, stop in ((0, 1), (7, 9), (13, 40)):
        rows = slice(start, stop)
        part = made(bundled, conditions[rows], impact[rows], start)
        hits = slice(offsets[start], offsets[stop])
        for one, other in zip(whole, part[1:], strict=True):
            assert np.array_equal(one[hits], other)
    others = made(bundled, conditions, None)
    assert not np.array_equal(others[2], whole[1])
    with pytest.raises(ValueError, match="impact"):
        made(bundled, conditions, impact[:3])


def test_showers_follow_the_impact_as_the_graph_s_do(bundled):
    """The barycentre is as far from the flight, whichever engine makes the showers."""
    found = {}
    for runtime in ("onnx", "native"):
        model = load(bundled, runtime=runtime, threads=1)
        theta = None if model.card.one_angle else "65"
        asked = model.card.validity.asked("50", theta, impact="1.5,-2")
        found[runtime] = off_the_flight(model.sample(draw(160, *asked, seed=1), seed=2))
    error = np.hypot(*(each.std(axis=0) for each in found.values())) / np.sqrt(160)
    away = found["onnx"].mean(axis=0) - found["native"].mean(axis=0)
    assert np.all(np.abs(away) < 4 * error)
    assert max(each.std(axis=0).max() for each in found.values()) < 0.6  # mm; 1.5 all over a pad
