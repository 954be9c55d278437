"""The bremsstrahlung tables: published formulae, normalised to published energy loss."""

import numpy as np
import pytest

from caloforge.simulate import bremsstrahlung as brem
from caloforge.simulate.radiative_loss import phi_rad

AVOGADRO_PER_BARN = 0.602214076
"""Atoms a mole times 1 barn in cm2."""

ESTAR_WATER = {0.01: 3.898e-3, 0.1: 4.228e-3, 1: 1.280e-2, 10: 1.814e-1, 100: 2.434, 1000: 26.79}
"""Radiative stopping power of water in MeV cm2/g (NIST ESTAR), by kinetic energy in MeV."""


def stopping_power(z: int, mass: float, kinetic: float) -> float:
    """Radiative stopping power of an element in MeV cm2/g."""
    barn = brem.ALPHA_RE2 * 1e-3
    total = kinetic + brem.ELECTRON_MASS
    return float(
        AVOGADRO_PER_BARN / mass * barn * z**2 * total * phi_rad(z, np.array([kinetic]))[0]
    )


@pytest.mark.parametrize(("kinetic", "expected"), ESTAR_WATER.items())
def test_water_loses_as_nist_says(kinetic: float, expected: float) -> None:
    hydrogen, oxygen = stopping_power(1, 1.008, kinetic), stopping_power(8, 15.999, kinetic)
    assert 0.111894 * hydrogen + 0.888106 * oxygen == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("z", [1, 14, 74])
def test_tables_integrate_to_the_published_loss(z: int) -> None:
    total = brem.ENERGY_GRID + brem.ELECTRON_MASS
    beta2 = 1 - (brem.ELECTRON_MASS / total) ** 2
    integral = np.trapezoid(brem.scaled_cross_sections(z), brem.RATIO_GRID, axis=1)
    loss = integral / beta2 * brem.ENERGY_GRID / total / brem.ALPHA_RE2
    assert loss == pytest.approx(phi_rad(z, brem.ENERGY_GRID), rel=1e-9)


@pytest.mark.parametrize(
    ("z", "mass", "radiation_length"), [(29, 63.546, 12.86), (74, 183.84, 6.76)]
)
def test_complete_screening_gives_the_radiation_length(
    z: int, mass: float, radiation_length: float
) -> None:
    soft = brem.tsai(z, 1e6, np.array([1.0]))[0] * 1e-3  # k dsigma/dk -> 4/3 A / (X0 N_A)
    inverse = AVOGADRO_PER_BARN / mass * soft * 3 / 4
    assert 1 / inverse == pytest.approx(radiation_length, rel=0.03)


def test_born_formula_tends_to_tsais_without_screening_or_coulomb_correction() -> None:
    """At the hard end of a fast electron's spectrum in hydrogen both corrections vanish."""
    photon = np.array([25.0])
    born = brem.born(1, 50.0, photon)
    assert born == pytest.approx(brem.tsai(1, 50.0, photon) / 2, rel=0.1)  # tsai: electron too


def test_table_has_geant4s_format() -> None:
    numbers = [float(word) for word in brem.table_text(14).split()]
    n_x, n_y = int(numbers[1]), int(numbers[2])
    assert len(numbers) == 3 + n_x + n_y + n_x * n_y
    assert numbers[3] == 0 and numbers[3 + n_x - 1] == 1
    assert numbers[3 + n_x : 3 + n_x + n_y] == pytest.approx(np.log(brem.ENERGY_GRID))
