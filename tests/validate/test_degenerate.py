"""Samples that leave measures little to hold on to: finite or said to be undefined, drawn, JSON."""

import json

import numpy as np
import pytest
from tests.conftest import make_showers, make_toy_detector

from caloforge.detector import Window
from caloforge.errors import InputError
from caloforge.showers import Showers
from caloforge.validate import figure_style
from caloforge.validate.catalogue import catalogue
from caloforge.validate.comparison import compare
from caloforge.validate.report import render_report
from caloforge.validate.suite import score


def soft(seed: int, n: int = 60) -> Showers:
    """Showers of 0.1 GeV: two or three cells in the front, seldom one in the last layers."""
    rng = np.random.default_rng(seed)
    cells = np.zeros((n, 5, 5, 4), np.float32)
    cells[:, 2, 2, 0] = rng.exponential(1e-3, n)
    cells[rng.random(n) < 0.5, 2, 3, 1] = 5e-4
    cells[rng.random(n) < 0.05, 2, 1, 2] = 1e-7
    cells[rng.random(n) < 0.03, 4, 0, 3] = 1e-2
    return Showers(cells, np.full(n, 0.1), np.full(n, np.pi / 2), make_toy_detector())


def one_energy(seed: int) -> Showers:
    showers = make_showers(make_toy_detector(), 60, seed)
    cells = showers.cells * (100 / showers.energy)[:, None, None, None]
    return Showers(cells, np.full(60, 100.0), showers.theta, showers.detector)


def never_hit(seed: int) -> Showers:
    showers = make_showers(make_toy_detector(), 60, seed)
    cells = showers.cells.copy()
    cells[..., -1] = 0
    return Showers(cells, showers.energy, showers.theta, showers.detector)


def mostly_empty(seed: int) -> Showers:
    showers = make_showers(make_toy_detector(), 60, seed)
    cells = showers.cells * (np.arange(60) % 3 == 0)[:, None, None, None]
    return Showers(cells, showers.energy, showers.theta, showers.detector)


def one_pad(seed: int) -> Showers:
    """An image of one pad: nothing across the beam can vary."""
    detector = make_toy_detector().model_copy(update={"windows": {"fixed": Window(shape=(1, 1))}})
    whole = make_showers(make_toy_detector(), 60, seed)
    cells = whole.cells.sum(axis=(1, 2), keepdims=True)
    return Showers(cells, whole.energy, whole.theta, detector)


def one_cell(seed: int) -> Showers:
    """A single layer of a single pad."""
    detector = make_toy_detector()
    layer = detector.layers[0].model_copy(update={"count": 1})
    update = {"windows": {"fixed": Window(shape=(1, 1))}, "layers": (layer,)}
    rng = np.random.default_rng(seed)
    energy = rng.uniform(10, 500, 60)
    cells = (0.02 * energy * rng.normal(1, 0.05, 60)).reshape(60, 1, 1, 1)
    return Showers(cells, energy, np.full(60, np.pi / 2), detector.model_copy(update=update))


@pytest.mark.parametrize("make", [soft, one_energy, never_hit, mostly_empty, one_pad, one_cell])
def test_a_sample_against_its_like_neither_fails_nor_breaks(make):
    comparison = compare([make(1)], [make(2)])
    result = score(comparison)
    verdicts = {found.name: found.verdict for found in result.scores}
    assert "fail" not in verdicts.values(), verdicts
    for found in result.scores:
        assert np.isfinite(found.value) or found.verdict == "undecided", found
    table = result.to_dict()
    assert json.loads(json.dumps(table, allow_nan=False)) == table
    assert result["wasserstein"].verdict in ("pass", "floor")
    assert result["kpd"].error < 1
    assert "undecided" in render_report(result, [])
    with figure_style.style():
        for plot in list(catalogue(comparison, result))[::9]:
            plot.draw()


def test_what_has_no_spread_is_said():
    comparison = compare([never_hit(1)], [make_showers(make_toy_detector(), 60, 2)])
    (note,) = comparison.notes()
    assert "no spread" in note and "layer 3" in note
    result = score(comparison)
    assert result.to_dict()["spread_by_feature"]["layer 3"] is None
    assert result["wasserstein"].verdict == "fail"


def test_a_layer_that_one_shower_reaches_has_no_spread_to_compare_with():
    """Else the mean over features is what rounding, or that one shower, says of one of them."""
    reference, made = never_hit(1), make_showers(make_toy_detector(), 60, 2)
    reference.cells[0, 2, 2, 3] = 1e-7
    result = score(compare([reference], [made]))
    assert result.to_dict()["spread_by_feature"]["layer 3"] is None
    assert result["spread"].value < 3


def test_an_empty_reference_is_refused_and_empty_showers_are_judged():
    full = make_showers(make_toy_detector(), 60)
    empty = Showers(0 * full.cells, full.energy, full.theta, full.detector)
    with pytest.raises(InputError, match="all 60 showers of Geant4 are empty"):
        compare([empty], [full])
    result = score(compare([full], [empty]))
    assert result["response_bias"].verdict == "fail"
    assert result["response_bias"].value == pytest.approx(1)


def test_a_single_shower_is_too_few():
    full = make_showers(make_toy_detector(), 60)
    with pytest.raises(InputError, match="generated has 1 showers: a comparison needs 50"):
        compare([full], [full[:1]])
