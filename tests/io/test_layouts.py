"""Every public sample, built from its description, read to the right GeV, order, angle, particle
and calibration, or refused in one line."""

from dataclasses import replace

import h5py
import numpy as np
import pytest
from tests.command import call
from tests.conftest import make_showers
from tests.io.samples import SAMPLES, N, calochallenge, energies, ild, images, write

from caloforge import io
from caloforge.convert import convert
from caloforge.detector import load_detector
from caloforge.errors import DetectorError, InputError
from caloforge.io import LAYOUTS, SampleMap
from caloforge.io.identity import DETECTOR_ATTRIBUTE, detector_to_json


def store(path, **datasets):
    with h5py.File(path, "w") as file:
        for name, values in datasets.items():
            file[name] = values
    return path


@pytest.mark.parametrize("name", SAMPLES)
def test_public_samples_are_read(tmp_path, name):
    truth = SAMPLES[name]()
    path = write(truth, tmp_path / "sample.h5")
    with io.open_showers(path, truth.detector) as file:
        assert truth.layout == file.LAYOUT and len(file) == N
        assert file.particle == truth.particle
        assert file.calibration == truth.calibration
        block = file.block(0, N)
        assert np.allclose(block.cells, truth.cells, rtol=1e-6, atol=0)
        assert np.allclose(block.energy, truth.energy, rtol=1e-6)
        theta = np.full(N, np.pi / 2) if truth.theta is None else truth.theta
        assert np.allclose(block.theta, theta, atol=2e-7)
        assert (block.phi is None) == (truth.phi is None)
        joined = np.concatenate([each.cells for each in file.blocks(rows=5)])
        assert np.array_equal(joined, block.cells)
        showers = file.read(3, 7)
    assert showers.particle == truth.particle and showers.calibration == truth.calibration


@pytest.mark.parametrize("name", ["clic_fixed", "calochallenge2", "lemurs"])
def test_info_says_what_it_found_and_why(tmp_path, name, capsys):
    truth = SAMPLES[name]()
    assert call("info", write(truth, tmp_path / "sample.h5")) == 0
    said = capsys.readouterr().out
    for words in (truth.layout, truth.particle, "why", "calibration", "layout: it has"):
        assert words in said


def test_info_lists_the_layouts(capsys):
    assert call("info", "--layouts") == 0
    said = capsys.readouterr().out
    assert all(name in said for name in LAYOUTS)


HOLD = {  # sample -> layouts that can hold it
    "clic_fixed": ["hits", "ddml", "showerdata", "gan3d"],
    "clic_angle": ["hits", "ddml", "showerdata", "gan3d"],
    "calochallenge1_pions": ["hits", "gan3d", "calochallenge"],
    "calochallenge2": ["hits", "gan3d", "lemurs", "calochallenge", "ddml"],
    "lemurs": ["hits", "gan3d", "lemurs", "ddml"],
    "getting_high": ["hits", "gan3d", "getting_high", "showerdata", "ddml"],
    "showerdata": ["hits", "gan3d", "ddml", "showerdata"],
    "ddml": ["hits", "gan3d", "getting_high", "showerdata", "ddml"],
}
IN_MEV = {"calochallenge", "lemurs", "getting_high", "ddml"}


@pytest.mark.parametrize(("name", "layout"), [(n, to) for n, some in HOLD.items() for to in some])
def test_there_and_back(tmp_path, name, layout):
    truth = SAMPLES[name]()
    source = write(truth, tmp_path / "sample.h5")
    there, back = tmp_path / "there.h5", tmp_path / "back.h5"
    with io.open_showers(source, truth.detector) as file:
        convert(file, there, layout=layout, compression="gzip")
        first = file.block(0, N)
    with io.open_showers(there) as file:
        assert layout == file.LAYOUT
        convert(file, back, layout=truth.layout)
    with io.open_showers(back) as file:
        second = file.block(0, N)
        assert (file.particle, file.calibration) == (truth.particle, truth.calibration)
        assert file.detector.digest == (truth.detector or file.detector).digest
    exact = not {layout, truth.layout} & IN_MEV
    assert np.allclose(first.cells, second.cells, rtol=0 if exact else 3e-7, atol=0)
    assert np.allclose(first.energy, second.energy, rtol=0 if exact else 3e-7, atol=0)
    assert np.allclose(first.theta, second.theta, rtol=0, atol=3e-7)
    if truth.phi is not None:
        assert np.array_equal(first.phi, second.phi)


