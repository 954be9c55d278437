"""Bremsstrahlung tables ``brem_SB/brZ``: scaled cross sections from published formulae.

The shape over the photon energy is Tsai's screened Bethe-Heitler formula with the Coulomb
correction (Rev. Mod. Phys. 46 (1974) 815, eq. 3.38-3.39) above 50 MeV and the Born
approximation formula 3BN of Koch and Motz (Rev. Mod. Phys. 31 (1959) 920) with Elwert's factor
and a screening correction below 2 MeV, joined smoothly in ln T in between, as Seltzer and Berger
join their two regions. Its integral is brought to the published radiative energy loss
(:mod:`~caloforge.simulate.radiative_loss`), in which the Coulomb and electronic contributions are
those of the published stopping powers.

Energies here are in MeV and cross sections in mb.
"""

import numpy as np

from caloforge.simulate.radiative_loss import phi_rad
from caloforge.typing import Float64Array

ELECTRON_MASS = 0.51099895
ALPHA = 1 / 137.035999
ALPHA_RE2 = ALPHA * 79.4078
"""alpha r_e^2 in mb."""

BORN_BELOW, TSAI_ABOVE = 2.0, 50.0
"""Kinetic energies (MeV) between which the two shapes are joined."""

SOFT_BELOW, SOFT_ABOVE = 0.1, 1.0
"""Kinetic energies (MeV) between which the two screening corrections of 3BN are joined."""

RATIO_GRID = np.concatenate([
    [0.0], np.logspace(-6, -1, 26), np.arange(0.15, 0.91, 0.05),
    [0.925, 0.95, 0.97, 0.98, 0.99, 0.995, 0.999, 0.9995, 0.9999, 0.99995, 0.99999, 1.0],
])  # fmt: skip
"""k / T of the tables."""

ENERGY_GRID = np.logspace(-3, 4, 85)
"""T in MeV of the tables, 1 keV - 10 GeV."""


def coulomb_correction(z: int) -> float:
    """Davies, Bethe and Maximon's f(Z), in the sum of Tsai's eq. 3.3."""
    a2 = (ALPHA * z) ** 2
    return float(a2 * (1 / (1 + a2) + 0.20206 - 0.0369 * a2 + 0.0083 * a2**2 - 0.002 * a2**3))


def _screening(z: int, total: float, photon: Float64Array, power: float) -> Float64Array:
    """Tsai's screening variables: gamma for power 1/3, epsilon for power 2/3."""
    left = np.maximum(total - photon, 1e-9)
    return np.asarray(100 * ELECTRON_MASS * photon / (total * left * z**power))


def _phi1(gamma: Float64Array) -> Float64Array:
    return np.asarray(
        16.863 - 2 * np.log1p(0.311877 * gamma**2) + 2.4 * np.exp(-0.9 * gamma)
        + 1.6 * np.exp(-1.5 * gamma)
    )  # fmt: skip


def tsai(z: int, kinetic: float, photon: Float64Array) -> Float64Array:
    """k dsigma/dk (mb) of Tsai's formula for photons of energy k (MeV)."""
    total = kinetic + ELECTRON_MASS
    y = photon / total
    coulomb = coulomb_correction(z)
    soft = 4 / 3 * (1 - y) + y**2
    gamma = _screening(z, total, photon, 1 / 3)
    epsilon = _screening(z, total, photon, 2 / 3)
    nuclear = _phi1(gamma) - 4 / 3 * np.log(z) - 4 * coulomb
    psi1 = (
        24.34 - 2 * np.log1p(13.111641 * epsilon**2) + 2.8 * np.exp(-8 * epsilon)
        + 1.2 * np.exp(-29.2 * epsilon)
    )  # fmt: skip
    electronic = psi1 - 8 / 3 * np.log(z)
    nuclear_step = 2 / (3 + 19.5 * gamma + 18 * gamma**2)
    electronic_step = 2 / (3 + 120 * epsilon + 1200 * epsilon**2)
    main = z**2 * np.maximum(nuclear, 0) + z * np.maximum(electronic, 0)
    step = z**2 * nuclear_step + z * electronic_step
    return np.asarray(ALPHA_RE2 * (soft * main + 2 / 3 * (1 - y) * step))


def _elwert(z: int, beta_in: float, beta_out: Float64Array) -> Float64Array:
    """Elwert's factor, the ratio of the Coulomb densities after and before."""
    strength = 2 * np.pi * ALPHA * z
    before = beta_in * -np.expm1(-strength / beta_in)
    return np.asarray(before / (beta_out * -np.expm1(-strength / beta_out)))


