"""The CaloChallenge's protocol, on cylinders of a few dozen voxels."""

import json
import re
import sys
from dataclasses import replace

import numpy as np
import pytest
from tests.command import call
from tests.conftest import make_showers, make_toy_detector
from tests.validate import slow_calochallenge as slow

from caloforge.calibration import Calibration
from caloforge.detector import Detector, Layer, Window, load_detector
from caloforge.errors import InputError
from caloforge.io import write
from caloforge.physics.voxels import voxel_geometry
from caloforge.showers import Showers
from caloforge.validate import figure_style
from caloforge.validate.calochallenge import distances, report
from caloforge.validate.calochallenge.dataset import DATASETS, dataset_of
from caloforge.validate.calochallenge.histograms import histograms
from caloforge.validate.calochallenge.protocol import check_image, judge_by_protocol
from caloforge.validate.calochallenge.published import published_entries
from caloforge.validate.calochallenge.sample import challenge_sample
from caloforge.validate.catalogue import catalogue
from caloforge.validate.comparison import compare
from caloforge.validate.suite import score

CALIBRATED = Calibration.parse("calibrated")
RINGS, SECTORS, LAYERS = 3, 4, 5


def cylinder(rings=RINGS, sectors=SECTORS, layers=LAYERS) -> Detector:
    toy = make_toy_detector()
    layer = toy.layers[0].model_copy(update={"count": layers})
    update = {"readout": "cylinder", "windows": {"whole": Window(shape=(rings, sectors))},
              "layers": (layer,)}  # fmt: skip
    return Detector.model_validate(toy.model_copy(update=update).model_dump())


def irregular() -> Detector:
    """Two layers of other rings, one of them without sectors."""
    layers = (
        Layer(ring_edges_mm=(0, 5, 30), sectors=1),
        Layer(ring_edges_mm=(0, 2, 4, 40), sectors=4),
    )
    window = {"whole": Window(shape=(3, 4))}
    return Detector(name="barrel", title="", pad_mm=(2, 2), readout="cylinder", layers=layers,
                    windows=window)  # fmt: skip


def showers(seed: int, n: int = 100, detector: Detector | None = None, share=0.95) -> Showers:
    """Calibrated showers of 1-100 GeV."""
    detector = detector or cylinder()
    geometry = detector.geometry("whole")
    rng = np.random.default_rng(seed)
    energy = 10 ** rng.uniform(0, 2, n)
    voxels = rng.exponential(1, (n, len(geometry.voxels))) ** 2
    voxels *= rng.random(voxels.shape) < 0.5
    voxels *= (energy * rng.normal(share, 0.05, n) / voxels.sum(axis=1))[:, None]
    cells = geometry.images(voxels.astype(np.float32))
    return Showers(cells, energy, np.full(n, np.pi / 2), detector, "e-", CALIBRATED)


def measured(sample: Showers, threshold=15e-3, factor=1.0):
    geometry = voxel_geometry(sample.detector, "whole")
    return challenge_sample([sample[:7], sample[7:]], geometry, threshold_mev=threshold,
                            factor=factor)  # fmt: skip


@pytest.mark.parametrize("make", [cylinder, irregular])
def test_observables_are_their_definition(make):
    detector = make()
    sample = showers(1, 12, detector)
    geometry = voxel_geometry(detector, "whole")
    found = measured(sample, threshold=20.0)
    each = [layer for layer in detector.layers for _ in range(layer.count)]
    edges = [layer.edges_mm(np.arange(RINGS + 1) * 5.0) for layer in each]
    sectors = [layer.sectors or SECTORS for layer in each]
    cells = np.where(sample.cells * 1e3 < 20, 0, sample.cells.astype(float) * 1e3)
    divided = [column for column, n in enumerate(sectors) if n > 1]
    assert geometry.has_sectors.nonzero()[0].tolist() == divided
    for row in range(len(sample)):
        layers = [
            [[cells[row, r, s, z] for r in range(len(edges[z]) - 1)] for s in range(sectors[z])]
            for z in range(len(each))
        ]
        slowly = slow.observables(layers, edges, sectors)
        for name, axis, width in (
            ("x", "x", 0),
            ("x_width", "x", 1),
            ("y", "y", 0),
            ("y_width", "y", 1),
        ):
            expected = [slowly[z][axis][width] for z in divided]
            np.testing.assert_allclose(getattr(found, name)[row], expected, atol=1e-4)
        for name, width in (("r", 0), ("r_width", 1)):
            expected = [layer["r"][width] for layer in slowly]
            np.testing.assert_allclose(getattr(found, name)[row], expected, atol=1e-4)
        for name, key in (("layer_energy", "energy"), ("sparsity", "sparsity")):
            expected = [layer[key] for layer in slowly]
            np.testing.assert_allclose(getattr(found, name)[row], expected, rtol=1e-5)