def test_what_a_layout_cannot_hold_is_refused(tmp_path):
    inclined = write(SAMPLES["lemurs"](), tmp_path / "inclined.h5")
    siw = load_detector("par04_siw")
    pads = write(SAMPLES["clic_fixed"](), tmp_path / "pads.h5")
    for source, layout, words in [
        (inclined, "calochallenge", "no place for phi"),
        (inclined, "showerdata", "no pads"),
        (pads, "calochallenge", "cylinders"),
        (pads, "lemurs", "cylinders"),
        (pads, "getting_high", "30 x 30 pads, got 25 x 25"),
    ]:
        given = siw if source == inclined else None
        with io.open_showers(source, given) as file, pytest.raises(InputError, match=words):
            convert(file, tmp_path / "out.h5", layout=layout)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["inclined.h5", "pads.h5"]
    with io.open_showers(pads) as file, pytest.raises(InputError, match="allowed are gan3d"):
        convert(file, tmp_path / "out.h5", layout="gan4d")
    ends = r"layout gan3d is written into files that end in \.h5"
    with io.open_showers(pads) as file, pytest.raises(InputError, match=ends):
        convert(file, tmp_path / "out.root", layout="gan3d")


def test_an_unknown_detector_is_said_and_can_be_given(tmp_path, capsys):
    truth = SAMPLES["getting_high"]()
    path, toml = write(truth, tmp_path / "ild.h5"), tmp_path / "ild.toml"
    assert call("info", path) == 0
    assert "detector unknown: give it with --detector" in capsys.readouterr().out
    with pytest.raises(DetectorError, match="--detector"):
        io.read(path)
    toml.write_text("""name = "ild"
title = "like the ILD's"
pad_mm = [5.088, 5.088]
materials.W.nist = "G4_W"
materials.Si.nist = "G4_Si"
[[layers]]
count = 30
stack = [{ material = "W", thickness_mm = 2.1 },
  { material = "Si", thickness_mm = 0.5, sensitive = true }]
[windows.fixed]
shape = [30, 30]
""")
    assert call("info", path, "--detector", toml) == 0
    assert "window fixed of ild" in capsys.readouterr().out
    out = tmp_path / "known.h5"
    assert call("convert", path, "-o", out, "--detector", toml) == 0
    assert io.read(out).detector.name == "ild"
    with pytest.raises(DetectorError, match="names no detector"):
        io.read(write(SAMPLES["showerdata"](), tmp_path / "cloud.h5"))


def test_a_shape_of_several_detectors_names_none(tmp_path, capsys):
    path = write(SAMPLES["lemurs"](), tmp_path / "lemurs.h5")
    assert call("info", path) == 0
    assert "detector unknown: give it with --detector" in capsys.readouterr().out
    with pytest.raises(DetectorError, match=r"several detectors share .* --detector"):
        io.read(path)
    assert io.read(write(SAMPLES["par04"](), tmp_path / "par04.h5")).detector.name == "par04_siw"


def test_points_beside_the_window_are_told(tmp_path, capsys):
    truth = SAMPLES["showerdata"]()
    for cloud in truth.clouds:
        cloud[0] = 500.0
    path = write(truth, tmp_path / "cloud.h5")
    with h5py.File(path, "r+") as file:
        file.attrs[DETECTOR_ATTRIBUTE] = detector_to_json(truth.detector)
    assert call("info", path) == 0
    assert "% of the energy lies beside the window" in capsys.readouterr().out
    assert call("convert", path, "-o", tmp_path / "out.h5") == 0
    assert "% of the energy lies beside the window" in capsys.readouterr().err


def test_ambiguity_is_asked_about(tmp_path):
    truth = SAMPLES["clic_fixed"]()
    path = truth.write(tmp_path / "both.h5")
    with h5py.File(path, "r+") as file:
        file["incident_energies"], file["showers"] = np.full((N, 1), 5.0), np.full((N, 6480), 1e-4)
    with pytest.raises(InputError, match=r"several layouts, gan3d .* and calochallenge .*--layout"):
        io.open_showers(path)
    with io.open_showers(path, layout="calochallenge") as file:
        assert file.cell_shape == (9, 16, 45)
    assert call("info", path, "--layout", "gan3d") == 0
    assert call("info", path, "--layout", "gan4d") == 2


