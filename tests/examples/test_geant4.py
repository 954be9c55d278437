"""``examples/geant4`` against the signatures of Geant4 that it uses, in ``geant4/stubs.hh``.

No Geant4 installation is needed; what Geant4's own headers say of the example is in its README.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from caloforge.zoo import model_path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
EXAMPLE = ROOT / "examples" / "geant4"
COMPILER = os.environ.get("CXX", "g++")
SOURCES = sorted(path.name for path in EXAMPLE.glob("*.cc"))

pytestmark = pytest.mark.skipif(not shutil.which(COMPILER), reason="no C++ compiler")


@pytest.fixture(scope="module")
def compile_options(tmp_path_factory):
    """Every Geant4 header of the example is the one of stubs."""
    folder = tmp_path_factory.mktemp("geant4")
    text = "".join(path.read_text() for path in EXAMPLE.iterdir() if path.suffix in (".cc", ".hh"))
    for header in set(re.findall(r'#include "((?:G4\w+|Randomize)\.hh)"', text)):
        (folder / header).write_text(f'#include "{HERE / "geant4" / "stubs.hh"}"\n')
    return [
        "-std=c++17", "-Wall", "-Wextra", "-Werror", f"-I{folder}", f"-I{EXAMPLE}",
        f"-I{ROOT / 'native' / 'include'}",
    ]  # fmt: skip


def must(*command):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    return done.stdout


def test_there_is_an_example():
    assert "ShowerModel.cc" in SOURCES and "main.cc" in SOURCES


@pytest.mark.parametrize("source", SOURCES)
def test_the_example_compiles(source, compile_options):
    must(COMPILER, *compile_options, "-fsyntax-only", EXAMPLE / source)


@pytest.mark.slow
def test_a_model_takes_what_it_was_made_for_and_leaves_its_energy(compile_options, tmp_path):
    if not shutil.which("cmake"):
        pytest.skip("no CMake")
    must("cmake", "-S", ROOT / "native", "-B", tmp_path / "build", "-DCALOFORGE_TESTS=OFF")
    must("cmake", "--build", tmp_path / "build", "--parallel", "2", "--target", "caloforge")
    sources = [EXAMPLE / "ShowerModel.cc", EXAMPLE / "Cells.cc", HERE / "geant4" / "drive.cpp"]
    library = [f"-L{tmp_path / 'build'}", f"-Wl,-rpath,{tmp_path / 'build'}", "-lcaloforge"]
    must(COMPILER, *compile_options, "-O1", *sources, *library, "-o", tmp_path / "drive")
    asked, made = must(tmp_path / "drive", model_path("clic_ecal_fixed")).splitlines()
    # At the front, of 600 GeV, born inside, on its way out, slanted; e- and pi-.
    assert asked == "1 0 0 0 0 10"
    killed, deposited, *sums = map(float, made.split())
    assert (killed, deposited) == (1, 0)
    direct, direct_hits, searched, searched_hits, x, z = sums
    for sum_mev, hits in ((direct, direct_hits), (searched, searched_hits)):
        assert 700 < sum_mev < 1400 and 400 < hits < 1000  # a fiftieth of 50 GeV
    assert abs(x - 10.2) < 5.1 and -40 < z < 20
