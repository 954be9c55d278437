"""The window, the halo and the sharing follow the showers."""

import numpy as np
import pytest
from tests.conftest import make_toy_detector

from caloforge.detector import Window
from caloforge.make.depth import faint_gev
from caloforge.make.look import IN_WINDOW, Look, window_of
from caloforge.make.sharing import Sharing
from caloforge.showers import Showers
from caloforge.units import degree

SIDE, LAYERS, SHOWERS = 21, 4, 60


def showers(radius, theta_deg=90.0, *, side=SIDE):
    """Showers of 200 deposits, normal about an axis with this width in pads."""
    detector = make_toy_detector().model_copy(
        update={"windows": {"wide": Window(shape=(side, side), theta_deg=(40.0, 140.0))}}
    )
    rng = np.random.default_rng(0)
    cells = np.zeros((SHOWERS, side, side, LAYERS), np.float32)
    theta = np.full(SHOWERS, theta_deg * degree, np.float32)
    depth = (detector.layer_centres_mm - detector.layer_centres_mm.mean()) / detector.pad_mm[1]
    for shower in cells:
        for layer in range(LAYERS):
            place = rng.normal((side - 1) / 2, radius, (200, 2))
            place[:, 1] += depth[layer] / np.tan(theta[0])
            place = np.clip(np.rint(place), 0, side - 1).astype(int)
            np.add.at(shower[..., layer], tuple(place.T), 3e-4)
    return Showers(cells, np.full(SHOWERS, 50, np.float32), theta, detector, "gamma")


def test_the_window_holds_its_share_of_the_energy_and_is_no_larger():
    found = showers(1.5)
    x, y = window_of(found)
    assert x == y == 9
    for width, enough in ((x, True), (x - 2, False)):
        edge = (SIDE - width) // 2
        held = found.cells[:, edge : SIDE - edge, edge : SIDE - edge].sum() / found.cells.sum()
        assert (held >= IN_WINDOW) == enough


def test_wide_showers_have_no_window():
    look = Look.of(showers(4.0))
    assert look.window is None
    assert "window" not in look.options()
    assert look.options()["sharing"] == look.sharing.beside


def test_the_window_of_inclined_showers_follows_the_axis():
    """Across the axis they are as wide as upright ones."""
    assert window_of(showers(1.0, 60.0)) == pytest.approx(window_of(showers(1.0)), abs=2)


def test_the_halo_has_room_for_the_fullest_shower():
    found = showers(1.5)
    look = Look.of(found)
    edge = (SIDE - look.window[0]) // 2
    inside = np.zeros((SIDE, SIDE, 1), bool)
    inside[edge:-edge, edge:-edge] = True
    assert look.halo_particles > ((found.cells > 0) & ~inside).sum(axis=(1, 2, 3)).max()


def test_an_even_image_has_an_even_window():
    assert window_of(showers(1.5, side=20))[0] % 2 == 0


