"""Write what Geant4 knows of elements and of NIST's materials, as `caloforge info` reads it.

    python benchmarks/nist_materials.py src/caloforge/detectors

elements.csv: symbol, atomic number, mass (g/mol). nist_materials.csv: name, density (g/cm3), mass
fractions as SYMBOL:FRACTION.
"""

import csv
import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from caloforge._extras import require
from caloforge.simulate.data import choose_data


def element_rows(g4: Any) -> list[list[str]]:
    """A row for each element."""
    nist = g4.G4NistManager.Instance()
    elements = [nist.FindOrBuildElement(z) for z in range(1, 99)]
    return [
        [str(each.GetSymbol()), str(z), f"{each.GetA() / (g4.g / g4.mole):.6g}"]
        for z, each in enumerate(elements, start=1)
    ]


def material_rows(g4: Any) -> list[list[str]]:
    """A row for each material."""
    nist, rows = g4.G4NistManager.Instance(), []
    for name in sorted(str(name) for name in nist.GetNistMaterialNames()):
        material = nist.FindOrBuildMaterial(name)
        shares = material.GetFractionVector()
        text = " ".join(
            f"{material.GetElement(i).GetSymbol()}:{shares[i]:.6g}"
            for i in range(material.GetNumberOfElements())
        )
        rows.append([name, f"{material.GetDensity() / (g4.g / g4.cm3):.6g}", text])
    return rows


def main(folder: Path) -> None:
    """Write both tables into a folder."""
    with TemporaryDirectory() as unused:
        os.environ.update(choose_data("built-in", Path(unused)).environment())
        g4 = require("geant4_pybind")
    for name, rows in (("elements", element_rows(g4)), ("nist_materials", material_rows(g4))):
        with open(folder / f"{name}.csv", "w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(rows)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
