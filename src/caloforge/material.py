"""Materials as a detector's file states them, checked for slips of the pen."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from caloforge.config import FrozenModel

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]

DENSEST_G_CM3 = 23.0
"""Osmium, the densest element, has 22.6 g/cm3."""

FRACTION_SUMS = 0.97, 1.03
"""What mass fractions as published, rounded or with traces left out, add up to."""


class Material(FrozenModel):
    """A material: a NIST name that Geant4 knows, or a density with mass fractions.

    ``elements`` maps element symbols to mass fractions; what rounding left of their sum is
    normalised away.
    """

    nist: str | None = None
    density_g_cm3: Positive | None = None
    elements: dict[str, Positive] = {}

    @model_validator(mode="after")
    def _nist_or_composition(self) -> Self:
        composed = self.density_g_cm3 is not None and bool(self.elements)
        named = self.nist is not None and self.density_g_cm3 is None and not self.elements
        if not composed ^ named or (composed and self.nist is not None):
            msg = "a material has either 'nist', or both 'density_g_cm3' and 'elements'"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _possible_density(self) -> Self:
        density = self.density_g_cm3
        if density is not None and density > DENSEST_G_CM3:
            msg = (
                f"density_g_cm3 is {density:g}, more than any material's {DENSEST_G_CM3:g} g/cm3 "
                f"(kg/m3 by mistake? that would be {density / 1000:g})"
            )
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _fractions_of_one(self) -> Self:
        total, (low, high) = sum(self.elements.values()), FRACTION_SUMS
        if self.elements and not low <= total <= high:
            hint = " (per cent by mistake?)" if 100 * low <= total <= 100 * high else ""
            msg = (
                f"the mass fractions add up to {total:g}, not to 1{hint}: elements takes mass "
                "fractions, not numbers of atoms"
            )
            raise ValueError(msg)
        return self

    @property
    def mass_fractions(self) -> dict[str, float]:
        """Mass fraction of each element, of unit sum (empty for a NIST material)."""
        total = sum(self.elements.values())
        return {symbol: share / total for symbol, share in self.elements.items()}
