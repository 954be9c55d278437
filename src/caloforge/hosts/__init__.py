"""What a simulation framework needs to load a model with no change to its C++.

Each host has a file: what it feeds the graph, what it reads, which models it cannot hold, and
the macro or steering file that goes with the graph. :mod:`caloforge.hosts.folder` writes them.
"""

from typing import Literal

HostName = Literal["par04", "par04-calodit", "ddml", "fastcalosim"]
