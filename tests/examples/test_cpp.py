"""``examples/cpp`` with an installed libcaloforge: what it prints, and what it refuses."""

import ctypes
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from caloforge.beam import Conditions
from caloforge.engine import read_card
from caloforge.generate import load
from caloforge.hits import Hits
from caloforge.placement import axes_of, positions_mm, times_ns
from caloforge.zoo import model_path

ROOT = Path(__file__).parents[2]
COMPILER = os.environ.get("CXX", "g++")
OK, NOT_A_MODEL, BAD_INPUT, OTHER, OUT_OF_RANGE, TOO_SMALL = 0, 2, 5, 8, 9, 10

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (shutil.which("cmake") and shutil.which(COMPILER)), reason="no CMake or no C++ compiler"
    ),
]


def run(*command):
    return subprocess.run(list(map(str, command)), capture_output=True, text=True)


def must(*command):
    done = run(*command)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    return done.stdout


def build(source, folder, *options):
    must("cmake", "-S", source, "-B", folder, *options)
    must("cmake", "--build", folder, "--parallel", "2")
    return folder


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The prefix that libcaloforge is installed in."""
    folder = tmp_path_factory.mktemp("native")
    build(ROOT / "native", folder / "build", "-DCALOFORGE_TESTS=OFF")
    must("cmake", "--install", folder / "build", "--prefix", folder / "prefix")
    return folder / "prefix"


@pytest.fixture(scope="module")
def programs(installed, tmp_path_factory):
    folder = tmp_path_factory.mktemp("cpp")
    build(
        ROOT / "examples" / "cpp", folder, f"-DCMAKE_PREFIX_PATH={installed}",
        "-DCMAKE_CXX_FLAGS=-Wall -Wextra -Werror",
    )  # fmt: skip
    assert not (folder / "caloforge").exists()  # built with the installed one
    return folder


class Particle(ctypes.Structure):
    _fields_ = [
        ("particle", ctypes.c_char_p),
        ("energy", ctypes.c_float),
        ("impact", ctypes.c_double * 3),
        ("direction", ctypes.c_double * 3),
        ("normal", ctypes.c_double * 3),
        ("pad_y", ctypes.c_double * 3),
    ]


HIT = np.dtype(
    [("place", "f4", 3), ("energy", "f4"), ("time", "f4"), ("cell", "u4"), ("layer", "u4")]
)


class Library:
    """A model in the installed library, through its C interface."""

    def __init__(self, prefix, model):
        (found,) = prefix.glob("lib*/libcaloforge.so")
        self.c, self.message = ctypes.CDLL(str(found)), ctypes.create_string_buffer(512)
        self.c.caloforge_maker_new.restype = ctypes.c_void_p
        self.sampler = ctypes.c_void_p()
        path = str(model).encode()
        self.status = self.c.caloforge_open(path, ctypes.byref(self.sampler), self.message, 512)
        if self.status == OK:
            self.maker = ctypes.c_void_p(self.c.caloforge_maker_new(self.sampler))

    def simulate(self, seed, first, particles, room=2**20, hits=True):
        """Status, hits and offsets."""
        array = (Particle * len(particles))(*particles)
        made, offsets = np.zeros(room, HIT), np.zeros(len(particles) + 1, np.uint64)
        numbers = [ctypes.c_uint64(value) for value in (seed, first, len(particles))]
        buffer = ctypes.c_void_p(made.ctypes.data if hits else None)
        status = self.c.caloforge_simulate(
            self.maker, *numbers, array, buffer, ctypes.c_uint64(room),
            ctypes.c_void_p(offsets.ctypes.data), self.message, ctypes.c_uint64(512),
        )  # fmt: skip
        return status, made, offsets.astype(int)

    @property
    def line(self):
        return self.message.value.decode()


def particle(energy, impact=(0, 0, 0), direction=(0, 0, 1), normal=(0, 0, 0), pad_y=(0, 0, 0)):
    vectors = [(ctypes.c_double * 3)(*each) for each in (impact, direction, normal, pad_y)]
    return Particle(b"e-", energy, *vectors)


@pytest.fixture(scope="module")
def fixed(installed):
    library = Library(installed, model_path("clic_ecal_fixed"))
    assert library.status == OK, library.line
    return library


def test_the_ten_lines_print_the_samplers_shower(programs, fixed):
    printed = must(programs / "shower", model_path("clic_ecal_fixed"))
    rows = np.array([line.split() for line in printed.splitlines()], float)
    status, hits, offsets = fixed.simulate(42, 0, [particle(50, impact=(0, 0, 1500))])
    hits = hits[: offsets[1]]
    assert status == OK and len(rows) == offsets[1]
    assert np.array_equal(rows[:, :2], np.stack([hits["cell"], hits["layer"]], axis=1))
    assert rows[:, 2:5] == pytest.approx(hits["place"], rel=1e-4)
    assert rows[:, 5] == pytest.approx(hits["energy"], rel=1e-4)
    assert rows[:, 6] == pytest.approx(hits["time"], rel=1e-4)


@pytest.mark.parametrize("name", ["clic_ecal_fixed", "clic_ecal_angle"])
def test_positions_are_the_slow_ones(installed, name):
    library, card = Library(installed, model_path(name)), read_card(model_path(name))
    rng = np.random.default_rng(3)
    for number in range(12):
        impact, normal, across = rng.normal(size=(3, 3))
        pad_y = across - (across @ normal) / (normal @ normal) * normal
        theta = rng.uniform(*card.theta_range_rad)
        direction = np.cos(theta) * pad_y / np.linalg.norm(pad_y) + np.sin(
            theta
        ) * normal / np.linalg.norm(normal)
        asked = particle(80, 1000 * impact, 3 * direction, normal, pad_y)
        status, made, offsets = library.simulate(5, number, [asked])
        made = made[: offsets[1]]
        assert status == OK, library.line
        beam = np.float32([80]), np.float32([theta])
        hits = Hits(offsets, made["cell"], made["energy"], *beam, card.detector, card.window)
        own = positions_mm(hits)
        place = 1000 * impact + own @ axes_of(direction, normal, pad_y)
        assert made["place"] == pytest.approx(place, abs=1e-3)
        assert made["time"] == pytest.approx(times_ns(own), rel=1e-4)
        assert np.array_equal(made["layer"], made["cell"] % card.cell_shape[2])


def test_axes_that_are_not_given_are_the_slow_ones(fixed):
    _, reference, offsets = fixed.simulate(5, 1, [particle(80)])
    for direction in np.vstack(
        [np.eye(3), -np.eye(3), np.random.default_rng(4).normal(size=(4, 3))]
    ):
        status, made, _ = fixed.simulate(5, 1, [particle(80, direction=direction)])
        here = slice(0, offsets[1])
        assert status == OK
        expected = reference["place"][here] @ axes_of(direction)
        assert made["place"][here] == pytest.approx(expected, abs=1e-3)


def test_response_and_profiles_are_the_graphs(fixed):
    energy, count = 50.0, 300
    status, made, offsets = fixed.simulate(9, 0, [particle(energy)] * count)
    assert status == OK
    made = made[: offsets[-1]]
    conditions = Conditions(np.full(count, energy), np.full(count, np.pi / 2))
    showers = load(model_path("clic_ecal_fixed"), runtime="onnx").sample(conditions, seed=3)
    total = showers.cells.sum(dtype=float)
    assert made["energy"].sum(dtype=float) == pytest.approx(total, rel=0.01)
    depths = showers.detector.layer_centres_mm
    profile = showers.cells.sum(axis=(0, 1, 2), dtype=float)
    mine = np.average(made["place"], axis=0, weights=made["energy"])
    assert mine[2] == pytest.approx(profile @ depths / total, rel=0.01)
    assert np.abs(mine[:2]).max() < 0.3  # mm, of pads of 5.1 mm: the axis is the flight
    layers = np.bincount(made["layer"], made["energy"])
    assert np.abs(layers - profile).sum() < 0.02 * total


@pytest.mark.parametrize("name", ["clic_ecal_fixed", "clic_ecal_angle"])
def test_eight_threads_make_what_one_makes(programs, name):
    printed = [must(programs / "events", model_path(name), n, 60, 1) for n in (1, 8, 3)]
    assert "particles" in printed[0] and len(set(printed)) == 1
    assert must(programs / "events", model_path(name), 8, 60, 2) != printed[0]


def test_threads_do_not_race_from_a_fresh_clone(programs, tmp_path):
    """Without an installed library the example builds it; here both with the sanitizer."""
    folder = build(
        ROOT / "examples" / "cpp", tmp_path, "-DCMAKE_CXX_FLAGS=-fsanitize=thread -g",
        "-DCMAKE_DISABLE_FIND_PACKAGE_caloforge=ON",
    )  # fmt: skip
    command = model_path("clic_ecal_fixed"), 8, 8, 1
    assert must(folder / "events", *command) == must(programs / "events", *command)


def test_wrong_requests_are_a_status_and_a_line(fixed):
    pion = particle(50)
    pion.particle = b"pi+"
    for asked, status, line in [
        ([pion], OTHER, "clic_ecal_fixed makes showers of e-, not of pi+"),
        ([particle(5000)], OUT_OF_RANGE, "energy 5000 GeV is outside the model's range 10-500 GeV"),
        ([particle(50, direction=(0, 1, 1), normal=(0, 0, 1))], OUT_OF_RANGE, "theta 45 degrees"),
        ([particle(50), particle(5)], OUT_OF_RANGE, "energy 5 GeV is outside"),
    ]:
        found, hits, offsets = fixed.simulate(1, 0, asked)
        assert found == status and line in fixed.line
        assert not hits["energy"].any() and not offsets.any()
    assert fixed.simulate(1, 0, [particle(50)], hits=False)[0] == BAD_INPUT
    assert fixed.line == "hits is a null pointer"
    status, hits, offsets = fixed.simulate(1, 0, [particle(50)], room=100)
    assert status == TOO_SMALL and "the buffer has room for 100 hits" in fixed.line
    status, _, again = fixed.simulate(1, 0, [particle(50)], room=offsets[1])
    assert status == OK and np.array_equal(again, offsets)


def test_a_cut_file_is_a_status_and_a_line(installed, programs, tmp_path):
    content, cut = model_path("clic_ecal_fixed").read_bytes(), tmp_path / "cut.onnx"
    for part in (0, 10, len(content) // 2, len(content) - 3000, len(content) - 1):
        cut.write_bytes(content[:part])
        library = Library(installed, cut)
        assert library.status == NOT_A_MODEL and str(cut) in library.line
        done = run(programs / "shower", cut)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr == f"shower: {library.line}\n"
    missing = run(programs / "events", tmp_path / "none.onnx", 8, 1, 1)
    assert missing.returncode == 1 and "no file that can be read" in missing.stderr
