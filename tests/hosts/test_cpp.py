"""``examples/hosts`` compiled against the headers and libraries in OpenVINO's wheel."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from tests.hosts.conftest import NAME

EXAMPLE = Path(__file__).parents[2] / "examples" / "hosts"
SLICES = np.cumsum([0, *[4.4] * 17, *[6.8] * 8])


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    openvino = pytest.importorskip("openvino")
    if not (shutil.which("cmake") and shutil.which("c++")):
        pytest.skip("no CMake or no C++ compiler")
    build = tmp_path_factory.mktemp("build")
    cmake = Path(openvino.__file__).parent / "cmake"
    for command in (
        ["cmake", "-S", EXAMPLE, "-B", build, f"-DOpenVINO_DIR={cmake}"],
        ["cmake", "--build", build],
    ):
        subprocess.run(command, check=True, capture_output=True)
    return build / "par04_openvino"


@pytest.mark.slow
def test_par04_in_cpp(program, exported, own):
    energy, showers = 50.0, 300
    path = exported("par04") / f"{NAME}.onnx"
    arguments = [program, path, 1000 * energy, showers, 1, 2.325, 3.4]
    done = subprocess.run(list(map(str, arguments)), check=True, capture_output=True, text=True)
    response, x, y, depth = map(float, done.stdout.split())
    cells = own(energy).sum(axis=(0, 1))
    middle = (SLICES[1:] + SLICES[:-1]) / 2
    assert response == pytest.approx(1, abs=0.01)
    assert depth == pytest.approx(middle @ cells / cells.sum(), rel=0.03)
    assert abs(x) < 0.3 and abs(y) < 0.3
    again = subprocess.run(list(map(str, arguments)), check=True, capture_output=True, text=True)
    assert again.stdout == done.stdout


@pytest.mark.slow
def test_a_graph_that_is_none_is_a_message(program, tmp_path):
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"nothing")
    arguments = [program, broken, "1000", "1", "1", "1", "1"]
    done = subprocess.run(list(map(str, arguments)), capture_output=True, text=True)
    assert done.returncode == 1 and "par04_openvino:" in done.stderr
