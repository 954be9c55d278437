"""Showers that lean anywhere: turned out of those that lean along y, in every engine alike."""

import numpy as np
import onnxruntime
import pytest
from tests.flights import off_the_flight

from caloforge import io
from caloforge.beam import Conditions
from caloforge.engine import load_engine
from caloforge.engine.choose import chosen_runtime
from caloforge.engine.latent import draw_latent
from caloforge.engine.plan import Plan
from caloforge.engine.runtimes import RUNTIMES
from caloforge.errors import InputError, RangeError
from caloforge.generate import generate_file, load
from caloforge.physics.angle import leaning_angle
from caloforge.ranges import draw
from caloforge.turn import leans_aslant
from caloforge.zoo import model_path

SHOWERS = 192
THETA = np.radians(62)


@pytest.fixture(scope="module")
def angle():
    return load("clic_ecal_angle", runtime="onnx", threads=1)


def made(model, phi, n=SHOWERS, **more):
    return model.sample(Conditions.of(np.full(n, 50.0), THETA, phi, **more), seed=4)


def moments(showers):
    """Of the layers' energies in pads, (N, 2): how far the axis moves along x and y for a pad of
    depth; and (3,) the covariance xx, yy, xy around the layers' middles."""
    cells = showers.cells.astype(np.float64)
    place = np.arange(cells.shape[1]) - cells.shape[1] // 2
    layers = np.maximum(cells.sum(axis=(1, 2)), 1e-12)
    x = np.einsum("nxyz,x->nz", cells, place) / layers
    y = np.einsum("nxyz,y->nz", cells, place) / layers
    depth = showers.detector.layer_centres_mm / showers.detector.pad_mm[1]
    share = layers / layers.sum(axis=1, keepdims=True)
    from_middle = depth - (share @ depth)[:, None]
    scale = (share * from_middle**2).sum(axis=1)
    slopes = [(share * from_middle * each).sum(axis=1) / scale for each in (x, y)]
    squares = ("nxyz,x,x->nz", x * x), ("nxyz,y,y->nz", y * y), ("nxyz,x,y->nz", x * y)
    spread = [
        ((np.einsum(sums, cells, place, place) / layers - mean) * share).sum(axis=1).mean()
        for sums, mean in squares
    ]
    return np.stack(slopes, axis=1), np.array(spread)


def test_showers_lean_where_they_are_asked_to(angle):
    along, _ = moments(made(angle, np.pi / 2))
    for degrees in (20, 45, 250):
        phi = np.radians(degrees)
        slope, _ = moments(made(angle, phi))
        error = slope.std(axis=0).max() / np.sqrt(SHOWERS)
        toward = np.array([np.cos(phi), np.sin(phi)])
        assert np.allclose(slope.mean(axis=0), along[:, 1].mean() * toward, atol=5 * error)


def test_layers_are_cut_longer_towards_where_showers_lean(angle):
    """In the frame of the flight the covariance is that of showers along y."""
    _, (across, along, _) = moments(made(angle, np.pi / 2))
    _, (xx, yy, xy) = moments(made(angle, np.pi / 4))
    assert along > 1.05 * across
    assert xy == pytest.approx((along - across) / 2, abs=0.3 * (along - across))
    assert (xx + yy) == pytest.approx(along + across, rel=0.05)
    assert xx == pytest.approx(yy, rel=0.08)


def test_symmetries_of_the_pads_hold_to_rounding(angle):
    low, high, behind = (made(angle, np.radians(each), 9).cells for each in (25, 65, 245))
    assert np.abs(low - high.swapaxes(1, 2)).sum() < 1e-4 * high.sum()
    mirrored = Conditions.of(np.full(9, 50.0), np.pi - THETA, np.radians(65))
    assert np.abs(behind - angle.sample(mirrored, seed=4).cells).sum() < 1e-4 * high.sum()


def test_a_shower_along_y_is_the_same_among_others(angle):
    """A batch of which some lean elsewhere takes another way through the graph."""
    plain = made(angle, None, 9)
    phi = np.array([np.pi / 2, 1.0, np.pi / 2] * 3)
    mixed = made(angle, phi, 9)
    assert np.array_equal(mixed.cells[phi > 1.5], plain.cells[phi > 1.5])
    assert not np.array_equal(mixed.cells[1], plain.cells[1])