def test_tables_of_the_classifiers():
    sample = showers(1, 12)
    found = measured(sample)
    low, high = found.low_level(), found.high_level()
    np.testing.assert_allclose(low[:, 0], np.log10(sample.energy * 1e3), rtol=1e-6)
    np.testing.assert_allclose(low[:, 1:] * found.incident[:, None], found.voxels, rtol=1e-5)
    assert high.shape == (12, 1 + LAYERS + 4 * LAYERS + 1 + LAYERS + 2 * LAYERS)
    np.testing.assert_allclose(high[:, 1 + 5 * LAYERS], np.log10(found.total + 1e-8))
    assert len(found[:5]) == 5


def test_histograms_have_the_challenges_bins():
    first, second = (measured(showers(seed)) for seed in (1, 2))
    geometry = voxel_geometry(cylinder(), "whole")
    dataset2 = DATASETS[6480, 45]
    assert dataset2.threshold_mev == pytest.approx(15.15e-3, rel=1e-3)
    for made, apart in ((first, 0.0), (second, 1e-3)):
        found = histograms(first, made, geometry, dataset2)
        assert all(h.separation <= 1 and (h.separation > 0 or not apart) for h in found)
        assert apart or not any(h.separation for h in found)
    by_name = {h.observable: h for h in found}
    assert len(found) == 2 + 8 * LAYERS
    for name, low, high, bins in (
        ("Etot / Einc", 0.5, 1.5, 100), ("centre x", -30, 30, 100), ("width y", 0, 30, 100),
        ("centre r", 0, 42, 100), ("width r", 0, 20, 100), ("sparsity", 0, 1, 20),
        ("voxel energy", dataset2.threshold_mev, first.voxels.max(), 49),
        ("layer energy", dataset2.threshold_mev, first.layer_energy[:, -1].max(), 39),
    ):  # fmt: skip
        edges = by_name[name].edges
        np.testing.assert_allclose([edges[0], edges[-1]], [low, high])
        assert len(edges) == bins + 1, name
    counts = np.histogram(second.total / second.incident, np.linspace(0.5, 1.5, 101))[0]
    np.testing.assert_array_equal(by_name["Etot / Einc"].generated, counts)


def test_ranges_of_dataset_1():
    detector = load_detector("calochallenge_pions")
    geometry = voxel_geometry(detector, "dataset1")
    dataset = dataset_of(geometry)
    assert (dataset.name, dataset.threshold_mev) == ("1, pions", 1.0)
    assert dataset.layers == tuple(detector.layer_numbers)
    ranges = dataset.ranges(geometry)
    assert ranges["centre"][:, 1].tolist() == [100, 100, 100, 100, 500, 500, 100]
    assert ranges["width"][:, 1].tolist() == [100, 100, 100, 100, 400, 400, 100]
    assert ranges["r"][:, 1].tolist() == [500, 500, 500, 500, 1500, 1500, 1500]


def test_fpd_and_kpd_are_their_definition():
    first, second = (np.random.default_rng(seed).normal(0.2 * seed, 1, (300, 3)) for seed in (1, 3))
    for fast, slowly in ((distances.frechet, slow.frechet), (distances.kernel, slow.kernel)):
        value, error = fast(first, second, np.random.default_rng(0))
        expected = slowly(first, second, np.random.default_rng(0))
        assert value == pytest.approx(expected, rel=1e-4)
        assert error > 0


