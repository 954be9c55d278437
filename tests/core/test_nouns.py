import numpy as np
import pytest

from caloforge.beam import Conditions
from caloforge.calibration import Calibration
from caloforge.errors import DetectorError, InputError
from caloforge.particle import particle_name, pdg_number
from caloforge.ranges import draw
from caloforge.showers import Showers
from caloforge.spread import Spread


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
        ({"cells": negative}, "negative, got -0.001 GeV in shower 3 "),
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


def test_a_cell_that_rounding_made_negative_is_zero(toy_detector, toy_showers):
    cells = toy_showers.cells.copy()
    cells[3, 1, 1, 1] = -1e-9
    taken = Showers(cells, toy_showers.energy, toy_showers.theta, toy_detector)
    assert taken.cells[3, 1, 1, 1] == 0 and cells[3, 1, 1, 1] < 0
    assert np.array_equal(taken.cells, np.maximum(cells, 0))


def test_cells_calibrated_to_ep_are_taken_and_mev_beside_gev_is_not(toy_detector, toy_showers):
    energy, theta = toy_showers.energy, toy_showers.theta
    to_ep = toy_showers.cells * 50
    for text in ("calibrated", "scaled:50"):
        calibration = Calibration.parse(text)
        assert Showers(to_ep, energy, theta, toy_detector, "gamma", calibration).cells.max() > 0
        with pytest.raises(InputError, match="MeV by mistake"):
            Showers(to_ep * 1e3, energy, theta, toy_detector, "gamma", calibration)


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


def test_joining_different_particles_or_calibrations_is_refused(toy_detector, toy_showers):
    def of(particle, calibration="sensitive"):
        cells, energy, theta = toy_showers.cells, toy_showers.energy, toy_showers.theta
        meaning = Calibration.parse(calibration)
        return Showers(cells, energy, theta, toy_detector, particle, meaning)

    with pytest.raises(InputError, match="different particles cannot be joined: e-, gamma"):
        Showers.concatenate([of("e-"), of("gamma")])
    with pytest.raises(InputError, match="different particles cannot be joined: e-, unknown"):
        Showers.concatenate([of("e-"), toy_showers])
    with pytest.raises(InputError, match="mean different things"):
        Showers.concatenate([of("e-"), of("e-", "calibrated")])
    joined = Showers.concatenate([of("e-", "scaled:50")[:3], of("electron", "scaled:50")[3:]])
    assert (len(joined), joined.particle) == (20, "e-")
    assert joined[:2].calibration == Calibration.parse("scaled:50")


@pytest.mark.parametrize(
    ("said", "name"),
    [(11, "e-"), (-11.0, "e+"), ("PhotoN", "gamma"), (b"22".decode(), "gamma"), ("pdg 7", "pdg 7"),
     (0, "unknown"), ("", "unknown"), ("pi-", "pi-"), ("K+", "kaon+")],
)  # fmt: skip
def test_particles_are_named(said, name):
    assert particle_name(said) == name
    assert particle_name(pdg_number(name)) == name


@pytest.mark.parametrize("said", ["quark", 11.5, float("nan"), float("inf"), "e--"])
def test_what_is_no_particle_is_refused(said):
    with pytest.raises(InputError, match="allowed are e-"):
        particle_name(said)


def test_calibrations_follow_their_factors():
    by_layer = Calibration().times([2.0, 3.0])
    assert str(by_layer) == "calibrated to Ep (factor 2-3, one a layer)"
    assert by_layer.times([1 / 2, 1 / 3]) == Calibration()
    assert Calibration.parse("scaled:50").times([1 / 50]) == Calibration()
    assert Calibration.parse("scaled:50").times([2.0]) == Calibration.parse("scaled:100")
    unknown = Calibration.parse("calibrated")
    assert unknown.times([1.05]) == unknown
    assert unknown.times([0.03]).meaning == "unknown"
    with pytest.raises(InputError, match="3 factors"):
        by_layer.times([1.0, 2.0, 3.0])


def test_calibrations_compare_like_with_like():
    deposited, calibrated, factor, scaled, other = map(
        Calibration.parse, ["sensitive", "calibrated", "calibrated:33", "scaled:50", "scaled:100"]
    )
    assert calibrated.compares_with(factor) and scaled.compares_with(scaled)
    assert Calibration.parse("unknown").compares_with(deposited)
    for first, second in [(deposited, calibrated), (calibrated, scaled), (scaled, other)]:
        assert not first.compares_with(second) and not second.compares_with(first)


@pytest.mark.parametrize("text", ["scaled", "sensitive:3", "calibrated:0", "scaled:x", "guess"])
def test_calibration_refuses(text):
    with pytest.raises(InputError, match="calibration"):
        Calibration.parse(text)


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