def born(z: int, kinetic: float, photon: Float64Array) -> Float64Array:
    """k dsigma/dk (mb) of Koch and Motz' 3BN with Elwert's factor, screened.

    Screening enters in the logarithm below 0.1 MeV, with the Thomas-Fermi angle of Schiff
    (momentum Z^(1/3) / 111), and as Tsai's difference to no screening above 1 MeV.
    """
    photon = np.minimum(photon, kinetic * (1 - 1e-7)) / ELECTRON_MASS
    e0 = 1 + kinetic / ELECTRON_MASS
    e = e0 - photon
    p0, p = np.sqrt(e0**2 - 1), np.sqrt(np.maximum(e**2 - 1, 1e-14))
    least_transfer = np.maximum((p0**2 - p**2) / (p0 + p) - photon, 1e-30)
    soft = _smooth_step(np.log(kinetic / SOFT_BELOW) / np.log(SOFT_ABOVE / SOFT_BELOW))
    cut = np.log1p((z ** (1 / 3) / 111 / least_transfer) ** 2)
    log = 2 * np.log((e0 * e + p0 * p - 1) / photon) - (1 - soft) * cut
    l0, l1 = 2 * np.log(e0 + p0), 2 * np.log(e + p)
    bracket = (
        4 / 3 - 2 * e0 * e * (p**2 + p0**2) / (p0 * p) ** 2
        + l0 * e / p0**3 + l1 * e0 / p**3 - l0 * l1 / (p0 * p)
        + log * (
            8 * e0 * e / (3 * p0 * p)
            + photon**2 * (e0**2 * e**2 + p0**2 * p**2) / (p0 * p) ** 3
            + photon / (2 * p0 * p) * (
                (e0 * e + p0**2) / p0**3 * l0 - (e0 * e + p**2) / p**3 * l1
                + 2 * photon * e0 * e / (p * p0) ** 2
            )
        )
    )  # fmt: skip
    gamma = _screening(z, e0 * ELECTRON_MASS, photon * ELECTRON_MASS, 1 / 3)
    bare = 16.863 - 2 * np.log(0.311877 * gamma**2)
    y = photon / e0
    screened = soft * (4 / 3 * (1 - y) + y**2) * np.minimum(_phi1(gamma) - bare, 0)
    unsigned = ALPHA_RE2 * z**2 * (p / p0 * bracket + screened)
    return np.asarray(np.maximum(unsigned, 1e-12) * _elwert(z, p0 / e0, p / e))


def _smooth_step(x: float) -> float:
    """Zero below 0, one above 1, with level ends."""
    inside = float(np.clip(x, 0, 1))
    return inside * inside * (3 - 2 * inside)


def _above_born(kinetic: float) -> float:
    """How far a kinetic energy is from the lower to the upper formula, 0 to 1."""
    return _smooth_step(np.log(kinetic / BORN_BELOW) / np.log(TSAI_ABOVE / BORN_BELOW))


def shape(z: int, kinetic: float, photon: Float64Array) -> Float64Array:
    """The joined k dsigma/dk (mb), before normalisation to the published energy loss."""
    high = _above_born(kinetic)
    photon = np.maximum(photon, 1e-7 * kinetic)
    result = np.zeros_like(photon)
    if high < 1:
        result += (1 - high) * born(z, kinetic, photon)
    if high > 0:
        result += high * tsai(z, kinetic, photon)
    return np.maximum(result, 1e-12)


def scaled_cross_sections(z: int) -> Float64Array:
    """beta^2 / Z^2 k dsigma/dk (mb) at (ENERGY_GRID, RATIO_GRID), as Geant4 tabulates it.

    Each row's integral over k is the published radiative energy loss at its energy, as Geant4
    integrates the table: linear in k / T.
    """
    total = ENERGY_GRID + ELECTRON_MASS
    beta2 = 1 - (ELECTRON_MASS / total) ** 2
    losses = phi_rad(z, ENERGY_GRID) * ALPHA_RE2 * z**2 * total / ENERGY_GRID
    rows = [
        _normalised(z, shape(z, kinetic, RATIO_GRID * kinetic), kinetic, loss)
        for kinetic, loss in zip(ENERGY_GRID, losses, strict=True)
    ]
    return np.asarray(rows) * (beta2 / z**2)[:, None]


def _normalised(z: int, row: Float64Array, kinetic: float, loss: float) -> Float64Array:
    """A row whose integral over k / T is the published loss.

    Up to the share of the atom's electrons, 1 / Z, the whole row is scaled. Where the formula falls
    shorter than that at low energy, it does so at the hard end of the spectrum: the Born
    approximation fails for slow outgoing electrons, while the soft end is that of elastic
    scattering. What is still missing is therefore added in proportion to k.
    """
    missing = loss / np.trapezoid(row, RATIO_GRID)
    evenly = min(missing, max(missing ** _above_born(kinetic), 1 + 1 / z))
    row = row * evenly
    integral, moment = (np.trapezoid(row * RATIO_GRID**n, RATIO_GRID) for n in (0, 1))
    return np.asarray(row * (1 + (loss - integral) / moment * RATIO_GRID))


def table_text(z: int) -> str:
    """The file ``brZ``, in the format of G4Physics2DVector::Retrieve."""
    values = scaled_cross_sections(z)
    lines = [
        f"5 {len(RATIO_GRID)} {len(ENERGY_GRID)}",
        " ".join(f"{x:.7g}" for x in RATIO_GRID),
        " ".join(f"{x:.8g}" for x in np.log(ENERGY_GRID)),
    ]
    lines += [" ".join(f"{value:.6g}" for value in row) for row in values]
    return "\n".join(lines) + "\n"
