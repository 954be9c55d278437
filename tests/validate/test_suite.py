import json
from dataclasses import replace

import numpy as np
import pytest
from tests.conftest import make_showers
from tests.validate.conftest import HALF, with_cells

from caloforge import scaling
from caloforge.errors import DetectorError, InputError
from caloforge.physics.features import shower_features
from caloforge.validate import estimate
from caloforge.validate.comparison import compare, reduce_showers
from caloforge.validate.estimate import Estimate, split
from caloforge.validate.in_bins import by_angle, correlation_error
from caloforge.validate.measures import MEASURES, Measure
from caloforge.validate.nearest import NearestDistances, nearest, nearest_distances
from caloforge.validate.suite import judge, score, validate


@pytest.fixture
def toys(toy_detector):
    """Two small samples of small showers, where what is shown is not their physics."""
    return tuple(make_showers(toy_detector, 60, seed) for seed in (1, 2))


def test_geant4_passes_against_geant4(good):
    verdicts = {score.name: score.verdict for score in good.result.scores}
    assert set(verdicts.values()) <= {"pass", "floor"}, verdicts
    for name in ("auc_high", "auc_low"):
        assert abs(good.result[name].value - 0.5) < 0.1


def test_spoilt_showers_fail_where_they_are_spoilt(good, bad):
    result = bad.result
    for name in ("response_bias", "auc_high", "auc_low", "spread", "profile_z", "wasserstein"):
        assert result[name].verdict == "fail", result[name]
    assert result["response_bias"].value == pytest.approx(0.1, abs=0.05)
    assert result["auc_high"].value > 0.95
    assert result["spread"].value < 0.7
    for name in ("fpd", "kpd", "separation", "validation_number", "gan3d"):
        assert result[name].value > 2 * result[name].floor
        assert result[name].value > good.result[name].value


def test_layers_of_different_showers_are_seen_in_their_correlations(geant4, good):
    """Each layer fluctuates as it did, but not with the others of its shower."""
    reference, other = geant4
    order = np.argsort(other.energy)
    share = (other.cells / other.energy[:, None, None, None])[order]
    mixed = np.stack([np.roll(share[..., z], z % 5, axis=0) for z in range(25)], axis=3)
    made = with_cells(other[order], mixed * other.energy[order][:, None, None, None])
    samples = [reduce_showers([part], "")[0] for part in (reference, other, made)]
    floor, error = (correlation_error(samples[0], sample) for sample in samples[1:])
    assert error > 2 * floor
    assert good.result["correlations"].verdict == "floor"


def test_a_haze_of_soft_cells_is_seen(toys):
    reference, other = toys
    cells = other.cells.copy()
    cells[::2, :, :, -1] = np.maximum(cells[::2, :, :, -1], 1e-7)
    result = validate(reference, with_cells(other, cells))
    assert result["cell_spectrum"].verdict == "fail"


