"""The built-in data: G4EMLOW-format tables of the elements at hand, built at first use.

Photoelectric tables come from Geant4's own compiled-in Sandia coefficients, Rayleigh and
bremsstrahlung tables from published formulae; see the three modules. They are kept in the user's
cache, in a folder named after the digest of the code that builds them.
"""

import ast
import hashlib
import os
from collections.abc import Iterable
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from caloforge.atomic import writing
from caloforge.cache import cache_folder as user_folder
from caloforge.errors import DetectorError
from caloforge.simulate import bremsstrahlung, photoelectric, rayleigh
from caloforge.simulate.radiative_loss import HIGHEST_Z
from caloforge.typing import Float64Array

BUILDERS = ("bremsstrahlung", "photoelectric", "radiative_loss", "rayleigh", "tables")

PHOTOELECTRIC_FOLDER = "epics2017/phot"
RAYLEIGH_FOLDER = "epics2017/rayl"
BREMSSTRAHLUNG_FOLDER = "brem_SB"
NUCLIDE_FILE = "ENSDFSTATE.dat"
"""List of excited nuclides that Geant4 opens when it starts; the physics here needs none."""


@cache
def builder_digest() -> str:
    """Digest of the code that builds the tables, whatever its layout: 12 hexadecimal digits."""
    folder = resources.files("caloforge") / "simulate"
    digest = hashlib.sha256()
    for name in BUILDERS:
        tree = ast.parse((folder / f"{name}.py").read_text())
        digest.update(ast.dump(tree).encode())
    return digest.hexdigest()[:12]


def cache_folder() -> Path:
    """Where the tables of this version live: ``g4tables-DIGEST`` in caloforge's cache folder."""
    return user_folder() / f"g4tables-{builder_digest()}"


def prepare_folder(folder: Path) -> None:
    """Put in place what Geant4 opens as soon as it starts.

    Raises
    ------
    OutputError
        if the cache cannot be written.
    """
    if not (folder / NUCLIDE_FILE).exists():
        _write(folder / NUCLIDE_FILE, "")


def ensure_tables(folder: Path, charges: Iterable[int], g4: Any) -> list[int]:
    """Build the tables that the folder lacks for these elements; return which were built.

    Every file is written beside its place and renamed, so that processes may build at the same
    time and a killed one leaves nothing half written; the marker ``Z.done`` comes last.

    Raises
    ------
    DetectorError
        if an element is beyond those whose radiative loss is tabulated.
    OutputError
        if the cache cannot be written.
    """
    missing = [z for z in sorted(set(charges)) if not (folder / f"{z}.done").exists()]
    for z in missing:
        if z > HIGHEST_Z:
            msg = f"built-in tables reach to Z = {HIGHEST_Z}, got Z = {z}: use --data official"
            raise DetectorError(msg)
        for name, text in element_files(z, g4).items():
            _write(folder / name, text)
        _write(folder / f"{z}.done", "")
    return missing


def element_files(z: int, g4: Any) -> dict[str, str]:
    """Paths and texts of an element's files, in G4EMLOW's layout."""
    photo = photoelectric.table_texts(atom(z, g4))
    files = {f"{PHOTOELECTRIC_FOLDER}/{name}": text for name, text in photo.items()}
    files[f"{RAYLEIGH_FOLDER}/re-cs-{z}.dat"] = rayleigh.table_text(z)
    files[f"{BREMSSTRAHLUNG_FOLDER}/br{z}"] = bremsstrahlung.table_text(z)
    return files


def atom(z: int, g4: Any) -> photoelectric.Atom:
    """Shells and Sandia coefficients of an element, from what is compiled into Geant4."""
    shells = [
        g4.G4AtomicShells.GetBindingEnergy(z, shell) / g4.MeV
        for shell in range(g4.G4AtomicShells.GetNumberOfShells(z))
    ]
    table = g4.G4SandiaTable(g4.G4NistManager.Instance().FindOrBuildMaterial("G4_Galactic"))

    def sandia(energy: float) -> Float64Array:
        coefficients = g4.G4doubleVector([0.0] * 4)
        table.GetSandiaCofPerAtom(z, energy * g4.MeV, coefficients)
        units = g4.barn * g4.MeV ** np.arange(1, 5)
        return np.asarray(np.array(coefficients) / units)

    return photoelectric.Atom(z, np.array(shells), sandia)


def _write(path: Path, text: str) -> None:
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
        partial.write_text(text)
        partial.replace(path)
