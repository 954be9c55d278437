"""The C++ tests, under the sanitizers; and a program in C that uses the library alone."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from caloforge.zoo import model_path
from tests.native.toys import TOYS

SOURCE = Path(__file__).parents[2] / "native"
COMPILER = os.environ.get("CXX", "g++")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (shutil.which("cmake") and shutil.which(COMPILER)), reason="no CMake or no C++ compiler"
    ),
]


def run(*command, cwd):
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    return done.stdout


def build(folder, **options):
    defines = [f"-D{name}={value}" for name, value in options.items()]
    run("cmake", "-S", SOURCE, "-B", folder, *defines, cwd=folder)
    run("cmake", "--build", folder, cwd=folder)


@pytest.mark.parametrize("sanitizers", ["address,undefined", "thread"])
def test_the_tests_pass_under_sanitizers(tmp_path, sanitizers, toy_file):
    build(tmp_path, CALOFORGE_SANITIZE=sanitizers)
    assert "100% tests passed" in run("ctest", cwd=tmp_path)
    for kind in TOYS:
        run(tmp_path / "test_threads", toy_file(kind), cwd=tmp_path)
    if sanitizers != "thread":
        files = [model_path("clic_ecal_fixed"), *map(toy_file, ("thick_inclined", "thick_rings"))]
        for path in files:
            run(tmp_path / "fuzz", path, "2000", cwd=tmp_path)


def test_a_program_in_c_makes_showers(tmp_path):
    build(tmp_path, CALOFORGE_TESTS="OFF")
    (tmp_path / "host.c").write_text(HOST)
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler")
    include = SOURCE / "include"
    run(
        compiler, "host.c", f"-I{include}", "-L.", "-lcaloforge", "-Wl,-rpath,.", "-o", "host",
        cwd=tmp_path,
    )  # fmt: skip
    words = run(tmp_path / "host", model_path("clic_ecal_fixed"), cwd=tmp_path).split()
    hits, energy = int(words[0]), float(words[1])
    assert 500 < hits < 2000 and 0.5 < energy < 1.2


HOST = r"""
#include <caloforge.h>
#include <stdio.h>

int main(int count, char **words) {
    char message[CALOFORGE_MESSAGE];
    caloforge_sampler *sampler;
    caloforge_hits hits;
    float energy = 50.0f, theta = 1.5707963f, sum = 0.0f;
    if (count < 2 || caloforge_open(words[1], &sampler, message, sizeof message) != CALOFORGE_OK)
        return 1;
    caloforge_shower_maker *maker = caloforge_maker_new(sampler);
    if (caloforge_make(maker, 42, 0, 1, &energy, &theta, &hits, message, sizeof message)) return 1;
    for (int64_t i = 0; i < hits.offsets[1]; ++i) sum += hits.energy[i];
    printf("%lld %g\n", (long long)hits.offsets[1], sum);
    caloforge_maker_free(maker);
    caloforge_close(sampler);
    return 0;
}
"""
