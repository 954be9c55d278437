"""Read-outs: where cells lie, which a layer has, and the flat order of their voxels."""

import numpy as np
import pytest
from tests.conftest import make_toy_detector

from caloforge.config import build
from caloforge.detector import Detector, load_detector
from caloforge.errors import DetectorError, InputError
from caloforge.showers import Showers

PHOTONS = load_detector("calochallenge_photons")
OWN_RINGS = {
    "name": "own",
    "title": "own",
    "readout": "cylinder",
    "pad_mm": [1.0, 1.0],
    "layers": [
        {"ring_edges_mm": [0, 1, 4], "sectors": 1},
        {"ring_edges_mm": [0, 2, 4, 8], "sectors": 4, "count": 2},
    ],
    "windows": {"all": {"shape": [3, 4]}},
}


def own_rings(**changes: object) -> Detector:
    return build(Detector, OWN_RINGS | changes, where="own.toml", error=DetectorError)


@pytest.mark.parametrize(
    ("name", "voxels", "by_layer"),
    [
        ("calochallenge_photons", 368, [8, 160, 190, 5, 5]),
        ("calochallenge_pions", 533, [8, 100, 100, 5, 150, 160, 10]),
    ],
)
def test_the_challenges_first_dataset_has_its_published_voxels(name, voxels, by_layer):
    detector = load_detector(name)
    geometry = detector.geometry("dataset1")
    assert geometry.present.sum(axis=(0, 1)).tolist() == by_layer
    assert len(geometry.voxels) == voxels == sum(by_layer)
    assert not detector.has_material and detector.layer_numbers[:5] == [0, 1, 2, 3, 12]


@pytest.mark.parametrize("name", ["calochallenge_pions", "par04_siw", "clic_ecal"])
def test_voxels_and_images_are_each_others_inverse(name):
    detector = load_detector(name)
    geometry = detector.geometry(next(iter(detector.windows)))
    voxels = np.random.default_rng(1).random((3, len(geometry.voxels)))
    images = geometry.images(voxels)
    assert np.array_equal(geometry.flattened(images), voxels)
    assert not images[:, ~geometry.present].any()


def test_rings_run_fastest_then_sectors_then_layers():
    geometry = own_rings().geometry("all")
    slow = [
        (ring, sector, layer)
        for layer, (rings, sectors) in enumerate([(2, 1), (3, 4), (3, 4)])
        for sector in range(sectors)
        for ring in range(rings)
    ]
    assert np.transpose(np.unravel_index(geometry.voxels, (3, 4, 3))).tolist() == [
        list(cell) for cell in slow
    ]


def test_cells_fill_the_layers_area_and_lie_in_their_sectors():
    geometry = own_rings().geometry("all")
    assert geometry.area_mm2.sum(axis=(0, 1)) == pytest.approx(np.pi * np.array([16, 64, 64]))
    assert geometry.radius_mm[:, 0, 1].tolist() == [1, 3, 6]
    assert geometry.phi[2, :, 1] == pytest.approx(np.pi * np.array([0.25, 0.75, 1.25, 1.75]))
    assert geometry.x_mm[2, 0, 1] == pytest.approx(6 / np.sqrt(2))
    assert geometry.x_mm[1, 0, 0] == 0 and geometry.radius_mm[1, 0, 0] == 2.5  # a whole ring
    assert geometry.layer[0, 0].tolist() == [0, 1, 2]
    assert geometry.radius_mm[2, 0, 0] == geometry.area_mm2[2, 0, 0] == 0  # absent


@pytest.mark.parametrize("shape", [(5, 5), (4, 6)])
def test_the_centred_pad_is_on_the_axis(shape):
    detector = make_toy_detector()
    window = detector.windows["fixed"].model_copy(update={"shape": shape})
    geometry = detector.model_copy(update={"windows": {"fixed": window}}).geometry("fixed")
    middle = shape[0] // 2, shape[1] // 2
    assert geometry.radius_mm[middle].tolist() == [0] * 4
    assert geometry.phi[middle[0] + 1, middle[1], 0] == 0
    assert geometry.phi[middle[0], middle[1] - 1, 0] == pytest.approx(1.5 * np.pi)
    assert geometry.area_mm2.min() == geometry.area_mm2.max() == 25 and geometry.present.all()


def test_absent_cells_hold_no_energy():
    cells = np.zeros((2, *PHOTONS.cell_shape("dataset1")), np.float32)
    cells[:, 0, 0, :] = 0.1
    Showers(cells, np.full(2, 10.0), np.full(2, np.pi / 2), PHOTONS)
    cells[1, 8, 0, 0] = 0.1
    with pytest.raises(InputError, match=r"cell \(8, 0\) of layer 0 holds energy, but calochall"):
        Showers(cells, np.full(2, 10.0), np.full(2, np.pi / 2), PHOTONS)


def test_voxels_of_another_number_are_refused():
    with pytest.raises(InputError, match=r"must have the shape \(N, 368\), got \(2, 533\)"):
        PHOTONS.geometry("dataset1").images(np.zeros((2, 533)))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"readout": "pads"}, "are for every layer of a detector with readout"),
        ({"layers": [OWN_RINGS["layers"][0], {}]}, "are for every layer of a detector"),
        ({"layers": [{"ring_edges_mm": [0, 4, 2], "sectors": 1}]}, "must rise, got 0, 4, 2"),
        ({"layers": [{"ring_edges_mm": [0, 4]}]}, "both 'ring_edges_mm' and 'sectors'"),
        ({"windows": {"all": {"shape": [4, 4]}}}, r"must hold the layers' \(3, 4\), got \(4, 4\)"),
        ({"pad_mm": [2.0, 2.0]}, "must start with the narrowest ring's 1, got 2"),
        (
            {
                "layers": [
                    {},
                    {"stack": [{"material": "W", "thickness_mm": 1, "sensitive": True}]},
                ],
                "materials": {"W": {"nist": "G4_W"}},
            },
            "either every layer has a stack, or none",
        ),
    ],
)
def test_impossible_readouts_are_refused(changes, words):
    with pytest.raises(DetectorError, match=words):
        own_rings(**changes)


def test_digests_of_the_bundled_detectors_stay_what_model_files_name():
    begin = {
        "clic_ecal": "47dd20f7b2b1",
        "lead_scintillator": "478b05224dc3",
        "par04_siw": "4ba3ad2972f7",
        "par04_siw_fine": "ad180bf42fe5",
    }
    for name, digest in begin.items():
        assert load_detector(name).digest.startswith(f"sha256:{digest}")
    numbered = [layer | {"number": 7} for layer in OWN_RINGS["layers"]]
    assert own_rings(layers=numbered).digest == own_rings().digest
    assert own_rings(layers=numbered[:1] * 2, windows={"all": {"shape": [2, 1]}}).digest != (
        own_rings().digest
    )