def test_a_map_reads_a_file_of_nobodys_layout(tmp_path, capsys):
    cells, energy = images((6, 5, 4), 0.02 * energies(1, 10)), energies(1, 10)
    path = tmp_path / "own.h5"
    turned = 1e3 * cells.transpose(0, 3, 2, 1)
    store(path, **{"data/e": turned, "mc/p": 1e3 * energy, "mc/th": np.full(N, 1.2)})
    with pytest.raises(InputError, match="none of the layouts"):
        io.open_showers(path)
    text = "cells=data/e,energy=mc/p,theta=mc/th,unit=MeV,order=zyx,particle=pi+"
    with io.open_showers(path, where=SampleMap.parse(text)) as file:
        block = file.block(0, N)
        assert file.particle == "pi+" and file.cell_shape == (6, 5, 4)
    assert np.allclose(block.cells, cells, rtol=1e-6) and np.allclose(block.energy, energy)
    assert np.allclose(block.theta, 1.2)
    capsys.readouterr()
    assert call("info", path, "--map", text) == 0
    toml = tmp_path / "map.toml"
    said = capsys.readouterr().out
    toml.write_text(said[said.index("cells = ") :])
    assert SampleMap.parse(str(toml)) == SampleMap.parse(text)
    flat = store(tmp_path / "flat.h5", e=turned.reshape(N, -1), id=np.full(N, 22))
    flat_map = "cells=e,energy=50,unit=MeV,order=zyx,shape=4x5x6,pdg=id,calibration=scaled:2"
    with io.open_showers(flat, where=SampleMap.parse(flat_map)) as file:
        assert (file.particle, str(file.calibration)[-7:]) == ("gamma", "times 2")
        assert np.allclose(file.block(0, N).cells, cells, rtol=1e-6)
        assert np.all(file.energy == 50)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("cells", "KEY=VALUE"),
        ("cells=e", "'energy' is missing"),
        ("cells=e,energy=p,order=zyy", "each axis"),
        ("cells=e,energy=p,unit=eV", "unit"),
        ("cells=e,energi=p", "did you mean 'energy'"),
        ("nowhere.toml", "cannot read"),
    ],
)
def test_a_map_that_is_none_is_refused(text, words):
    with pytest.raises(InputError, match=words):
        SampleMap.parse(text)


def test_mev_beside_gev_is_caught_and_calibrated_cells_are_not(tmp_path):
    energy = energies(10, 500)
    for factor in (0.02, 0.95, 1.4, 2.0, 20, 950):
        path = tmp_path / "a.h5"
        store(path, ECAL=images((25, 25, 25), factor * energy), energy=energy)
        if factor < 3:
            expected = {0.02: "sensitive", 2.0: "unknown"}.get(factor, "calibrated")
            assert io.read(path).calibration.meaning == expected
        else:
            with pytest.raises(InputError, match="MeV by mistake"):
                io.read(path)


def test_a_calibration_is_applied_and_undone(tmp_path):
    source, out, back = (tmp_path / name for name in ("a.h5", "b.h5", "c.h5"))
    truth = SAMPLES["clic_angle"]()
    write(truth, source)
    assert call("convert", source, "-o", out, "--calibrate", "0.02") == 0
    read = io.read(out)
    assert str(read.calibration) == "energy in the sensitive material"
    assert np.allclose(read.cells, truth.cells / 50, rtol=1e-6)
    layers = ",".join(str(1 + 0.1 * z) for z in range(25))
    assert call("convert", out, "-o", back, "--calibrate", layers) == 0
    read = io.read(back)
    assert np.allclose(read.cells, truth.cells / 50 * (1 + 0.1 * np.arange(25)), rtol=1e-6)
    assert read.calibration.factor[24] == pytest.approx(3.4)
    for wrong in ("1,2", "0", "-1", "many", "nan"):
        assert call("convert", out, "-o", back, "--calibrate", wrong) == 2


