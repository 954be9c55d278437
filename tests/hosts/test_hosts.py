"""The bundled model inside each host: response, profiles and barycentre of its hits in space."""

import os
import subprocess
import sys

import numpy as np
import onnxruntime
import pytest
from tests.hosts.conftest import ENERGIES, NAME, SHOWERS
from tests.hosts.imitations import FastCaloSim, Par04, RegularGridGAN

PAD = 5.1
LAYER_ENDS = np.cumsum([0, *[4.4] * 17, *[6.8] * 8])
PAR04_THRESHOLD_MEV = 0.0005
POINTS = 8
PADS = (np.arange(25) - 12) * PAD
PAD_EDGES = (np.arange(26) - 12.5) * PAD


def mean_shower(host, energy, rng, showers=SHOWERS):
    """Mean energy (MeV) of each hit, and the hits' positions."""
    energies = 0.0
    for _ in range(showers):
        made, positions = host.shower(1000 * energy, rng)
        energies = energies + np.where(made > PAR04_THRESHOLD_MEV, made, 0) / showers
    return energies, positions


def until(edges, position, energies):
    """The part of the energy up to each edge."""
    order = np.argsort(position, kind="stable")
    summed = np.concatenate([[0], np.cumsum(energies[order])])
    return summed[np.searchsorted(position[order], edges)] / summed[-1]


def moments(position, energies):
    """Barycentre and width in mm."""
    centre = position @ energies / energies.sum()
    return centre, np.sqrt((position - centre) ** 2 @ energies / energies.sum())


def smooth(edges, ends, energies):
    return np.interp(edges, ends, np.concatenate([[0], np.cumsum(energies)])) / energies.sum()


@pytest.mark.parametrize(
    ("name", "energy"), [("par04", 20.0), ("par04", 300.0), ("par04-calodit", 20.0)]
)
def test_par04(exported, own, name, energy):
    onnxruntime.set_seed(1)  # of the nodes that draw inside par04-calodit
    host, rng = Par04(exported(name), NAME), np.random.default_rng(1)
    energies, (x, y, z) = (part.T for part in mean_shower(host, energy, rng, 4 * SHOWERS))
    assert energies.sum() == pytest.approx(1000 * energy, rel=0.01)
    cells = own(energy)
    slice_edges = np.arange(46) * 3.4
    depth = until(slice_edges, z, energies)
    assert np.abs(depth - smooth(slice_edges, LAYER_ENDS, cells.sum(axis=(0, 1)))).max() < 0.01
    asked_x, asked_y, asked_energies = within(cells, *EDGE[name])
    for position, own_position in zip((x, y), (asked_x, asked_y), strict=True):
        asked = moments(own_position, asked_energies)
        centre, width = moments(position, energies)
        assert centre == pytest.approx(asked[0], abs=0.3)
        assert width == pytest.approx(asked[1], rel=0.03)
    rings = np.arange(1, EDGE[name][0] + 1) * EDGE[name][1]
    made = until(rings, np.hypot(x, y), energies)
    assert np.abs(made - until(rings, np.hypot(asked_x, asked_y), asked_energies)).max() < 0.015


EDGE = {"par04": (18, 2.325), "par04-calodit": (9, 4.65)}


def within(cells, rings, ring_mm):
    """Places all over the pads, as far as the mesh reaches, and the energies there."""
    x, y = points()
    energies = np.repeat(cells.sum(axis=2).ravel(), POINTS**2)
    inside = np.hypot(x, y) < rings * ring_mm
    return x[inside], y[inside], energies[inside]


def points():
    """Positions all over every pad, pad by pad."""
    inside = ((np.arange(POINTS) + 0.5) / POINTS - 0.5) * PAD
    x, y = np.broadcast_arrays(
        PADS[:, None, None, None] + inside[:, None], PADS[:, None, None] + inside
    )
    return x.ravel(), y.ravel()


@pytest.mark.parametrize("energy", ENERGIES)
def test_ddml(exported, own, energy):
    host = RegularGridGAN(exported("ddml"), NAME)
    energies, positions = mean_shower(host, energy, np.random.default_rng(2))
    cells = own(energy)
    assert energies.sum() == pytest.approx(1000 * cells.sum(), rel=0.01)
    for axis, edges in enumerate((PAD_EDGES, PAD_EDGES, np.arange(26) - 0.5)):
        made = np.histogram(positions[:, axis], edges, weights=energies)[0]
        other = tuple({0, 1, 2} - {axis})
        asked = cells.sum(axis=other)
        assert np.abs(np.cumsum(made / made.sum() - asked / asked.sum())).max() < 0.02
    centre = positions[:, :2].T @ energies / energies.sum()
    assert np.abs(centre).max() < 0.3