@pytest.fixture
def small_networks(monkeypatch):
    pytest.importorskip("torch")
    for name, value in (("dense.HIDDEN", 64), ("train.LEARNING_RATE", 3e-3), ("train.BATCH", 90)):
        monkeypatch.setattr(f"caloforge.networks.classifiers.{name}", value)


def judge(reference: Showers, generated: Showers, **options):
    geometry = voxel_geometry(reference.detector, "whole")
    return judge_by_protocol(
        measured(reference), measured(generated), geometry, dataset_of(geometry),
        labels=("Geant4", "model"), **options,
    )  # fmt: skip


def test_the_protocol_tells_what_differs_and_only_that(small_networks):
    found = judge(showers(1, 240), showers(2, 240, share=0.3)).scores
    for name in ("auc_low", "auc_high"):
        assert found[name].value > 0.8
        assert abs(found[name].floor - 0.5) < 4 * found[name].floor_error
    response = found["separation, Etot / Einc"]
    assert response.value > 3 * response.floor
    assert {(score.showers, score.floor_showers) for score in found.values()} == {
        (120, 120), (240, 120),
    }  # fmt: skip


def test_the_resnet_tells_what_differs(small_networks):
    from caloforge.networks.classifiers.resnet import ResNetClassifier
    from caloforge.networks.classifiers.train import train_and_test

    tables = np.random.default_rng(0).random((2, 120, 1 + 7**3), dtype=np.float32)
    first, second = tables[0], 4.0 * tables[1]
    found = train_and_test(lambda: ResNetClassifier((7, 7, 7)), first, second, seed=0, epochs=3)
    assert found.auc > 0.9 and found.tested == 24


@pytest.mark.slow
def test_the_resnet_has_its_floor():
    detector = cylinder(rings=7, sectors=8, layers=7)
    found = judge(
        showers(1, 100, detector), showers(2, 100, detector, share=0.5), classifiers="resnet"
    )
    assert 0 < found.scores["auc_resnet"].floor < 1
    assert set(found.scores) >= {"auc_low", "auc_high", "auc_resnet"}


def test_voxels_that_are_no_image_are_refused():
    with pytest.raises(InputError, match=r"7 rings, sectors and layers at least.*3 x 4 x 5"):
        check_image(voxel_geometry(cylinder(), "whole"), "toy")
    with pytest.raises(InputError, match="layers of equal voxels, those of barrel differ"):
        check_image(voxel_geometry(irregular(), "whole"), "barrel")


def test_the_networks_have_the_challenges_size():
    torch = pytest.importorskip("torch")
    from caloforge.networks.classifiers.dense import dense_classifier
    from caloforge.networks.classifiers.resnet import ResNetClassifier

    with torch.device("meta"):
        dense, resnet = dense_classifier(6481), ResNetClassifier((45, 16, 9))
    assert [m.out_features for m in dense if hasattr(m, "out_features")] == [2048] * 3 + [1]
    convolutions = [m for m in resnet.modules() if isinstance(m, torch.nn.Conv3d)]
    widths = [m.out_channels for m in convolutions if m.kernel_size == (3, 3, 3)]
    assert widths == [32] * 4 + [64] * 8 + [128] * 4
    assert resnet.head.in_features == 129


def test_published_entries_are_those_of_the_paper():
    entries = {e.entry: e for e in published_entries("dataset_2.csv")}
    dream = entries["CaloDREAM"]
    assert (round(dream.auc_low, 3), round(dream.auc_high, 3)) == (0.531, 0.521)
    assert round(dream.auc_resnet, 3) == 0.681
    assert round(entries["CaloVAE+INN"].cpu_ms_10000, 1) == 3.4
    pions = {e.entry: e for e in published_entries("dataset_1_pions.csv")}
    assert round(pions["Geant4"].auc_low, 3) == 0.609
    assert pions["Geant4"].auc_resnet is None
    for dataset in DATASETS.values():
        rows = published_entries(dataset.published)
        assert rows[0].entry == "Geant4" and len(rows) > 12
        assert all(e.cpu_ms_1 for e in rows[1:])


