"""Geant4 showers for any described calorimeter, with nothing to download or compile.

:class:`Geant4Source` is Geant4 as a source of showers; :func:`produce` makes a file of them in
worker processes, resumable and reproducible.
"""

from caloforge.simulate.produce import LocalRunner, ProductionSummary, produce, replay
from caloforge.simulate.request import PARTICLES, Production
from caloforge.simulate.source import Geant4Source

__all__ = [
    "PARTICLES",
    "Geant4Source",
    "LocalRunner",
    "Production",
    "ProductionSummary",
    "produce",
    "replay",
]