def test_energies_and_hits_do_not_depend_on_phi(angle):
    plain, turned = made(angle, np.pi / 2), made(angle, np.pi / 4)
    layers = [showers.cells.sum(axis=(1, 2)) for showers in (plain, turned)]
    assert np.allclose(*layers, atol=1e-3 * layers[0].max())
    hits = [(showers.cells > 0).sum(axis=(1, 2, 3)) for showers in (plain, turned)]
    error = np.hypot(*(each.std() for each in hits)) / np.sqrt(SHOWERS)
    assert abs(hits[0].mean() - hits[1].mean()) < 4 * error
    place = np.arange(51) - 25
    far = np.hypot(place[:, None], place) > 11
    halo = [(showers.cells[:, far] > 0).sum(axis=(1, 2)) for showers in (plain, turned)]
    assert halo[1].mean() == pytest.approx(halo[0].mean(), rel=0.08)


def test_impacts_are_followed_anywhere(angle):
    conditions = draw(96, "50", "65", "0:360", "-2.55:2.55,-2.55:2.55", seed=1)
    showers = angle.sample(conditions, seed=2)
    for off in off_the_flight(showers).T:
        assert abs(off.mean()) < 0.3 and off.std() < 0.9


def test_who_feeds_no_phi_gets_showers_along_y(angle):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(str(model_path("clic_ecal_angle")), options)
    assert {each.name for each in session.get_inputs()} == {"latent", "energy", "theta"}
    feeds = {
        "latent": draw_latent(angle.card.latent, 1, 0, 5),
        "energy": np.full(5, 50, np.float32), "theta": np.full(5, THETA, np.float32),
    }  # fmt: skip
    (plain,) = session.run(["cells"], feeds)
    (same,) = session.run(["cells"], feeds | {"phi": np.full(5, np.pi / 2, np.float32)})
    (other,) = session.run(["cells"], feeds | {"phi": np.full(1, np.pi / 4, np.float32)})
    assert np.array_equal(plain, same) and not np.array_equal(plain, other)


def test_openvino_agrees(angle):
    pytest.importorskip("openvino")
    conditions = draw(20, "50", "65", "0:90", seed=1)
    wanted = angle.sample(conditions, seed=2).cells
    engine = load_engine(
        "clic_ecal_angle", Plan(runtime="openvino", threads=1, streams=1, batch=16)
    )
    found = np.zeros_like(wanted)

    def keep(first, cells):
        found[first : first + len(cells)] = cells

    turned = type(angle)(engine, angle.path)
    for _ in turned.batches(conditions, keep, seed=2):
        pass
    assert np.abs(found - wanted).sum() / wanted.sum() < 1e-3


def test_files_tell_phi_and_go_on(tmp_path, angle):
    conditions = draw(70, "20:100", "60:120", "0:45", seed=1)
    generate_file(angle, conditions, tmp_path / "a.h5", seed=4)
    found = io.read(tmp_path / "a.h5")
    assert np.allclose(found.phi, conditions.phi)
    layers, pads = found.detector.layer_centres_mm, found.detector.pad_mm
    theta = leaning_angle(found.cells.sum(axis=2), found.cells.sum(axis=1), found.phi, layers, pads)
    assert np.abs(theta - found.theta).mean() < np.radians(2.5)


def test_graphs_without_phi_say_so(angle):
    card = angle.card.model_copy(update={"takes_phi": False})
    assert card.lacks_phi and not angle.card.lacks_phi
    with pytest.raises(RangeError, match="phi '0:360' is outside the model's: its showers lean"):
        card.validity.asked(None, None, "0:360")
    angle.engine.card, kept = card, angle.engine.card
    try:
        with pytest.raises(InputError, match="its graph takes no phi"):
            next(angle.engine.batches(Conditions.of(50.0, THETA, 1.0), print, seed=1))
    finally:
        angle.engine.card = kept


@pytest.mark.parametrize(("version", "chosen"), [("0.4.0", "openvino"), ("0.5.0", "native")])
def test_auto_is_an_engine_that_makes_any_phi(angle, monkeypatch, version, chosen):
    """The native sampler is the fastest; older ones lean along the pads alone."""
    monkeypatch.setattr(RUNTIMES["native"].__class__, "installed", True)
    monkeypatch.setattr("caloforge.engine.runtimes.metadata.version", lambda name: version)
    assert chosen_runtime("auto", angle.card) == "native"
    assert chosen_runtime("auto", angle.card, aslant=True) == chosen
    asked = Conditions.of(50.0, [THETA, np.pi / 2], [np.pi, 1.0])
    assert not leans_aslant(asked, angle.card.detector)
    assert leans_aslant(Conditions.of(50.0, THETA, 1.0), angle.card.detector)