def test_only_figures_of_one_protocol_share_a_table(monkeypatch):
    found = judge(showers(1), showers(2), classifiers="none")
    assert not report.published_rows(found)
    few = replace(found, dataset=replace(DATASETS[6480, 45]))
    rows = report.published_rows(few)
    assert rows[0][0] == "Geant4, published" and "model" not in {row[0] for row in rows}
    assert "grows with the number of showers" in report.published_remark(few)
    many = replace(few, dataset=replace(few.dataset, showers=50))
    assert [row[0] for row in report.published_rows(many)[:3]] == [
        "model", "Geant4, two halves", "Geant4, published",
    ]  # fmt: skip
    dream = next(row for row in rows if row[0] == "CaloDREAM")
    assert dream[1:] == ("16940/5052/5727", ".531/.521/.681", "24.6", "0.02")
    html = report.render_protocol(many)
    assert "CaloDREAM" in html and "Geant4, two halves" in html
    assert html.count("<img") == 2 + 2 * 8 and not re.search(r'(src|href)="(?!data:)', html)


@pytest.fixture
def files(tmp_path):
    for name, seed in (("a", 1), ("b", 2)):
        sample = showers(seed, 60)
        write(tmp_path / f"{name}.h5", replace(sample, cells=sample.cells / 30,
                                               calibration=Calibration()))  # fmt: skip
    write(tmp_path / "pads.h5", make_showers(make_toy_detector(), 60))
    return tmp_path


def run(capsys, *arguments):
    code, printed = call("validate", *arguments), capsys.readouterr()
    return code, printed.out, printed.err


def test_the_command_prints_and_writes(files, capsys, monkeypatch):
    """Histograms, FPD and KPD need no torch; cells in the sensitive material are calibrated."""
    monkeypatch.setitem(sys.modules, "torch", None)
    folder = files / "report"
    words = (files / "a.h5", files / "b.h5", "-o", folder, "--protocol", "calochallenge")
    code, printed, error = run(capsys, *words, "--classifiers", "none")
    assert code == 0, error
    assert "FPD" in printed and "floor" in printed and "multiplied by" in printed
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["scores"]["fpd"]["floor"] is not None
    assert len(metrics["separation"]) == 2 + 8 * LAYERS
    assert not metrics["published_is_comparable"]
    assert {p.name for p in folder.iterdir()} == {"metrics.json", "report.html", "record.json"}
    code, _, error = run(capsys, *words)
    assert code == 2 and "caloforge[train]" in error
    assert len(error.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--protocol", "x"], "'x' is not one of 'calochallenge'"),
        (["--protocol", "calochallenge", "--classifiers", "x"], "one of 'none', 'dense', 'resnet'"),
        (["--protocol", "calochallenge", "--full"], "not part of the CaloChallenge's protocol"),
        (["-n", 60], "-n is for --protocol"),
    ],
)
def test_options_that_do_not_go_together(files, capsys, options, message):
    code, _, error = run(capsys, files / "a.h5", files / "b.h5", "-o", files / "r", *options)
    assert code == 2 and message in error


def test_pads_are_refused(files, capsys):
    words = (files / "pads.h5", files / "pads.h5", "-o", files / "r", "--protocol", "calochallenge")
    code, _, error = run(capsys, *words, "--classifiers", "none")
    assert code == 2 and "read out in pads" in error
    assert not (files / "r").exists()


def test_the_house_measures_know_rings_and_sectors():
    """A cylinder's own report: places in mm, rings and sectors named, its figures drawn."""
    comparison = compare([showers(1, 60)], [showers(2, 60)])
    result = score(comparison)
    assert result["profile_x"].title == "Profile of the rings"
    assert "fail" not in {found.verdict for found in result.scores}
    captions = [plot.name for plot in catalogue(comparison, result)]
    assert "centre_r_all_lin" in captions
    with figure_style.style():
        for plot in list(catalogue(comparison, result))[::6]:
            plot.draw()
