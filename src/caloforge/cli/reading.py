"""Options that say how a sample is read: its detector, its layout, or a map of it."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from caloforge.io import SampleMap, ShowerFile


def known_detector(name: str | None) -> str | None:
    """A detector's name or file, refused at once if it is neither."""
    if name is not None and not Path(name).is_file():
        from caloforge.detector import load_detector

        load_detector(name)
    return name


DetectorOption = Annotated[
    str | None,
    typer.Option(
        "--detector",
        help="Detector of samples that do not name theirs (.toml or name).",
        callback=known_detector,
    ),
]
LayoutOption = Annotated[
    str | None,
    typer.Option("--layout", help="Layout of the sample, if it is ambiguous: info --layouts."),
]
MapOption = Annotated[
    str | None,
    typer.Option(
        "--map",
        help="Where a sample of no known layout has its parts: "
        "'cells=/data/e,energy=/mc/p,theta=/mc/th,unit=MeV,order=zyx', or a .toml file.",
    ),
]


@dataclass(frozen=True)
class Reading:
    """How samples are to be read, as the options say it."""

    detector: str | None = None
    layout: str | None = None
    where: str | None = None

    def open(self, path: Path) -> "ShowerFile":
        """Open a sample; errors as of open_showers, load_detector and SampleMap.parse."""
        from caloforge.detector import load_detector
        from caloforge.io import open_showers

        described = None if self.detector is None else load_detector(self.detector)
        return open_showers(path, described, layout=self.layout, where=self.map)

    def print_map(self) -> None:
        """Print the map as TOML, where one was given on the command line."""
        if self.map is not None and not str(self.where).endswith(".toml"):
            print(f"# saved as a .toml file, --map FILE.toml takes it\n{self.map.toml()}")

    @property
    def map(self) -> "SampleMap | None":
        """The map, None where none is given; InputError if it is not understood."""
        from caloforge.io import SampleMap

        return None if self.where is None else SampleMap.parse(self.where)
