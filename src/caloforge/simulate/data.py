"""Which data sets Geant4 reads: official ones where they are configured, else built-in tables."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from caloforge.detector import Detector
from caloforge.errors import InputError
from caloforge.radiation import element_charges

DataChoice = Literal["auto", "official", "built-in"]
CHOICES: tuple[DataChoice, ...] = ("auto", "official", "built-in")

TABLES_VARIABLE = "G4LEDATA"
FOLDER_VARIABLE = "GEANT4_DATA_DIR"
OTHER_VARIABLES = (
    "G4ENSDFSTATEDATA", "G4NEUTRONHPDATA", "G4LEVELGAMMADATA", "G4RADIOACTIVEDATA",
    "G4PARTICLEXSDATA", "G4PIIDATA", "G4REALSURFACEDATA", "G4SAIDXSDATA", "G4ABLADATA",
    "G4INCLDATA", "G4CHANNELINGDATA",
)  # fmt: skip
"""Data sets that the electromagnetic physics does not read, but that must be named somewhere:
a missing one makes the import of geant4_pybind ask for a download."""

REQUIRED_FOLDERS = ("brem_SB", "epics2017")
ELEMENT_FILES = (
    "brem_SB/br{z}",
    "epics2017/phot/pe-cs-{z}.dat",
    "epics2017/rayl/re-cs-{z}.dat",
)
"""What Geant4 reads for every element, by atomic number."""
HELIUM, SHELLS_FILE = 2, "epics2017/phot/pe-ss-cs-{z}.dat"
"""The last element whose only shell is the K shell, and what Geant4 reads for those after it."""

INSTALLED = "the installation of geant4_pybind"


@dataclass(frozen=True)
class DataSets:
    """The data that a simulation uses.

    Attributes
    ----------
    kind : ``official`` or ``built-in``.
    tables : folder in G4EMLOW's layout.
    built_in : the cache of built-in tables, filled on demand; it also stands for data sets that
        are named but not read.
    configured : data variables of the user's that are kept.
    note : why official data that are there do not serve, else empty.
    """

    kind: Literal["official", "built-in"]
    tables: Path
    built_in: Path
    configured: Mapping[str, str] = field(default_factory=dict)
    note: str = field(default="", compare=False)

    @property
    def title(self) -> str:
        """How the data are named in files and records."""
        if self.kind == "official":
            return f"official ({self.tables.name})"
        return f"built-in ({self.tables.name})"

    def environment(self) -> dict[str, str]:
        """Variables that must be set before geant4_pybind is imported."""
        unused = str(self.built_in)
        return {
            FOLDER_VARIABLE: unused,
            **dict.fromkeys(OTHER_VARIABLES, unused),
            **self.configured,
            TABLES_VARIABLE: str(self.tables),
        }


def choose_data(choice: str, built_in_folder: Path, detector: Detector | None = None) -> DataSets:
    """Find the data that one of CHOICES means: ``auto`` takes official data where configured.

    Installed data that lack something (for the detector's elements, where it is given), as a
    download that broke off leaves them, serve ``auto`` as none; the ``note`` says so.

    Raises
    ------
    InputError
        if the choice is unknown, official data are demanded but not configured, or a variable
        points to no such data, or to some that lack something.
    """
    if choice not in CHOICES:
        msg = f"data '{choice}' is unknown: allowed are {', '.join(CHOICES)}"
        raise InputError(msg)
    built_in = DataSets("built-in", built_in_folder, built_in_folder)
    if choice == "built-in":
        return built_in
    origin, official = _official_tables()
    if official is None:
        if choice == "auto":
            return built_in
        msg = (
            f"no official Geant4 data: set {TABLES_VARIABLE} to a G4EMLOW folder or "
            f"{FOLDER_VARIABLE} to the folder that holds one, or leave out --data official"
        )
        raise InputError(msg)
    fault = _fault(official, detector)
    if fault and choice == "auto" and origin == INSTALLED:
        return replace(built_in, note=f"{official} {fault}; the built-in tables serve")
    if fault:
        msg = f"{origin} points to {official}, which {fault}: mend it, or take --data built-in"
        raise InputError(msg)
    kept = {name: os.environ[name] for name in OTHER_VARIABLES if name in os.environ}
    return DataSets("official", official, built_in_folder, kept)


def _official_tables() -> tuple[str, Path | None]:
    """What names official data (a variable, or INSTALLED), and their G4EMLOW folder."""
    if os.environ.get(TABLES_VARIABLE):
        return TABLES_VARIABLE, Path(os.environ[TABLES_VARIABLE]).absolute()
    if os.environ.get(FOLDER_VARIABLE):
        folder = Path(os.environ[FOLDER_VARIABLE])
        found = _newest_tables(folder)
        if found is None:
            msg = f"{FOLDER_VARIABLE} points to {folder}, which holds no G4EMLOW folder"
            raise InputError(msg)
        return FOLDER_VARIABLE, found.absolute()
    return INSTALLED, _newest_tables(Path.home() / ".geant4_pybind")


def _newest_tables(folder: Path) -> Path | None:
    found = (path for path in folder.glob("G4EMLOW*") if path.is_dir())
    return max(found, key=_version, default=None)


def _version(folder: Path) -> list[int]:
    """The numbers in a folder's name, so that G4EMLOW8.10 is newer than G4EMLOW8.8."""
    return [int(number) for number in re.findall(r"\d+", folder.name)]


def _fault(folder: Path, detector: Detector | None) -> str:
    """What is wrong with a G4EMLOW folder, empty if nothing."""
    missing = [name for name in REQUIRED_FOLDERS if not (folder / name).is_dir()]
    if missing:
        return f"has no folder '{missing[0]}': not G4EMLOW data, or a download that broke off"
    charges = sorted(element_charges(detector)) if detector is not None else []
    files = [name.format(z=z) for z in charges for name in _files_of(z)]
    lost = [name for name in files if not (folder / name).is_file()]
    return f"lacks {lost[0]} (and {len(lost) - 1} more): a download that broke off?" if lost else ""


def _files_of(z: int) -> tuple[str, ...]:
    return ELEMENT_FILES if z <= HELIUM else (*ELEMENT_FILES, SHELLS_FILE)