@pytest.mark.parametrize(
    ("steps", "share", "expected", "error"),
    [
        ([(1, 0), (0, 1)], 0.0, 0.0, 0.01),
        ([(1, 0), (0, 1)], 0.1, 0.1, 0.015),
        ([(1, 0), (0, 1)], 0.2, 0.2, 0.025),
        ([(1, 1), (2, 0)], 0.1, 0.1, 0.015),
    ],
)
def test_cells_that_follow_others_near_them_are_found(steps, share, expected, error):
    """A share of the cells follows the one a step away in each direction, as the network's do."""
    rng = np.random.default_rng(1)
    radius = np.hypot(*(np.indices((SIDE, SIDE)) - SIDE // 2))
    chance = 0.02 + 0.1 * np.exp(-radius / 3)
    own = rng.random((1500, SIDE, SIDE, LAYERS))
    which = rng.random(own.shape)
    number = own.copy()
    for place, step in enumerate(steps):
        follows = (which >= share * place) & (which < share * (place + 1))
        number[follows] = np.roll(own, step, axis=(1, 2))[follows]
    detector = make_toy_detector().model_copy(update={"windows": {"w": Window(shape=(SIDE, SIDE))}})
    energy = np.full(len(own), 50, np.float32)
    cells = (number < chance[..., None]).astype(np.float32)
    upright = np.full_like(energy, np.pi / 2)
    found = Sharing.of(Showers(cells, energy, upright, detector, "gamma")).beside
    assert found == pytest.approx(expected, abs=error)


def test_images_of_few_pads_have_neighbours_as_well():
    for side in (1, 2, 3, 5):
        assert 0.0 <= Sharing.of(showers(1.5, side=side)).beside <= 1 / 3


@pytest.mark.parametrize(("empty", "late"), [(0.0, False), (0.1, False), (0.5, True)])
def test_showers_that_leave_the_first_layer_empty_begin_late(empty, late):
    found = showers(1.5)
    found.cells[: round(empty * SHOWERS), ..., 0] = 0.0
    assert Look.of(found).options().get("conversion", False) == late


def test_late_showers_are_counted_in_radiation_lengths_where_layers_are_not_alike():
    found = showers(1.5)
    found.cells[SHOWERS // 2 :, ..., 0] = 0.0
    thin = found.detector.layers[0]
    absorber, rest = thin.stack[0], thin.stack[1:]
    thick = absorber.model_copy(update={"thickness_mm": 2 * absorber.thickness_mm})
    assert not absorber.sensitive
    twice = thin.model_copy(update={"stack": (absorber, absorber, *rest)})
    other_part = thin.model_copy(
        update={"stack": tuple(s.model_copy(update={"thickness_mm": 9.0}) for s in thin.stack)}
    )

    def options(second):
        layers = (thin.model_copy(update={"count": 2}), second.model_copy(update={"count": 2}))
        detector = found.detector.model_copy(update={"layers": layers})
        return Look.of(Showers(found.cells, found.energy, found.theta, detector, "gamma")).options()

    thicker = thin.model_copy(update={"stack": (thick, *rest)})
    assert options(thicker)["layer_places"] == options(twice)["layer_places"] == [0, 1, 3, 5]
    assert "layer_places" not in options(thin)
    assert options(thin)["conversion"]
    assert "conversion" not in options(other_part)


def test_what_scatters_back_into_a_thick_layer_is_no_beginning():
    """A particle leaves twice the faint energy; half a shower's worth in the first layer is one."""
    found = showers(1.5)
    faint = faint_gev(found.detector)
    assert 0 < faint < 1e-3
    assert "layers_before" not in Look.of(found).options()
    first = found.cells[: SHOWERS // 2, ..., 0]
    first *= 0.5 * faint / first.sum(axis=(1, 2), keepdims=True)
    options = Look.of(found).options()
    assert options["conversion"]
    assert options["layers_before"] == 1
    assert options["begins_above_gev"] == 2 * faint


def test_layers_that_share_all_energy_draw_their_sum():
    found = showers(1.5)
    found.cells[:] *= np.random.default_rng(2).uniform(0.2, 1.8, (SHOWERS, 1, 1, LAYERS))
    assert not Look.of(found).layers.draws_sum
    found.cells[:] /= found.cells.sum(axis=(1, 2, 3), keepdims=True) / found.energy[0]
    assert Look.of(found).options()["draws_sum"]


def test_where_most_layers_are_one_particle_s_their_hits_are_counted():
    found = showers(1.5)
    assert "counted_hits" not in Look.of(found).options()
    tracks = np.zeros_like(found.cells)
    tracks[:, SIDE // 2, SIDE // 2] = 3e-4
    tracks[: SHOWERS // 4] = found.cells[: SHOWERS // 4]
    found.cells[:] = tracks
    look = Look.of(found)
    assert look.options()["counted_hits"]
    assert any("one particle's" in line for line in look.lines())


def test_thick_layers_have_classes_of_their_own():
    found = showers(1.5)
    assert Look.of(found).layers.classes is None
    found.cells[:] *= 10.0 ** np.random.default_rng(3).uniform(0, 3, (SHOWERS, 1, 1, LAYERS))
    faint, ratio = Look.of(found).options()["layer_classes"]
    layers = found.cells.sum(axis=(1, 2))
    assert np.mean(layers < faint) == pytest.approx(0.1, abs=0.03)
    assert np.mean(layers > faint * ratio**6) == pytest.approx(0.01, abs=0.04)


def test_cells_that_follow_those_behind_them_are_found():
    rng = np.random.default_rng(4)
    chance = 0.02 + 0.1 * np.exp(-np.abs(np.arange(SIDE) - 10.0) / 3)
    own = rng.random((4000, SIDE, 3, LAYERS))
    follows = np.where(rng.random(own.shape) < 0.15, np.roll(own, 1, axis=3), own)
    detector = make_toy_detector().model_copy(update={"windows": {"w": Window(shape=(SIDE, 3))}})
    energy = np.full(len(own), 50, np.float32)

    def behind(number):
        cells = (number < chance[:, None, None]).astype(np.float32)
        upright = np.full_like(energy, np.pi / 2)
        return Sharing.of(Showers(cells, energy, upright, detector, "gamma"))

    assert behind(own).options().keys() == {"sharing"}
    assert behind(follows).options()["deep_sharing"] == pytest.approx(0.13, abs=0.03)


def test_a_small_image_has_no_window():
    few = showers(0.7, side=15)
    assert few.cells[0].size < 1000
    assert window_of(few) is None
    assert window_of(showers(0.7)) is not None


def test_impact_points_are_read_of_perpendicular_showers():
    assert Look.of(showers(1.5)).options()["reads_impact"]
    assert "reads_impact" not in Look.of(showers(1.5, 60.0)).options()


def test_one_layer_is_told_apart_by_the_classes_of_the_first():
    found = showers(1.5)
    assert Look.of(found).options()["deposit_sizes"]
    energy = 10.0 ** np.random.default_rng(3).uniform(0, 2, (SHOWERS, 1, 1, 1))
    cells = found.cells[..., :1] / found.cells[..., :1].sum(axis=(1, 2), keepdims=True) * energy
    thin = found.detector.layers[0]
    one = found.detector.model_copy(update={"layers": (thin.model_copy(update={"count": 1}),)})
    look = Look.of(Showers(cells.astype(np.float32), found.energy, found.theta, one, "gamma"))
    options = look.options()
    faint, ratio = options["layer_classes"]
    layers = energy.ravel()
    assert np.mean(layers < faint / 4) == pytest.approx(0.1, abs=0.03)
    assert np.mean(layers > faint / 4 * ratio**4) == pytest.approx(0.01, abs=0.04)
    assert options["largest_gev"] == pytest.approx(layers.max(), rel=0.05)
    assert "deposit_sizes" not in options