def test_score_and_floor_have_the_same_number_of_showers(good):
    assert good.result["wasserstein"].showers == HALF // 2
    rng = np.random.default_rng(0)
    first, second, made = split(good.comparison, HALF // 2, rng)
    assert not set(first) & set(second)
    assert len(first) == len(second) == len(made) == HALF // 2


def test_showers_of_the_same_conditions_stay_partners(geant4):
    comparison = compare([geant4[0]], [geant4[0]])
    assert comparison.paired
    _, second, made = split(comparison, 50, np.random.default_rng(0))
    np.testing.assert_array_equal(second, made)


def test_same_seed_same_numbers(toys):
    first, second = (validate(*toys, seed=5).to_dict() for _ in range(2))
    assert first == second
    assert json.loads(json.dumps(first, allow_nan=False)) == first


def test_every_declared_measure_is_scored(good):
    names = {score.name for score in good.result.scores}
    elsewhere = {"angle_bias", "angle_resolution", "auc_residual"}
    assert names == {m.name for m in MEASURES} - elsewhere


@pytest.fixture
def short_full_level(monkeypatch):
    monkeypatch.setitem(estimate.SPLITS, "full", 1)
    monkeypatch.setitem(estimate.BOOTSTRAPS, "full", 2)


def test_a_residual_network_judges_too_if_everything_is_asked_for(
    toy_detector, short_full_level, monkeypatch
):
    pytest.importorskip("torch")
    monkeypatch.setattr("caloforge.networks.classifiers.judge.EPOCHS", 1)
    monkeypatch.setattr("caloforge.networks.classifiers.judge.FEWEST_STEPS", 1)
    monkeypatch.setattr(scaling, "RESIDUAL_MAX_SHOWERS", 40)
    samples = [make_showers(toy_detector, 60, seed) for seed in (1, 2)]
    found = validate(*samples, level="full")["auc_residual"]
    assert found.showers == 40 and 0 <= found.value <= 1 and 0 <= found.floor <= 1


def test_without_torch_the_report_says_who_did_not_judge(
    toy_detector, short_full_level, monkeypatch
):
    monkeypatch.setattr("caloforge.validate.judges.find_spec", lambda name: None)
    samples = [make_showers(toy_detector, 60, seed) for seed in (1, 2)]
    result = validate(*samples, level="full")
    assert "auc_residual" not in {score.name for score in result.scores}
    assert any("only with caloforge[train]" in note for note in result.notes)


def test_angle_measures_appear_with_varying_angles(toy_detector):
    showers = [make_showers(toy_detector, 60, seed, "angle") for seed in (1, 2)]
    result = validate(*showers)
    assert result["angle_resolution"].showers == 30
    assert result["angle_bias"].value < 30
    assert [entry["showers"] for entry in result.angles if entry["showers"] >= 20] != []


def test_a_bias_that_cancels_over_all_angles_is_seen_in_their_bins(toy_detector):
    sample = reduce_showers([make_showers(toy_detector, 400, 1, "angle")], "a")[0]
    measured = sample.summary.measured_theta - 0.2 * (sample.summary.theta - np.pi / 2)
    summary = replace(sample.summary, measured_theta=measured)
    other = replace(sample, summary=summary, features=shower_features(summary))
    assert [entry["angle_bias"] for entry in by_angle(sample, sample)] == [0.0] * 5
    shift = [entry["angle_bias"] for entry in by_angle(sample, other)]
    assert abs(np.mean(shift)) < 0.5
    assert shift[0] == pytest.approx(5.2, abs=0.5) and shift[-1] == pytest.approx(-5.2, abs=0.5)


@pytest.mark.parametrize(
    ("value", "floor", "error", "verdict"),
    [
        (0.07, -0.02, 0.01, "pass"),
        (0.10, 0.09, 0.01, "floor"),
        (0.10, 0.03, 0.01, "near"),
        (0.18, 0.03, 0.01, "fail"),
        (0.07, 0.03, 40_000.0, "undecided"),
        (0.07, 0.03, np.nan, "undecided"),
        (np.nan, 0.03, 0.01, "undecided"),
        (0.18, np.nan, 0.01, "undecided"),
    ],
)
def test_verdicts(value, floor, error, verdict):
    measure = Measure("wasserstein", "", "")
    assert scaling.LIMITS["wasserstein"] == (0.08, 0.15)
    found = judge(measure, Estimate(value, error, floor, error, error, 10))
    assert found.verdict == verdict


def test_a_copy_is_seen_as_memorised(geant4, good):
    known, other = geant4
    comparison = compare([known], [other])
    rows = np.arange(HALF)
    near = nearest_distances(comparison, (rows[:100], rows[100:], rows[:100]), None)
    copied = compare([known], [with_cells(known, known.cells)])
    again = nearest_distances(copied, (rows[:100], rows[100:], rows[:100]), None)
    rng = np.random.default_rng(0)
    assert near.to_library(rng)[0] == pytest.approx(1, abs=0.25)
    assert again.to_library(rng)[0] < 0.02
    assert good.result["nearest"].verdict in ("pass", "floor")


def test_nearest_says_how_many_showers_it_looked_at(good, toy_detector, monkeypatch):
    assert good.result["nearest"].showers == HALF // 2
    monkeypatch.setattr(scaling, "NEAREST_MAX_SHOWERS", 17)
    result = validate(make_showers(toy_detector, 60, 1), make_showers(toy_detector, 60, 2))
    assert result["nearest"].showers == 17
    assert result["wasserstein"].showers == 30


def test_nearest_is_not_defined_where_most_showers_have_a_twin():
    near = NearestDistances(np.zeros(9), np.ones(9), np.zeros(9), np.ones(9))
    assert np.isnan(near.to_library(np.random.default_rng(0))).all()


def test_nearest_is_the_smallest_distance():
    rng = np.random.default_rng(0)
    probe, library = (rng.random((n, 8), dtype=np.float32) for n in (20, 30))
    slowly = [min(np.linalg.norm(a - b) for b in library) for a in probe]
    np.testing.assert_allclose(nearest(probe, library), slowly, rtol=1e-4)
    others = [np.delete(probe, row, axis=0) for row in range(len(probe))]
    own = [np.linalg.norm(rest - a, axis=1).min() for a, rest in zip(probe, others, strict=True)]
    np.testing.assert_allclose(nearest(probe, probe, skip_self=True), own, rtol=1e-4)


def test_different_energies_are_said(geant4):
    reference = geant4[0]
    soft = reference[reference.energy < 80]
    (note,) = compare([reference], [soft]).notes()
    assert "differ in energy" in note
    assert not compare([reference], [geant4[1]]).notes()


def test_empty_showers_are_said_and_scored(toys):
    reference, other = toys
    cells = other.cells.copy()
    cells[:3] = 0
    comparison = compare([reference], [with_cells(other, cells)])
    assert any("3 of 60" in note for note in comparison.notes())
    assert all(np.isfinite(s.value) for s in score(comparison).scores)


def test_too_few_showers_and_foreign_showers_are_refused(geant4, toy_detector):
    reference = geant4[0]
    with pytest.raises(InputError, match="10 showers"):
        compare([reference], [reference[:10]])
    with pytest.raises(DetectorError, match="cannot be compared"):
        compare([reference], [make_showers(toy_detector, 60)])