def test_mixed_particles_are_refused_by_name(tmp_path):
    truth = SAMPLES["clic_fixed"]()
    truth.data["target"][3, 0] = 22
    with pytest.raises(InputError, match="several particles: e-, gamma"):
        io.read(write(truth, tmp_path / "mixed.h5"))
    with h5py.File(tmp_path / "mixed.h5", "r+") as file:
        file["target"][:, 0] = 22
        file.attrs["particle"] = "gamma"
    assert io.read(tmp_path / "mixed.h5").particle == "gamma"
    with h5py.File(tmp_path / "mixed.h5", "r+") as file:
        file["target"][3, 0] = 11
    with pytest.raises(InputError, match="several particles: e-, gamma"):
        io.read(tmp_path / "mixed.h5")
    with h5py.File(tmp_path / "mixed.h5", "r+") as file:
        file["target"][:, 0] = 11
    with pytest.raises(InputError, match=r"e-, gamma \(attribute particle"):
        io.read(tmp_path / "mixed.h5")
    cells, energy = truth.data["ECAL"], truth.energy
    path = store(tmp_path / "pdg.h5", ECAL=cells, energy=energy, pdg=np.full((N, 1), -211))
    assert io.read(path).particle == "pi-"
    path = store(tmp_path / "pdg.h5", ECAL=cells, energy=energy, pdg=np.full(N - 1, 11))
    with pytest.raises(InputError, match=f"pdg has {N - 1} values"):
        io.read(path)


def test_columns_and_channels_of_any_form(tmp_path):
    truth = SAMPLES["clic_fixed"]()
    cells, energy = truth.data["ECAL"], truth.energy
    path = tmp_path / "a.h5"
    pairs = np.stack([np.full(N, 22.0), energy], 1)
    five = np.concatenate([pairs, np.zeros((N, 3))], 1)
    for stored in (cells, cells[..., None], cells[:, None]):
        for form, particle in [
            (energy, "unknown"), (energy[:, None], "unknown"), (energy[:, None, None], "unknown"),
            (pairs[:, None], "gamma"), (five[:, None], "gamma"),
        ]:  # fmt: skip
            read = io.read(store(path, ECAL=stored, energy=form))
            assert np.allclose(read.energy, energy) and read.particle == particle
            assert np.array_equal(read.cells, cells)
    for form in (pairs, pairs[:, None], five[:, None]):
        assert io.read(store(path, ECAL=cells, target=form)).particle == "gamma"
    with pytest.raises(InputError, match="target must be"):
        io.read(store(path, ECAL=cells, target=energy))


def test_angles_under_other_names(tmp_path):
    truth = SAMPLES["clic_angle"]()
    cells, energy, theta = truth.data["ECAL"], truth.energy, truth.theta
    path = tmp_path / "a.h5"
    for name in ("theta", "mtheta", "Angle", "Theta"):
        read = io.read(store(path, ECAL=cells, energy=energy, **{name: theta}))
        assert np.allclose(read.theta, theta)
    for name in ("eta", "cos_theta", "inclination"):
        with pytest.raises(InputError, match=f"{name} may tell the angle"):
            io.read(store(path, ECAL=cells, energy=energy, **{name: theta}))
    read = io.read(store(path, ECAL=cells, energy=energy, metadata=theta))
    assert np.allclose(read.theta, np.pi / 2)


def test_calochallenge_of_dataset_3_is_told_by_its_voxels(tmp_path):
    truth = calochallenge(18, 50, 45)
    with io.open_showers(write(truth, tmp_path / "a.hdf5")) as file:
        assert file.detector.name == "par04_siw_fine"
        assert np.allclose(file.block(0, N).cells, truth.cells, rtol=1e-6)


def test_a_library_without_energies_says_how_to_state_them(tmp_path):
    truth = SAMPLES["ddml"]()
    del truth.data["energy"]
    path = write(truth, tmp_path / "library.h5")
    with pytest.raises(InputError, match="--map 'cells=layers,energy=50,unit=MeV'"):
        io.open_showers(path)
    with io.open_showers(
        path, ild(), where=SampleMap.parse("cells=layers,energy=50,unit=MeV")
    ) as f:
        assert np.allclose(f.block(0, N).cells, truth.cells, rtol=1e-6)


def test_directions_tell_which_way_showers_lean(tmp_path, toy_detector):
    told = make_showers(toy_detector, 9, seed=3, window="angle")
    phi = np.linspace(0, 6, 9, dtype=np.float32)
    io.write(tmp_path / "lean.h5", replace(told, phi=phi))
    out = tmp_path / "c.h5"
    assert call("convert", tmp_path / "lean.h5", "-o", out, "--layout", "showerdata") == 0
    with io.open_showers(out, toy_detector) as file:
        assert file.LAYOUT == "showerdata"
        found = file.read()
    asked = replace(told.conditions, phi=phi)
    assert found.phi is not None
    np.testing.assert_allclose(found.conditions.directions, asked.directions, atol=1e-6)
    np.testing.assert_array_equal(found.cells, told.cells)
