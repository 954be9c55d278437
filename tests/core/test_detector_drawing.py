"""Drawings of calorimeters, in text and as figures."""

from pathlib import Path

import pytest
from tests.command import call

from caloforge.detector import bundled_detectors, load_detector
from caloforge.detector_drawing import draw_detector

WITH_MATERIAL = [name for name in bundled_detectors() if load_detector(name).has_material]


@pytest.mark.parametrize("name", WITH_MATERIAL)
def test_every_slab_is_drawn(name: str) -> None:
    detector = load_detector(name)
    side, layers, _ = draw_detector(detector).axes
    assert len(side.patches) == sum(layer.count * len(layer.stack) for layer in detector.layers)
    assert len(layers.patches) == sum(len(layer.stack) for layer in detector.layers)


def test_info_draws(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("info", "par04_siw", "--draw", tmp_path / "a.svg") == 0
    assert (tmp_path / "a.svg").stat().st_size > 1000
    assert "A Tungsten 1.4, b Silicon 0.3" in " ".join(capsys.readouterr().out.split())


def test_a_readout_without_material_is_drawn_by_layers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    detector = load_detector("calochallenge_pions")
    panels = draw_detector(detector).axes
    assert [axes.get_title() for axes in panels] == [f"layer {n}" for n in detector.layer_numbers]
    rings = [len(layer.ring_edges_mm or ()) for layer in detector.layers]
    assert [len(axes.patches) for axes in panels] == rings
    assert call("info", "calochallenge_pions", "--draw", tmp_path / "a.png") == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "read-out without material" in said
    assert "533 of them present" in said
