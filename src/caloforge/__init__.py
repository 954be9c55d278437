"""caloforge: Geant4 showers in, trusted fast showers out.

The public surface; everything is imported when it is first used, so that the command line
starts at once.
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from caloforge.beam import Conditions
    from caloforge.detector import Detector, load_detector
    from caloforge.errors import CaloforgeError
    from caloforge.generate import Generator, load
    from caloforge.hits import Hits
    from caloforge.io import open_showers, read, write
    from caloforge.ranges import draw
    from caloforge.showers import Showers
    from caloforge.source import ShowerSource

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
"""ONNX Runtime otherwise keeps a device number in the cache folder and reports every session."""

_HOME = {
    "CaloforgeError": "caloforge.errors",
    "Conditions": "caloforge.beam",
    "Detector": "caloforge.detector",
    "Generator": "caloforge.generate",
    "Hits": "caloforge.hits",
    "ShowerSource": "caloforge.source",
    "Showers": "caloforge.showers",
    "draw": "caloforge.ranges",
    "load": "caloforge.generate",
    "load_detector": "caloforge.detector",
    "open_showers": "caloforge.io",
    "read": "caloforge.io",
    "write": "caloforge.io",
}

__all__ = [
    "CaloforgeError",
    "Conditions",
    "Detector",
    "Generator",
    "Hits",
    "ShowerSource",
    "Showers",
    "draw",
    "load",
    "load_detector",
    "open_showers",
    "read",
    "write",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("caloforge")
    if name not in _HOME:
        msg = f"module 'caloforge' has no attribute '{name}'"
        raise AttributeError(msg)
    return getattr(import_module(_HOME[name]), name)
