"""How much material is in the way: density, radiation length X0 and nuclear interaction length.

Per element, both as in the Particle Data Group's Review (Phys. Rev. D 110 (2024) 030001): X0 by
Tsai's formula (section 34.4.2; Rev. Mod. Phys. 46 (1974) 815), the nuclear interaction length by
35 g/cm2 A^(1/3) (section 35.9.2), which Geant4 takes too and which is within 7 % of the Review's
table from beryllium on. Of mixtures, the inverse lengths add up by mass fraction.
"""

import csv
import math
from dataclasses import dataclass
from functools import cache
from importlib import resources

from caloforge.detector import Detector
from caloforge.errors import DetectorError
from caloforge.layer import Layer
from caloforge.material import Material
from caloforge.units import cm

FINE_STRUCTURE = 1 / 137.035999
TSAI_G_CM2 = 716.408
"""1 / (4 alpha r_e^2 N_A) in g/cm2 per g/mol."""
TSAI_LIGHT = {1: (5.31, 6.144), 2: (4.79, 5.621), 3: (4.74, 5.805), 4: (4.71, 5.924)}
"""Radiation logarithms L_rad and L'_rad of the elements that Thomas and Fermi do not describe."""


@dataclass(frozen=True)
class MaterialBudget:
    """Some thickness of matter: in mm, in g/cm2, in radiation and in interaction lengths."""

    thickness_mm: float = 0.0
    g_cm2: float = 0.0
    radiation_lengths: float = 0.0
    interaction_lengths: float = 0.0

    def __add__(self, other: "MaterialBudget") -> "MaterialBudget":
        return MaterialBudget(
            self.thickness_mm + other.thickness_mm,
            self.g_cm2 + other.g_cm2,
            self.radiation_lengths + other.radiation_lengths,
            self.interaction_lengths + other.interaction_lengths,
        )

    def __str__(self) -> str:
        return (
            f"{self.density_g_cm3:.4g} g/cm3, {self.radiation_lengths:.4g} X0, "
            f"{self.interaction_lengths:.3g} lambda"
        )

    @property
    def density_g_cm3(self) -> float:
        """Mean density in g/cm3."""
        return self.g_cm2 / (self.thickness_mm / cm)

    @property
    def radiation_length_mm(self) -> float:
        """Thickness of one radiation length in mm."""
        return self.thickness_mm / self.radiation_lengths

    @property
    def interaction_length_mm(self) -> float:
        """Thickness of one nuclear interaction length in mm."""
        return self.thickness_mm / self.interaction_lengths


def element_radiation_length(z: int, mass: float) -> float:
    """X0 of an element in g/cm2, from atomic number and mass (g/mol).

    >>> round(element_radiation_length(74, 183.84), 2)
    6.76
    """
    a2 = (FINE_STRUCTURE * z) ** 2
    coulomb = a2 * (1 / (1 + a2) + 0.20206 - 0.0369 * a2 + 0.0083 * a2**2 - 0.002 * a2**3)
    heavy = math.log(184.15 * z ** (-1 / 3)), math.log(1194 * z ** (-2 / 3))
    elastic, inelastic = TSAI_LIGHT.get(z, heavy)
    return TSAI_G_CM2 * mass / (z**2 * (elastic - coulomb) + z * inelastic)


def element_interaction_length(mass: float) -> float:
    """Nuclear interaction length of an element in g/cm2, from its mass (g/mol)."""
    return 35.0 * math.cbrt(mass)


def budget_of(material: Material, thickness_mm: float = 1.0) -> MaterialBudget:
    """What some thickness of a material amounts to.

    Raises
    ------
    DetectorError
        if the NIST name or an element is not in the tables.
    """
    density, fractions = _composition(material)
    g_cm2 = density * thickness_mm / cm
    inverse_x0 = inverse_lambda = 0.0
    for symbol, fraction in fractions.items():
        if symbol not in elements():
            msg = f"there is no element '{symbol}'"
            raise DetectorError(msg)
        z, mass = elements()[symbol]
        inverse_x0 += fraction / element_radiation_length(z, mass)
        inverse_lambda += fraction / element_interaction_length(mass)
    return MaterialBudget(thickness_mm, g_cm2, g_cm2 * inverse_x0, g_cm2 * inverse_lambda)


def layer_budget(layer: Layer, materials: dict[str, Material]) -> MaterialBudget:
    """What one layer amounts to; errors as budget_of, with the material's name."""
    total = MaterialBudget()
    for slab in layer.stack:
        try:
            total += budget_of(materials[slab.material], slab.thickness_mm)
        except DetectorError as error:
            msg = f"material '{slab.material}': {error}"
            raise DetectorError(msg) from None
    return total


def detector_budget(detector: Detector) -> MaterialBudget:
    """What the whole stack amounts to; errors as layer_budget."""
    each = (
        layer_budget(layer, detector.materials)
        for layer in detector.layers
        for _ in range(layer.count)
    )
    return sum(each, start=MaterialBudget())


def element_charges(detector: Detector) -> set[int]:
    """Atomic numbers of the elements in a detector's slabs, as far as the tables know them."""
    used = {slab.material for layer in detector.layers for slab in layer.stack}
    found = [detector.materials[name] for name in used]
    symbols = {
        symbol
        for material in found
        if material.nist is None or material.nist in nist_materials()
        for symbol in _composition(material)[1]
    }
    return {elements()[symbol][0] for symbol in symbols if symbol in elements()}


@cache
def elements() -> dict[str, tuple[int, float]]:
    """Atomic number and mass (g/mol) of the elements by symbol."""
    return {symbol: (int(z), float(mass)) for symbol, z, mass in _table("elements")}


@cache
def nist_materials() -> dict[str, tuple[float, dict[str, float]]]:
    """Density (g/cm3) and mass fractions of NIST's materials by Geant4's names."""
    return {
        name: (float(density), {
            symbol: float(share)
            for symbol, _, share in (word.partition(":") for word in shares.split())
        })
        for name, density, shares in _table("nist_materials")
    }  # fmt: skip


def _composition(material: Material) -> tuple[float, dict[str, float]]:
    """Density (g/cm3) and mass fractions."""
    if material.nist is None:
        assert material.density_g_cm3 is not None
        return material.density_g_cm3, material.mass_fractions
    if material.nist not in nist_materials():
        msg = f"there is no NIST material '{material.nist}' in the table"
        raise DetectorError(msg)
    return nist_materials()[material.nist]


def _table(name: str) -> list[list[str]]:
    text = (resources.files("caloforge") / "detectors" / f"{name}.csv").read_text()
    return list(csv.reader(text.splitlines()))
