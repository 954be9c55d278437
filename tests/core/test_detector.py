from pathlib import Path

import numpy as np
import pytest

from caloforge.config import FrozenModel, load_toml
from caloforge.detector import bundled_detectors, load_detector
from caloforge.errors import ConfigError, DetectorError


def test_clic_ecal_is_the_published_one():
    ecal = load_detector("clic_ecal")
    assert ecal.depth_mm == pytest.approx(129.2)
    assert ecal.cell_shape("fixed") == (25, 25, 25)
    assert ecal.cell_shape("angle") == (51, 51, 25)
    assert ecal.layer_centres_mm[0] == pytest.approx(2.4 + 0.25 + 0.1 + 0.25)
    assert np.diff(ecal.layer_centres_mm)[[0, -1]] == pytest.approx([4.4, 6.8])
    assert sum(ecal.materials["siPCBMix"].mass_fractions.values()) == pytest.approx(1)


def test_digest_changes_with_physics_alone():
    ecal = load_detector("clic_ecal")
    assert ecal.model_copy(update={"title": "renamed"}).digest == ecal.digest
    assert ecal.model_copy(update={"pad_mm": (5.0, 5.1)}).digest != ecal.digest


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("pad_mm = [5.1, 5.1]", "pad_mm = [5.1, -5.1]", "pad_mm.1: input should be greater than 0"),
        ('material = "WAlloy", thickness', 'material = "Walloy", thickness', "unknown material"),
        ("pad_mm", "pads_mm", "unknown key 'pads_mm': did you mean 'pad_mm'"),
        ('nist = "G4_Si"', 'nist = "G4_Si"\ndensity_g_cm3 = 2.3', "either 'nist', or both"),
        ("sensitive = true", "sensitive = false", "at least one slab"),
        ("count = 17", "count = ", "not valid TOML"),
        ("count = 17", "count = 1000000", "less than or equal to 1000"),
        ('name = "clic_ecal"', 'name = ""', "name: .* at least 1 char"),
        ("theta_deg = [60.0, 120.0]", "theta_deg = [120.0, 60.0]", "must rise"),
    ],
)
def test_impossible_detectors_are_refused_by_name(tmp_path, old, new, words):
    from importlib import resources

    text = (resources.files("caloforge") / "detectors" / "clic_ecal.toml").read_text()
    assert old in text
    path = tmp_path / "mine.toml"
    path.write_text(text.replace(old, new))
    with pytest.raises(DetectorError, match=words):
        load_detector(path)


def test_unknown_detector_names_the_bundled_ones():
    with pytest.raises(DetectorError, match="clic_ecal"):
        load_detector("atlas")
    assert "clic_ecal" in bundled_detectors()
    with pytest.raises(DetectorError, match=r"cannot read missing\.toml"):
        load_detector(Path("missing.toml"))


class _Inner(FrozenModel):
    learning_rate: float = 0.1


class _Outer(FrozenModel):
    optimiser: _Inner = _Inner()
    batch: int


def test_config_names_the_misspelt_key(tmp_path):
    path = tmp_path / "recipe.toml"
    for text, words in [
        ("batch = 1\n[optimiser]\nlerning_rate = 1.0", "did you mean 'learning_rate'"),
        ("[optimiser]\nlearning_rate = 1.0", "key 'batch' is missing"),
        ("batch = 'many'", "batch: .* got 'many'"),
    ]:
        path.write_text(text)
        with pytest.raises(ConfigError, match=words):
            load_toml(path, _Outer)
