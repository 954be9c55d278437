"""The model's side of an event loop, and the loop itself in Geant4."""

import json
import subprocess
import sys
from importlib.util import find_spec
from types import SimpleNamespace

import numpy as np
import pytest

from caloforge.beam import Conditions
from caloforge.detector import load_detector
from caloforge.engine import Plan, load_engine
from caloforge.engine.on_demand import on_demand
from caloforge.engine.turned import hits_of, made_on_demand
from caloforge.errors import DetectorError, ModelError
from caloforge.hit_arrays import HitArrays
from caloforge.ranges import draw
from caloforge.simulate.geometry import Grid
from caloforge.simulate.in_situ.events import Events, half_face_mm
from caloforge.simulate.in_situ.fast import FastShowers
from caloforge.simulate.request import Production

needs_geant4 = pytest.mark.skipif(
    find_spec("geant4_pybind") is None, reason="needs the extra 'simulate'"
)  # which must not be imported here: it would look for its data
GRID = Grid(31, 31)
PERPENDICULAR = (0.0, 0.0, 1.0)
RANGE = (np.radians(60), np.radians(110))


def middle_cell(card):
    """A model whose showers are one hit, of a fiftieth of Ep, in the middle of layer 1."""
    x, y, z = card.cell_shape
    cell = ((x // 2) * y + y // 2) * z + 1

    def make(seed, energy, theta, *, impact):
        return HitArrays(np.arange(len(energy) + 1), np.full(len(energy), cell), energy / 50)

    return make


class TwoCells:
    """A model of any phi whose showers have a second hit, of a tenth, in the next pad in y."""

    def __init__(self, card):
        x, y, z = card.cell_shape
        self.card = card.model_copy(update={"takes_phi": True, "theta_range_rad": RANGE})
        self.cells = [((x // 2) * y + y // 2 + step) * z + 1 for step in (0, 1)]
        self.told = []

    def __call__(self, seed, energy, theta, *, impact, phi=None):
        self.told.append((theta, phi, impact))
        n = len(energy)
        return HitArrays(
            2 * np.arange(n + 1), np.tile(self.cells, n), np.outer(energy, (0.02, 0.002)).ravel()
        )


@pytest.fixture
def any_phi(toy_model):
    return TwoCells(load_engine(toy_model, Plan(runtime="onnx")).card)


@pytest.fixture
def fast(toy_model):
    card = load_engine(toy_model, Plan(runtime="onnx")).card
    return FastShowers(card, middle_cell(card), GRID)


def test_a_hit_lies_where_the_particle_entered(fast):
    assert fast.take(100.0, (10.2, -24.9), PERPENDICULAR)
    cell, energy = fast.finish(seed=1)
    x, y = 15 + 2, 15 - 5  # pads of 5 mm
    assert cell.tolist() == [(1 * 31 + x) * 31 + y]
    assert energy.tolist() == [2.0]
    assert fast.finish(seed=2)[0].size == 0


@pytest.mark.parametrize(
    ("energy", "direction"),
    [
        (9.0, PERPENDICULAR),  # the toy's range is 10-500 GeV, perpendicular
        (501.0, PERPENDICULAR),
        (50.0, (0.0, 0.1, 0.995)),
        (50.0, (0.1, 0.0, 0.995)),
    ],
)
def test_what_the_model_was_not_made_for_is_left_to_geant4(fast, energy, direction):
    assert not fast.take(energy, (0.0, 0.0), direction)
    assert fast.taken == 0 and fast.finish(seed=1)[0].size == 0


def flight(theta, phi):
    """Unit vector of a flight of angles in degrees."""
    return Conditions.of(50.0, np.radians(theta), np.radians(phi)).direction(0)


@pytest.mark.parametrize("phi", [20, 70, 110, 160, 200, 250, 290, 340])
def test_flights_out_of_the_plane_are_given_to_models_that_take_phi(any_phi, toy_detector, phi):
    fast = FastShowers(any_phi.card, any_phi, GRID)
    theta, impact = 75, (8.0, -11.5)
    assert fast.take(100.0, impact, flight(theta, phi))
    cell, energy = fast.finish(seed=1)
    place = np.stack(np.unravel_index(cell, (4, GRID.rows, GRID.columns)), axis=1)
    (layer, x, y), beside = place[energy.argsort()[::-1]]
    depth = toy_detector.layer_centres_mm[1]
    toward = np.array([np.cos(np.radians(phi)), np.sin(np.radians(phi))])
    along = int(np.abs(toward).argmax())
    axis = impact + depth / np.tan(np.radians(theta)) * toward - 5 * np.eye(2)[along] / 11
    assert layer == 1 and (x, y) == tuple(np.rint(axis / 5).astype(int) + 15)
    assert (beside - (layer, x, y)).tolist() == [0, *np.eye(2, dtype=int)[along]]
    ((made_theta, made_phi, made_impact),) = any_phi.told
    backwards = toward[along] < 0
    assert np.degrees(made_theta) == pytest.approx(180 - theta if backwards else theta)
    assert 45 < np.degrees(made_phi) < 135
    assert made_impact[0].tolist() == pytest.approx(([-2.0, -1.5], [-1.5, -2.0])[1 - along])


@pytest.mark.parametrize(
    ("theta", "phi", "within"),
    [(59, 30, False), (65, 30, True), (65, -30, True), (65, 200, False), (75, 200, True)],
)
def test_what_leans_back_is_as_far_from_the_y_axis_as_180_less_theta(any_phi, theta, phi, within):
    """The model's range is 60-110 degrees."""
    fast = FastShowers(any_phi.card, any_phi, GRID)
    assert fast.take(100.0, (0.0, 0.0), flight(theta, phi)) == within


def test_flights_in_the_plane_are_made_as_those_of_theta_alone(any_phi):
    fast = FastShowers(any_phi.card, any_phi, GRID)
    for phi in (90, -90):
        assert fast.take(100.0, (0.0, 0.0), flight(75, phi))
    fast.finish(seed=1)
    theta, phi, _ = any_phi.told.pop()
    assert np.degrees(theta).tolist() == pytest.approx([75, 105]) and phi is None
    for phi in (90, 60):
        assert fast.take(100.0, (0.0, 0.0), flight(75, phi))
    fast.finish(seed=1)
    assert np.degrees(any_phi.told.pop()[1]).tolist() == pytest.approx([90, 60])


def test_showers_that_overlap_are_added_up(fast):
    for energy in (100.0, 200.0):
        fast.take(energy, (0.0, 0.0), PERPENDICULAR)
    fast.take(50.0, (50.0, 0.0), PERPENDICULAR)
    cell, energy = fast.finish(seed=1)
    assert len(set(cell.tolist())) == len(cell) == 2
    assert energy.tolist() == [6.0, 1.0] and fast.taken == 3


def test_the_model_is_told_where_in_the_pad_particles_enter(toy_model):
    told = []
    card = load_engine(toy_model, Plan(runtime="onnx")).card
    made = middle_cell(card)

    def make(seed, energy, theta, *, impact):
        told.extend(impact.round(4).tolist())
        return made(seed, energy, theta, impact=impact)

    fast = FastShowers(card, make, GRID)
    fast.take(100.0, (10.2, -24.9), PERPENDICULAR)
    fast.take(100.0, (-2.0, 7.6), PERPENDICULAR)
    fast.finish(seed=1)
    assert np.allclose(told, [(0.2, 0.1), (-2.0, -2.4)], atol=1e-4)


def test_hits_beyond_the_calorimeter_are_lost(fast):
    fast.take(100.0, (5.0 * 16, 0.0), PERPENDICULAR)
    assert fast.finish(seed=1)[0].size == 0


def test_showers_on_demand_are_fixed_by_their_seed(toy_model):
    make = on_demand(load_engine(toy_model, Plan(runtime="onnx", batch=2)))
    energy, theta = np.array([50, 100, 200], np.float32), np.full(3, np.pi / 2, np.float32)
    first, again, other = (make(seed, energy, theta) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.cell_energy, again.cell_energy)
    assert first.cell_energy.tolist() != other.cell_energy.tolist()
    sums = first.dense((5, 5, 4)).sum(axis=(1, 2, 3))
    assert len(sums) == 3 and (sums > 0).all()
    placed = make(1, energy, theta, impact=np.ones((3, 2), np.float32))  # the toy draws its own
    np.testing.assert_array_equal(first.cell_energy, placed.cell_energy)


@pytest.mark.parametrize("runtime", ["onnx", "native"])
def test_showers_on_demand_enter_where_they_are_told(runtime):
    if runtime == "native":
        pytest.importorskip("caloforge_native")
    make = on_demand(load_engine("clic_ecal_fixed", Plan(runtime=runtime, batch=32)))
    energy, theta = np.full(32, 50, np.float32), np.full(32, np.pi / 2, np.float32)
    images = [
        make(1, energy, theta, impact=np.tile(np.float32([x, 0]), (32, 1))).dense((25, 25, 25))
        for x in (-2, 2)
    ]
    before, behind = (each[:, 11].sum() / each[:, 13].sum() for each in images)
    assert before > 2 and behind < 0.5


def test_showers_on_demand_are_those_of_the_native_engine():
    pytest.importorskip("caloforge_native")
    engine = load_engine("clic_ecal_fixed", Plan(runtime="native"))
    conditions = Conditions.of([50.0, 100.0])
    made = on_demand(engine)(7, conditions.energy, conditions.theta)
    ((_, asked),) = engine.hits(conditions, seed=7)
    np.testing.assert_array_equal(made.cell, asked.cell)
    np.testing.assert_array_equal(made.cell_energy, asked.cell_energy)


def test_showers_on_demand_of_any_phi_are_those_of_the_native_engine():
    pytest.importorskip("caloforge_native")
    engine = load_engine("clic_ecal_angle", Plan(runtime="native"))
    asked = draw(40, "5:50", "62:118", "0:360", "-2:2,-2:2", seed=1)
    made = made_on_demand(on_demand(engine), engine.card, asked, seed=7)
    ((_, wanted),) = hits_of(engine, engine.card, asked, seed=7)
    np.testing.assert_array_equal(made.cell, wanted.cell)
    np.testing.assert_array_equal(made.cell_energy, wanted.cell_energy)


def test_showers_on_demand_of_any_phi_lean_in_a_graph_too():
    engine = load_engine("clic_ecal_angle", Plan(runtime="onnx", batch=16))
    n, phi = 32, np.radians(215)
    asked = Conditions.of(np.full(n, 50.0), np.radians(62), phi, (0.0, 0.0))
    hits = made_on_demand(on_demand(engine), engine.card, asked, seed=7)
    cells = hits.dense(engine.card.cell_shape).astype(np.float64)
    layers = np.maximum(cells.sum(axis=(1, 2)), 1e-9)  # the first may be empty
    place = np.arange(51) - 25
    x, y = (np.einsum(sums, cells, place) / layers for sums in ("nxyz,x->nz", "nxyz,y->nz"))
    slopes = [np.mean(each[:, 12] - each[:, 4]) for each in (x, y)]
    assert np.arctan2(*slopes[::-1]) == pytest.approx(phi - 2 * np.pi, abs=0.1)


def test_an_engine_of_batches_alone_is_refused(toy_model):
    card = load_engine(toy_model, Plan(runtime="onnx")).card
    with pytest.raises(ModelError, match="in batches alone"):
        on_demand(SimpleNamespace(card=card, plan=Plan(runtime="onnx")))


def test_events_enter_all_over_the_face(toy_detector, built_in):
    conditions = Conditions.of(np.full(4000, 20.0))
    events = Events.drawn(Production(toy_detector, "angle", "e-", conditions, 1, built_in), 2)
    half = half_face_mm(toy_detector, "angle")
    assert half.tolist() == [12.5, 12.5]
    assert len(events) == 2000 and list(events.rows(3)) == [6, 7]
    np.testing.assert_allclose(np.abs(events.impact).max(axis=0), half, rtol=0.01)
    assert len(set(events.engine_seeds)) == 2000


def test_rings_have_no_face(built_in):
    production = Production(
        load_detector("par04_siw"), "dataset2", "e-", Conditions.of([20.0]), 1, built_in
    )
    with pytest.raises(DetectorError, match="rings"):
        Events.drawn(production)


LOOPS = """
import json, os, sys
import numpy as np
from caloforge.beam import Conditions
from caloforge.engine import read_card
from caloforge.pad_hits import PadHits
from caloforge.simulate.data import choose_data
from caloforge.simulate.in_situ.events import Events
from caloforge.simulate.in_situ.loop import EventLoop
from caloforge.simulate.request import Production
from caloforge.simulate.tables import cache_folder
from caloforge.zoo import model_path

energy, with_model = float(sys.argv[1]), sys.argv[2] == "fast"
phi = json.loads(sys.argv[3])
model = model_path("clic_ecal_angle")
card = read_card(model)
data = choose_data("built-in", cache_folder())
conditions = Conditions.of(np.full(6, energy), np.linspace(1.2, 1.9, 6), phi)
events = Events.drawn(Production(card.detector, card.window, "e-", conditions, 3, data), 2)
os.environ |= data.environment()
loop = EventLoop(events, model if with_model else None, "onnx")
made = loop.run(0, 3)
pads = PadHits(*events.pads(made.hits), made.hits.cell_energy)
navigator = loop.g4.G4TransportationManager.GetTransportationManager().GetNavigatorForTracking()
numbers = []
for place in pads.positions(card.detector)[::20]:
    volume = navigator.LocateGlobalPointAndSetup(loop.g4.G4ThreeVector(*place.tolist()))
    touched = navigator.CreateTouchableHistory()
    layer, x, y = (touched.GetReplicaNumber(depth) for depth in (3, 1, 0))
    cell = (layer * events.grid.rows + x) * events.grid.columns + y
    numbers.append(cell if volume.GetName() == "cell" else -1)
print("\\nfound", json.dumps({
    "taken": made.taken, "cell": made.hits.cell.tolist(), "energy": made.hits.cell_energy.tolist(),
    "located": numbers, "offsets": made.hits.offsets.tolist(),
}))
"""


def event_loop(energy, kind, phi=None):
    words = [sys.executable, "-c", LOOPS, str(energy), kind, json.dumps(phi)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("found")]
    return json.loads(line.removeprefix("found"))


@pytest.mark.slow
@needs_geant4
@pytest.mark.parametrize("phi", [None, [0.2, 1.2, 2.3, 3.3, 4.4, 5.5]])
def test_hits_lie_in_the_sensitive_cells_that_geant4_finds_there(phi):
    made = event_loop(20.0, "fast", phi)
    assert made["taken"] == 6 and len(made["offsets"]) == 4
    assert made["located"] == made["cell"][::20]
    assert 0.015 < sum(made["energy"]) / (6 * 20.0) < 0.025


@pytest.mark.slow
@needs_geant4
def test_particles_that_the_model_leaves_are_simulated_as_without_it():
    full, fast = (event_loop(1.0, kind) for kind in ("full", "fast"))
    assert fast["taken"] == 0
    assert len(full["cell"]) > 100
    for what in ("cell", "energy"):
        one, other = (np.array(made[what]) for made in (full, fast))
        np.testing.assert_allclose(np.sort(one), np.sort(other), rtol=1e-6)
