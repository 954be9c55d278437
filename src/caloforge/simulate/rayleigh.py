"""Rayleigh tables from Moliere's form factor of the Thomas-Fermi atom.

    F(q) = Z sum_i a_i b_i^2 / (b_i^2 + (q R)^2),   R = 0.88534 a_0 Z^(-1/3),

a = (0.10, 0.55, 0.35), b = (6.0, 1.2, 0.3) (Moliere, Z. Naturforsch. 2a (1947) 133), and the
exact F = (1 + (q a_0 / 2)^2)^-2 of hydrogen. The cross section is Thomson's times F^2. Only the
total is tabulated: Geant4 samples the angle from its own form factors.
"""

import numpy as np

from caloforge.typing import Float64Array

ENERGY_GRID = np.geomspace(1e-6, 1e5, 441)
"""Photon energies in MeV."""

CLASSICAL_RADIUS_MM = 2.8179403e-12
BOHR_RADIUS_MM = 5.2917721e-8
HBARC_MEV_MM = 1.97326980e-10
WEIGHTS, DECAYS = np.array([0.10, 0.55, 0.35]), np.array([6.0, 1.2, 0.3])


def form_factor(z: int, transfer: Float64Array) -> Float64Array:
    """F(q) for momentum transfers q in MeV; F(0) = Z.

    >>> bool(np.isclose(form_factor(74, np.array([0.0]))[0], 74.0))
    True
    """
    q = transfer / HBARC_MEV_MM
    if z == 1:
        return np.asarray((1 + (q * BOHR_RADIUS_MM / 2) ** 2) ** -2)
    radius = 0.88534 * BOHR_RADIUS_MM * z ** (-1 / 3)
    squared = (q * radius)[..., None] ** 2
    return np.asarray(z * (WEIGHTS * DECAYS**2 / (DECAYS**2 + squared)).sum(axis=-1))


def cross_section(z: int, energy: float) -> float:
    """Total Rayleigh cross section of an atom in mm^2 at a photon energy in MeV."""
    transfer_max = 2 * energy
    u = np.linspace(0, 1, 1201)
    smallest = min(1e-4, 1e-5 / energy)
    transfer = transfer_max * (np.expm1(u * np.log1p(1 / smallest)) * smallest)
    x = (transfer / transfer_max) ** 2
    polarisation = 1 + (1 - 2 * x) ** 2
    # dcos = q dq / E^2
    integrand = polarisation * form_factor(z, transfer) ** 2 * transfer / energy**2
    area = np.trapezoid(integrand, transfer)
    return float(np.pi * CLASSICAL_RADIUS_MM**2 * area)


def table_text(z: int) -> str:
    """The file ``re-cs-Z.dat`` of G4LivermoreRayleighModel: E^2 sigma in MeV^2 mm^2."""
    values = [energy**2 * cross_section(z, energy) for energy in ENERGY_GRID]
    size = ENERGY_GRID.size
    head = f"{ENERGY_GRID[0]:.9g} {ENERGY_GRID[-1]:.9g} {size}\n{size}\n"
    return head + "".join(f"{x:.9g} {y:.9g}\n" for x, y in zip(ENERGY_GRID, values, strict=True))
