"""Some showers of a sample, whether or not their detector is known."""

from dataclasses import dataclass

from caloforge.beam import Conditions
from caloforge.typing import FloatArray


@dataclass(frozen=True)
class Block:
    """Some showers of a sample: cells (n, X, Y, Z) in GeV, their conditions, and phi (n,) in rad
    where the sample has it."""

    cells: FloatArray
    conditions: Conditions
    phi: FloatArray | None = None

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
