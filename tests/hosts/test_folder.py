"""What is refused, what is written, and models of rings, through the command line."""

import json
import shutil
from typing import get_args

import numpy as np
import onnx
import pytest
from tests.command import call
from tests.conftest import write_toy_model
from tests.hosts.imitations import FastCaloSim, Par04, RegularGridGAN, session

from caloforge.calibration import Calibration
from caloforge.card import METADATA_KEY, ModelCard
from caloforge.detector import Detector, Layer, Material, Slab, Window
from caloforge.hosts import HostName
from caloforge.hosts.folder import HOSTS


@pytest.fixture
def run(capsys):
    return lambda *arguments: (call(*arguments), capsys.readouterr().err)


def ring_detector(**changes):
    """Nine rings, sixteen sectors and four layers, as Par04 builds them."""
    stack = (
        Slab(material="W", thickness_mm=3.0),
        Slab(material="Si", thickness_mm=0.4, sensitive=True),
    )
    settings = {
        "name": "rings",
        "title": "rings",
        "readout": "cylinder",
        "pad_mm": (4.65, 4.65),
        "materials": {"W": Material(nist="G4_W"), "Si": Material(nist="G4_Si")},
        "layers": (Layer(count=4, stack=stack),),
        "windows": {"fixed": Window(shape=(9, 16))},
    }
    return Detector(**(settings | changes))


def with_card(path, **changes):
    """A model file whose card says something else."""
    model = onnx.load(path)
    (entry,) = (p for p in model.metadata_props if p.key == METADATA_KEY)
    card = ModelCard.model_validate_json(entry.value).model_copy(update=changes)
    entry.value = card.model_dump_json()
    onnx.save(model, path)
    return path


def test_the_command_line_knows_the_hosts():
    assert set(get_args(HostName)) == set(HOSTS)


@pytest.mark.parametrize("host", get_args(HostName))
def test_a_folder_for_each_host(run, toy_model, tmp_path, host):
    """Also of a model whose operators are older than those on bits."""
    code, said = run("export", toy_model, "--for", host, "-o", tmp_path / "out")
    assert code == 0, said
    made = {path.name for path in (tmp_path / "out").iterdir()}
    endings = {
        "ddml": {"toy.py"}, "fastcalosim": {"toy.C", "toy.binning.h5"},
    }.get(host, {"toy.mac"})  # fmt: skip
    assert made == {"toy.onnx", "README.md"} | endings
    readme = (tmp_path / "out" / "README.md").read_text()
    assert "10-500 GeV" in readme and "measured at export" in readme
    model = onnx.load(tmp_path / "out" / "toy.onnx")
    onnx.checker.check_model(model)
    settings = json.loads({p.key: p.value for p in model.metadata_props}["ort_config"])
    assert settings["session_options"]["intra_op_num_threads"] == 1


def test_the_steering_file_of_ddsim_is_python(run, toy_model, tmp_path):
    assert run("export", toy_model, "--for", "ddml", "-o", tmp_path / "out")[0] == 0
    text = (tmp_path / "out" / "toy.py").read_text()
    compile(text, "toy.py", "exec")
    assert "model.NCellsX = 10" in text and "model.CellSizeX = 2.5" in text


