"""The protocol that Geant4, a network and every inference engine satisfy."""

from typing import Protocol, runtime_checkable

from caloforge.beam import Conditions
from caloforge.showers import Showers


@runtime_checkable
class ShowerSource(Protocol):
    """Anything that makes showers for given conditions."""

    @property
    def name(self) -> str:
        """How the source is called in tables and plots."""
        ...

    def sample(self, conditions: Conditions, *, seed: int) -> Showers:
        """Make one shower for each condition; the same seed gives the same showers."""
        ...
