"""The in-situ benchmark: its sums, its tables, and the agreement with Geant4."""

import json
from importlib.util import find_spec

import numpy as np
import pytest
from typer.testing import CliRunner

from caloforge.bench import in_situ
from caloforge.bench.in_situ import InSituReport, bench_in_situ, joined, request_events
from caloforge.bench.in_situ_observables import compare, observables
from caloforge.cli.app import app
from caloforge.engine import read_card
from caloforge.errors import InputError
from caloforge.hit_arrays import HitArrays
from caloforge.simulate.in_situ.events import SimulatedEvents
from caloforge.zoo import model_path

MODEL = "clic_ecal_angle"
needs_geant4 = pytest.mark.skipif(
    find_spec("geant4_pybind") is None, reason="needs the extra 'simulate'"
)  # which must not be imported here: it would look for its data


@pytest.fixture(params=[None, "0:360"])
def events(request, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    card = read_card(model_path(MODEL))
    return request_events(card, "50", "60:120", request.param, n=40, particles=2, seed=1)


def on_the_axes(events, first, stop, scale=1.0, seconds=0.1):
    """Events whose particles leave a fiftieth of Ep in one cell of layer 4, on the axis."""
    detector, conditions = events.production.detector, events.production.conditions
    rows = np.concatenate([list(events.rows(event)) for event in range(first, stop)])
    depth, layer = detector.layer_centres_mm[4], 4
    axis = events.impact[rows] + depth * conditions.lean[rows]
    x, y = np.rint(axis / detector.pad_mm).astype(int).T
    grid = events.grid
    cell = (layer * grid.rows + x + grid.rows // 2) * grid.columns + y + grid.columns // 2
    energy = (scale * conditions.energy[rows] / 50).astype(np.float32)
    return SimulatedEvents(
        HitArrays(np.arange(0, len(rows) + 1, 2), cell, energy), seconds, len(rows)
    )


def test_the_sums_are_those_of_the_cells(events):
    found = observables(on_the_axes(events, 0, 40).hits, events)
    depth = events.production.detector.layer_centres_mm[4]
    np.testing.assert_allclose(found.values["response (%)"], 2.0, rtol=1e-5)
    np.testing.assert_array_equal(found.values["hits"], 2)
    np.testing.assert_allclose(found.values["depth (mm)"], depth)
    assert found.values["distance from the axis (mm)"].max() < 5.1 / np.sqrt(2)
    assert abs(found.values["barycentre y from the axis (mm)"].mean()) < 1
    np.testing.assert_allclose(found.layers[:, 4], 0.02, rtol=1e-5)
    assert found.layers.sum() == pytest.approx(found.layers[:, 4].sum())


def test_a_difference_is_seen_with_its_error(events):
    full, fast = (
        observables(on_the_axes(events, 0, 40, scale).hits, events) for scale in (1.0, 1.1)
    )
    rows = {row.what: row for row in compare(full, fast)}
    response = rows["response (%)"]
    assert response.difference == pytest.approx(0.1, rel=1e-4) and response.error < 1e-4
    assert rows["hits"].difference == 0
    assert rows["1 layers; layer 4 (%)"].difference == pytest.approx(0.1, rel=1e-4)


class Loop:
    """A loop whose events take 100 ms fully and a tenth of one with a model."""

    def __init__(self, events, fast):
        self.events, self.fast = events, fast

    def __enter__(self):
        return self

    def __exit__(self, *args):
        pass

    def run(self, first, stop):
        each = 1e-4 if self.fast else 0.1
        made = on_the_axes(self.events, first, stop, seconds=each * (stop - first))
        return made if self.fast else SimulatedEvents(made.hits, made.seconds, 0)


@pytest.fixture
def loops(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(
        in_situ, "loop_process", lambda events, model=None, *_: Loop(events, model is not None)
    )


def test_the_report_and_its_tables(loops, tmp_path):
    path = tmp_path / "report.json"
    command = ["bench", "in-situ", MODEL, "--energy", "50", "--particles", "2", "-n", "6"]
    done = CliRunner().invoke(app, [*command, "-o", str(path)], env={"COLUMNS": "120"})
    assert done.exit_code == 0, done.output
    assert "1,000 (1,000-1,000)" in done.output and "response" in done.output
    report = InSituReport.model_validate(json.loads(path.read_text()))
    assert (report.full.events, report.fast.events, report.taken) == (6, 120, 1.0)
    assert all(row.difference == 0 for row in report.agreement)


def test_fewer_events_than_rounds_are_refused():
    with pytest.raises(InputError, match="at least as many events, got 2"):
        bench_in_situ(model_path(MODEL), n=2)


def test_runs_are_joined_in_order(events):
    parts = [on_the_axes(events, first, stop) for first, stop in ((0, 10), (10, 40))]
    whole = on_the_axes(events, 0, 40).hits
    for one, other in zip(joined(parts), whole, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.slow
@needs_geant4
@pytest.mark.parametrize(
    ("model", "phi"),
    [("clic_ecal_fixed", None), ("clic_ecal_angle", None), ("clic_ecal_angle", "0:360")],
)
def test_a_model_in_the_loop_agrees_with_geant4(model, phi):
    """Response and depth within the model's own errors, 1 and 2 %, and three standard errors."""
    report = bench_in_situ(model_path(model), energy="10:20", phi=phi, n=40)
    assert report.taken == 1
    rows = {row.what: row for row in report.agreement}
    for what, off in (
        ("response (%)", 0.01),
        ("hits", 0.01),
        ("depth (mm)", 0.02),
        ("distance from the axis (mm)", 0.03),
        ("barycentre x from the axis (mm)", 0.3),
        ("barycentre y from the axis (mm)", 0.3),
    ):
        assert abs(rows[what].difference) < off + 3 * rows[what].error, rows[what]