@pytest.mark.parametrize(
    ("changes", "host", "reason"),
    [
        ({"theta_range_rad": (1.0, 2.0)}, "par04", "range of angles on pads"),
        ({"theta_range_rad": (1.0, 2.0)}, "ddml", "passes on none"),
        ({"theta_range_rad": (1.0, 2.0)}, "fastcalosim", "range of angles on pads"),
        ({"particle": "pi+"}, "par04", "makes pi+"),
    ],
)
def test_a_model_that_a_host_cannot_hold(run, toy_model, tmp_path, changes, host, reason):
    code, said = run(
        "export", with_card(toy_model, **changes), "--for", host, "-o", tmp_path / "out"
    )
    assert code == 2 and reason in said and said.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_calorimeter_deeper_than_the_mesh(run, tmp_path, toy_detector):
    deep = toy_detector.model_copy(
        update={"layers": (toy_detector.layers[0].model_copy(update={"count": 60}),)}
    )
    model = write_toy_model(tmp_path / "deep.onnx", deep)
    code, said = run("export", model, "--for", "par04", "-o", tmp_path / "out")
    assert code == 2 and "210 mm deep" in said


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("nothing", "--for", "par04"), "no model file nothing"),
        (("nothing",), "a run folder may be given as well"),
        (("clic_ecal_fixed", "--scores", "pyproject.toml"), "pyproject.toml"),
        (("clic_ecal_fixed", "--for", "par04", "--name", "x"), "--name and --scores"),
    ],
)
def test_what_is_no_model_is_said_in_a_line(run, tmp_path, arguments, reason):
    code, said = run("export", *arguments, "-o", tmp_path / "out.onnx")
    assert code == 2 and reason in said and said.count("\n") == 1


@pytest.fixture
def rings(tmp_path):
    return write_toy_model(tmp_path / "rings.onnx", ring_detector())


def test_rings_for_ddml(run, tmp_path, rings):
    """Par04ExampleVAE: sector j begins at 2 pi j / n, as the model's."""
    out = tmp_path / "out"
    assert run("export", rings, "--for", "ddml", "-o", out)[0] == 0
    text = (out / "rings.py").read_text()
    assert "Par04ExampleVAEPolyhedraBarrelONNXModel" in text and "model.NCellsPhi = 16" in text
    vector = np.concatenate([np.random.default_rng(0).standard_normal(10), [50 / 1024, 0, 0, 1]])
    feed = {"input": vector.astype(np.float32)[None]}
    fractions = session(out / "rings.onnx").run(None, feed)[0].reshape(9, 16, 4)
    cells = latents_cells(rings, out / "rings.onnx", np.random.default_rng(0))
    ratio = fractions / cells.clip(1e-9)
    assert np.ptp(ratio[ratio > 0]) < 1e-3 * ratio.max()


def test_rings_keep_their_cells_and_turn_by_half(run, tmp_path, rings):
    """The host's sector j is the model's j + n / 2; its mesh is the model's own."""
    model = rings
    assert run("export", model, "--for", "par04", "-o", tmp_path / "out")[0] == 0
    host = Par04(tmp_path / "out", "rings")
    assert host.macro["setNbOfRhoCells"] == "9" and host.macro["setSizeOfZCells"] == "3.4"
    assert host.macro["setNbOfLayers"] == "4"
    energies, positions = host.shower(50e3, np.random.default_rng(0))
    cells = latents_cells(model, tmp_path / "out" / "rings.onnx", np.random.default_rng(0))
    ratio = energies.reshape(9, 16, 4) / np.roll(cells, 8, axis=1).clip(1e-9)
    assert np.ptp(ratio[ratio > 0]) < 1e-3 * ratio.max()
    phi = np.arctan2(positions[:, 1], positions[:, 0]).reshape(9, 16, 4)[0, :, 0] % (2 * np.pi)
    middle = (np.arange(16) + 0.5) * 2 * np.pi / 16
    np.testing.assert_allclose(phi, np.roll(middle, 8), atol=1e-6)


def latents_cells(model, exported, rng):
    """The cells that the model makes of the latent inside the exported graph at 50 GeV."""
    graph = onnx.load(exported)
    (latent,) = (node.input[0] for node in graph.graph.node if "weights" in node.input)
    graph.graph.output.extend([onnx.helper.make_empty_tensor_value_info(latent)])
    onnx.save(graph, exported.with_name("spied.onnx"))
    spied = session(exported.with_name("spied.onnx"))
    vector = np.concatenate([rng.standard_normal(10), [50 / 1024, 1, 0, 1]])
    drawn = spied.run(None, {"input": vector.astype(np.float32)[None]})[1]
    feed = {
        "latent": drawn, "energy": np.array([50], np.float32),
        "theta": np.array([np.pi / 2], np.float32),
    }  # fmt: skip
    return session(model).run(None, feed)[0][0]


