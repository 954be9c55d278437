"""Drawings of calorimeters, in text and as figures."""

from pathlib import Path

import pytest

from caloforge.cli.app import main
from caloforge.detector import bundled_detectors, load_detector
from caloforge.detector_drawing import draw_detector


@pytest.mark.parametrize("name", bundled_detectors())
def test_every_slab_is_drawn(name: str) -> None:
    detector = load_detector(name)
    side, layers, _ = draw_detector(detector).axes
    assert len(side.patches) == sum(layer.count * len(layer.stack) for layer in detector.layers)
    assert len(layers.patches) == sum(len(layer.stack) for layer in detector.layers)


def test_info_draws(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["info", "par04_siw", "--draw", str(tmp_path / "a.svg")])
    assert caught.value.code == 0 and (tmp_path / "a.svg").stat().st_size > 1000
    assert "A Tungsten 1.4, b Silicon 0.3" in " ".join(capsys.readouterr().out.split())
