"""Generation times that others have published, to stand beside ours."""

from typing import NamedTuple


class Published(NamedTuple):
    """One published figure; ``speed_up`` is over the Geant4 of its authors."""

    what: str
    ms: float | None
    speed_up: float | None
    source: str


PUBLISHED = (
    Published("Geant4, Xeon 8180", 17_000.0, 1, "EPJ Web Conf. 214 (2019) 02010"),
    Published("3DGAN 25^3, float32, Xeon 8180", 7, 2_500, "EPJ Web Conf. 214 (2019) 02010"),
    Published("3DGAN 25^3, batch 128, 1 stream", 1.25, 13_600, "openlab and Intel, 2-socket Xeon"),
    Published("3DGAN 25^3, batch 128, 2 streams", 0.93, None, "openlab and Intel, 2-socket Xeon"),
    Published("3DGAN 25^3, batch 128, 4 streams", 0.85, 20_000, "openlab and Intel, 2-socket Xeon"),
    Published("3DGAN 51x51x25, batch 256", 2.3, None, "openlab and Intel, 2-socket Xeon"),
    Published("3DGAN INT8 on AMX", None, 8_500, "openlab and Intel"),
    Published("Conv2D 3DGAN, INT8", None, 67_000, "EPJ Web Conf. 251 (2021) 03042"),
)
"""Times in ms a shower."""