def test_fastcalosim(exported, own):
    energy = ENERGIES[0]
    host = FastCaloSim(exported("fastcalosim"), NAME)
    energies, positions = mean_shower(host, energy, np.random.default_rng(3), 5 * SHOWERS)
    assert energies.sum() == pytest.approx(1000 * energy, rel=0.01)
    cells = own(energy)
    layers = np.bincount(positions[:, 2].astype(int), energies)
    np.testing.assert_allclose(
        layers / layers.sum(), cells.sum(axis=(0, 1)) / cells.sum(), atol=0.003
    )
    assert np.abs(positions[:, :2].T @ energies / energies.sum()).max() < 0.3


@pytest.mark.parametrize(
    ("name", "host"), [("par04", Par04), ("ddml", RegularGridGAN), ("fastcalosim", FastCaloSim)]
)
def test_the_hosts_seed_fixes_the_shower(exported, name, host):
    first, second = (host(exported(name), NAME) for _ in range(2))
    showers = [
        each.shower(50e3, np.random.default_rng(seed))[0]
        for each, seed in ((first, 7), (second, 7), (first, 8))
    ]
    np.testing.assert_array_equal(showers[0], showers[1])
    assert not np.array_equal(showers[0], showers[2])


def test_without_random_numbers_particles_that_differ_make_other_showers(exported):
    """Also where two sessions of a process draw alike."""
    first, second = (Par04(exported("par04-calodit"), NAME) for _ in range(2))
    rng = np.random.default_rng(0)
    one, two = first.shower(50e3, rng, phi=0.3)[0], second.shower(50e3, rng, phi=0.31)[0]
    assert not np.array_equal(one, two)
    assert not np.array_equal(one, first.shower(50e3, rng, phi=0.3)[0])


@pytest.mark.parametrize(("asked", "made"), [(2.0, 10.0), (900.0, 500.0)])
def test_outside_the_range_the_nearest_shower_is_scaled(exported, asked, made):
    host = Par04(exported("par04"), NAME)
    outside, inside = (host.shower(1e3 * e, np.random.default_rng(4))[0] for e in (asked, made))
    np.testing.assert_allclose(outside / asked, inside / made, rtol=1e-3, atol=1e-6)


def test_openvino_makes_the_same_showers(exported):
    openvino = pytest.importorskip("openvino")
    path = exported("par04") / f"{NAME}.onnx"
    core = openvino.Core()
    settings = {"INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": "f32"}
    model = core.compile_model(core.read_model(path), "CPU", settings)
    host = Par04(exported("par04"), NAME)
    rng = np.random.default_rng(6)
    vector = np.concatenate([rng.standard_normal(10), [0.1, 1, 0, 1]]).astype(np.float32)[None]
    ours = host.session.run(None, {"input": vector})[0]
    np.testing.assert_allclose(model([vector])[0], ours, atol=1e-5 * ours.max())


def test_the_graph_is_optimised_and_of_standard_operators(exported):
    import onnx

    model = onnx.load(exported("par04") / f"{NAME}.onnx")
    onnx.checker.check_model(model)
    assert [opset.domain for opset in model.opset_import] == [""]
    assert not {node.domain for node in model.graph.node} - {""}
    kinds = {node.op_type for node in model.graph.node}
    assert not kinds & {"Shape", "Identity"}  # folded away for one shower a call


COUNT_THREADS = """
import os, sys, numpy, onnxruntime
options = onnxruntime.SessionOptions()
if sys.argv[2] == "asked":
    options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(sys.argv[1], options)
session.run(None, {i.name: numpy.zeros(i.shape, "float32") for i in session.get_inputs()})
print(len(os.listdir("/proc/self/task")))
"""


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="counts threads as Linux does")
def test_the_file_asks_for_one_thread(exported):
    """For FastCaloSim, which says nothing to ONNX Runtime."""

    def threads(asked, **environment):
        path = exported("fastcalosim") / f"{NAME}.onnx"
        done = subprocess.run(
            [sys.executable, "-c", COUNT_THREADS, str(path), asked],
            env=os.environ | environment, check=True, capture_output=True, text=True,
        )  # fmt: skip
        return int(done.stdout)

    assert threads("nothing", ORT_LOAD_CONFIG_FROM_MODEL="1") == threads("asked")


def test_what_lies_beyond_the_mesh_of_par04(own):
    """As docs/hosts.md says."""
    pads = own(ENERGIES[0]).sum(axis=2)
    edge = 18 * 2.325
    energies = np.repeat(pads.ravel(), POINTS**2)
    x, y = points()
    inside = np.hypot(x, y) < edge
    assert energies[~inside].sum() / energies.sum() == pytest.approx(0.013, abs=0.003)
    narrower = moments(x[inside], energies[inside])[1] / moments(x, energies)[1]
    assert narrower == pytest.approx(0.84, abs=0.02)
