"""caloforge: Geant4 showers in, trusted fast showers out."""

from importlib.metadata import version

from caloforge.beam import Conditions
from caloforge.detector import Detector, load_detector
from caloforge.showers import Showers

__version__ = version("caloforge")
__all__ = ["Conditions", "Detector", "Showers", "load_detector"]
