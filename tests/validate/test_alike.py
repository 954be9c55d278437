"""Like is compared with like, or refused by name."""

from dataclasses import replace

import numpy as np
import pytest
from tests.conftest import make_showers, make_toy_detector

from caloforge.calibration import Calibration
from caloforge.errors import InputError
from caloforge.validate.alike import SampleKind
from caloforge.validate.comparison import compare


def toy(seed: int = 1, **changes):
    return replace(make_showers(make_toy_detector(), 60, seed), **changes)


def test_other_particles_are_refused_by_name():
    electrons, photons = toy(1, particle="e-"), toy(2, particle="gamma")
    with pytest.raises(InputError, match="Geant4 holds showers of e-, generated of gamma"):
        compare([electrons], [photons])
    compare([electrons], [toy(2)])


def test_cells_of_another_meaning_are_converted_where_the_factor_is_known():
    plain = toy(1)
    factors = [30.0, 31.0, 32.0, 33.0]
    other = replace(
        plain, cells=plain.cells * np.array(factors, np.float32),
        calibration=Calibration().times(factors),
    )  # fmt: skip
    for first, second in ((plain, other), (other, plain)):
        comparison = compare([first], [second])
        assert "were multiplied by" in comparison.notes()[0]
        np.testing.assert_allclose(
            comparison.generated.summary.deposited, comparison.reference.summary.deposited,
            rtol=1e-5,
        )  # fmt: skip


def test_a_conversion_changes_nothing_but_the_cells_and_their_meaning():
    plain, rng = toy(1), np.random.default_rng(2)
    scaled = Calibration().times([2.0])
    told = replace(
        plain, phi=rng.uniform(0, 6, len(plain)), impact=rng.uniform(-2, 2, (len(plain), 2)),
        particle="gamma",
    )  # fmt: skip
    (found,) = SampleKind.of(replace(told, calibration=scaled)).convert([told])
    np.testing.assert_allclose(found.cells, 2.0 * told.cells)
    assert found.calibration == scaled and found.particle == "gamma"
    for name in ("energy", "theta", "phi", "impact"):
        assert np.array_equal(getattr(found, name), getattr(told, name)), name


def test_cells_of_another_meaning_are_refused_where_it_is_not():
    plain = toy(1)
    calibrated = replace(plain, calibration=Calibration.parse("calibrated"))
    with pytest.raises(InputError, match=r"in the sensitive material.*factor unknown.*--calibrate"):
        compare([plain], [calibrated])
