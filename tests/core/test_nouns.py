import numpy as np
import pytest

from caloforge.beam import Conditions, Spread, draw
from caloforge.errors import DetectorError, InputError
from caloforge.showers import Showers


def test_showers_refuse_what_cannot_be(toy_detector, toy_showers):
    cells, energy, theta = (np.array(getattr(toy_showers, k)) for k in ("cells", "energy", "theta"))

    def build(**changed):
        values = {"cells": cells, "energy": energy, "theta": theta} | changed
        return Showers(**values, detector=toy_detector)

    with_nan, negative, infinite = cells.copy(), cells.copy(), cells.copy()
    with_nan[3, 1, 1, 1] = np.nan
    negative[3, 1, 1, 1] = -1e-3
    infinite[3, 1, 1, 1] = np.inf
    zero_energy = energy.copy()
    zero_energy[0] = 0
    for changed, words in [
        ({"cells": with_nan}, "NaN"),
        ({"cells": negative}, "negative, got -0.001 GeV"),
        ({"cells": infinite}, "infinite"),
        ({"cells": cells[0]}, "shape"),
        ({"cells": cells * 1e3}, "MeV by mistake"),
        ({"energy": energy[:-1]}, "has 19 values but theta has 20"),
        ({"cells": cells[:-1]}, "19 showers in cells but 20 energies"),
        ({"energy": zero_energy}, "positive, got 0 GeV"),
        ({"energy": energy * 1e3}, "MeV by mistake"),
        ({"theta": theta * 90}, "degrees by mistake"),
    ]:
        with pytest.raises(InputError, match=words):
            build(**changed)
    with pytest.raises(DetectorError, match="fit no window of toy"):
        build(cells=cells[:, :4])


def test_showers_subset_and_join(toy_showers):
    parts = [toy_showers[:7], toy_showers[7:]]
    joined = Showers.concatenate(parts)
    assert np.array_equal(joined.cells, toy_showers.cells)
    bright = toy_showers[toy_showers.energy > 200]
    assert len(bright) == (toy_showers.energy > 200).sum()
    assert bright.energy.min() > 200


def test_joining_different_detectors_is_refused(toy_detector, toy_showers):
    other = toy_detector.model_copy(update={"pad_mm": (6.0, 5.0)})
    moved = Showers(toy_showers.cells, toy_showers.energy, toy_showers.theta, other)
    with pytest.raises(DetectorError, match="different detectors"):
        Showers.concatenate([toy_showers, moved])


@pytest.mark.parametrize("text", ["", "a", "10:", "10:20:30", "-5", "0:10", "nan", "500:10"])
def test_spread_refuses(text):
    with pytest.raises(InputError, match="energy"):
        Spread.parse(text)


def test_drawn_conditions_follow_the_spread():
    flat = draw(20_000, "10:500", "60:120", seed=3)
    assert abs(flat.energy.mean() - 255) < 3
    assert np.degrees(flat.theta.min()) == pytest.approx(60, abs=0.1)
    logarithmic = draw(20_000, "log:10:500", seed=3)
    assert np.median(logarithmic.energy) == pytest.approx(np.sqrt(10 * 500), rel=0.03)
    assert np.all(draw(5, "100", seed=1).energy == 100)
    assert np.array_equal(draw(5, "10:500", seed=1).energy, draw(5, "10:500", seed=1).energy)


def test_conditions_broadcast():
    conditions = Conditions.of([10, 20, 30], 1.5)
    assert conditions.theta.tolist() == pytest.approx([1.5, 1.5, 1.5])
    with pytest.raises(InputError, match="energy has 3 values but theta has 2"):
        Conditions.of([10, 20, 30], [1.5, 1.6])
