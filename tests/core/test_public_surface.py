import subprocess
import sys

import caloforge


def test_the_public_surface_is_frozen():
    """A name that leaves or joins the surface is a decision: change this list with it."""
    assert caloforge.__all__ == [
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
    for name in caloforge.__all__:
        assert getattr(caloforge, name).__module__.startswith("caloforge.")


def test_using_a_model_imports_neither_torch_nor_geant4():
    code = (
        "import sys, caloforge; from caloforge.validate import validate; "
        "caloforge.load, caloforge.read; "
        "print(sorted({'torch', 'geant4_pybind', 'nncf'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
