"""Some showers of a sample, whether or not their detector is known."""

from dataclasses import dataclass

from caloforge.beam import Conditions
from caloforge.typing import FloatArray


@dataclass(frozen=True)
class Block:
    """Some showers of a sample: cells (n, X, Y, Z) in GeV, their conditions, and impact points
    (n, 2) in mm from the images' middles where the sample has them."""

    cells: FloatArray
    conditions: Conditions
    impact: FloatArray | None = None

    def __len__(self) -> int:
        return len(self.cells)

    @property
    def energy(self) -> FloatArray:
        """Primary energies in GeV, shape (n,)."""
        return self.conditions.energy

    @property
    def theta(self) -> FloatArray:
        """Polar angles in rad, shape (n,)."""
        return self.conditions.theta

    @property
    def phi(self) -> FloatArray | None:
        """Azimuths in rad, shape (n,), where the sample has them."""
        return self.conditions.phi
