import base64
import re
from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from tests.conftest import make_showers

from caloforge.validate import figure_style
from caloforge.validate.catalogue import SECTIONS, catalogue
from caloforge.validate.comparison import compare
from caloforge.validate.report import Picture, render_figures, render_report
from caloforge.validate.slices import angle_slices, energy_slices
from caloforge.validate.suite import score


@pytest.fixture(scope="module")
def figures(good):
    """One figure of each section and kind, drawn."""
    seen, chosen = set(), []
    for plot in catalogue(good.comparison, good.result):
        kind = (plot.section, plot.name.split("_")[0])
        if kind not in seen:
            seen.add(kind)
            chosen.append(plot)
    with figure_style.style():
        return [(plot, figure_style.to_webp(plot.draw())) for plot in chosen]


def test_figures_are_pictures_with_ink(figures):
    assert len(figures) > 12
    for plot, data in figures:
        pixels = np.asarray(Image.open(BytesIO(data)).convert("L"))
        assert pixels.shape[0] > 250, plot.name
        assert (pixels < 128).mean() > 0.003, plot.name


def test_catalogue_names_are_unique_and_the_full_set_is_over_300(good):
    quick = list(catalogue(good.comparison, good.result))
    full = list(catalogue(good.comparison, replace(good.result, level="full")))
    for plots_ in (quick, full):
        assert len({(plot.section, plot.name) for plot in plots_}) == len(plots_)
        assert {plot.section for plot in plots_} <= set(SECTIONS)
    assert 25 <= len(quick) <= 60
    assert len(full) > 300
    assert {plot.name for plot in quick} <= {plot.name for plot in full}


def test_angles_bring_their_figures(toy_detector):
    showers = [make_showers(toy_detector, 60, seed, "angle") for seed in (1, 2)]
    comparison = compare([showers[0]], [showers[1]])
    assert [part.key for part in angle_slices(comparison)] == ["62deg", "90deg", "118deg"]
    drawn = [p for p in catalogue(comparison, score(comparison)) if p.section == "angle"]
    assert {"angle_all_lin", "angle_theta", "angle_bias_theta_bins"} <= {p.name for p in drawn}
    with figure_style.style():
        for plot in [*drawn[:4], drawn[-1]]:
            plot.draw()


def test_widened_bins_say_so(good):
    slices = {part.key: part for part in energy_slices(good.comparison)}
    assert set(slices) == {"50GeV", "100GeV", "200GeV", "300GeV", "400GeV"}
    far = slices["300GeV"]
    low, high = map(int, re.match(r"(\d+)-(\d+) GeV", far.note).groups())
    energy = np.concatenate([far.reference.summary.energy, far.generated.summary.energy])
    assert low == round(energy.min()) < 295
    assert high == round(energy.max()) > 305
    assert "20 Geant4 and 20 generated" in far.note


def test_report_is_one_file_with_everything(good):
    data = base64.b64encode(b"image").decode()
    pictures = [Picture("profiles", "p", "a <caption>", data, 560, 490)]
    html = render_report(good.result, pictures)
    assert not re.search(r'(src|href)="(?!data:|#)', html), "nothing is loaded from elsewhere"
    assert "a &lt;caption&gt;" in html
    for found in good.result.scores:
        assert found.title in html
    assert 'name="viewport"' in html


def test_render_figures_tells_how_far_it_is(good, monkeypatch):
    few = list(catalogue(good.comparison, good.result))[:2]
    monkeypatch.setattr("caloforge.validate.report.catalogue", lambda *_: few)
    calls = []
    pictures = render_figures(good.comparison, good.result, lambda *args: calls.append(args))
    assert calls == [(1, 2), (2, 2)]
    assert pictures[0].section == few[0].section


@pytest.mark.slow
def test_the_full_set_can_be_drawn(good):
    result = replace(good.result, level="full")
    assert len(render_figures(good.comparison, result)) > 300