def test_layers_that_differ_suit_fastcalosim_alone(run, tmp_path):
    layers = (
        Layer(number=0, pitch_mm=3, ring_edges_mm=(0, 2, 9), sectors=1),
        Layer(number=12, pitch_mm=5, ring_edges_mm=(0, 2, 5, 20), sectors=8),
    )
    detector = ring_detector(
        layers=layers, pad_mm=(2.0, 2.0), windows={"fixed": Window(shape=(3, 8))}, materials={}
    )
    model = write_toy_model(tmp_path / "own.onnx", detector)
    for host in ("par04", "ddml"):
        code, said = run("export", model, "--for", host, "-o", tmp_path / host)
        assert code == 2 and "layers of rings differ" in said
    assert run("export", model, "--for", "fastcalosim", "-o", tmp_path / "out")[0] == 0
    host = FastCaloSim(tmp_path / "out", "own")
    assert host.layers == [0, 12] and host.voxels == 2 + 3 * 8
    energies, positions = host.shower(50e3, np.random.default_rng(0))
    assert len(energies) == host.voxels
    geometry = detector.geometry("fixed")
    ring_slowest = geometry.present.transpose(2, 0, 1)
    for mine, theirs in ((geometry.x_mm, 0), (geometry.y_mm, 1)):
        there = mine.transpose(2, 0, 1)[ring_slowest]
        np.testing.assert_allclose(there[2:], positions[2:, theirs], atol=1e-5)


def test_ddml_deposits_what_the_sensitive_material_saw(run, tmp_path, toy_detector):
    """A factor in the cells is taken out; one that is not known is a reason to refuse."""
    sums = {}
    for text in ("sensitive", "scaled:50", "unknown"):
        model = with_card(
            write_toy_model(tmp_path / "toy.onnx", toy_detector),
            calibration=Calibration.parse(text),
        )
        out = tmp_path / text.partition(":")[0]
        code, said = run("export", model, "--for", "ddml", "-o", out)
        if text == "unknown":
            assert code == 2 and "a single factor" in said
        else:
            energies, _ = RegularGridGAN(out, "toy").shower(50e3, np.random.default_rng(0))
            sums[text] = energies.sum()
    assert sums["sensitive"] == pytest.approx(50 * sums["scaled:50"], rel=1e-5)


def test_a_run_folder_is_exported_first(run, tmp_path, toy_model, monkeypatch):
    run_folder = tmp_path / "my-run"
    run_folder.mkdir()
    monkeypatch.setattr(
        "caloforge.cli.export._export_run", lambda _, path, *rest: shutil.copy(toy_model, path)
    )
    code, said = run("export", run_folder, "--for", "par04", "-o", tmp_path / "out")
    assert code == 0, said
    assert (tmp_path / "out" / "my-run.onnx").is_file()


def test_a_folder_that_cannot_be_made(run, tmp_path, toy_model):
    code, said = run("export", toy_model, "--for", "par04", "-o", tmp_path / "no" / "where")
    assert code == 2 and "cannot make the folder" in said and said.count("\n") == 1


def test_empty_showers_cannot_be_calibrated(run, tmp_path, toy_model):
    model = onnx.load(toy_model)
    (weights,) = (each for each in model.graph.initializer if each.name == "weights")
    nothing = onnx.numpy_helper.to_array(weights) * 0
    weights.CopyFrom(onnx.numpy_helper.from_array(nothing, "weights"))
    onnx.save(model, toy_model)
    code, said = run("export", toy_model, "--for", "par04", "-o", tmp_path / "out")
    assert code == 2 and "empty showers" in said


def test_a_model_of_one_energy(run, tmp_path, toy_model):
    model = with_card(toy_model, energy_range_gev=(50.0, 50.0))
    assert run("export", model, "--for", "par04", "-o", tmp_path / "out")[0] == 0
    host, rng = Par04(tmp_path / "out", "toy"), np.random.default_rng(0)
    response = np.mean([host.shower(50e3, rng)[0].sum() / 50e3 for _ in range(500)])
    assert response == pytest.approx(1, abs=0.03)
