import numpy as np
import pytest

pytest.importorskip("torch")

from caloforge.physics.observables import deposited_energy
from caloforge.train.augment import (
    SQUARE,
    augment,
    augment_circle,
    augment_mirror,
    augment_square,
    mirror_x,
    mirror_y,
    square_symmetry,
    symmetries,
)


@pytest.fixture
def cells():
    return np.random.default_rng(0).random((SQUARE, 5, 5, 3)).astype(np.float32)


def test_the_square_has_eight_different_symmetries_that_form_a_group(cells):
    images = [square_symmetry(cells, k).tobytes() for k in range(SQUARE)]
    assert len(set(images)) == SQUARE
    for first in range(SQUARE):
        for second in range(SQUARE):
            both = square_symmetry(square_symmetry(cells, first), second)
            assert both.tobytes() in images


def test_symmetries_keep_layers_and_the_central_cell(cells):
    for k in range(SQUARE):
        turned = square_symmetry(cells, k)
        assert np.allclose(turned.sum(axis=(1, 2)), cells.sum(axis=(1, 2)))
        assert np.array_equal(turned[:, 2, 2], cells[:, 2, 2])


def test_each_shower_gets_its_own_symmetry(cells):
    elements = np.arange(SQUARE)[::-1]
    turned = augment_square(cells, elements)
    for row, element in enumerate(elements):
        assert np.array_equal(turned[row], square_symmetry(cells[row : row + 1], element)[0])


def test_mirrors_are_their_own_inverse_and_y_turns_theta(cells):
    theta = np.linspace(1.1, 2.0, SQUARE, dtype=np.float32)
    assert np.array_equal(mirror_x(mirror_x(cells)), cells)
    mirrored, angles = mirror_y(cells, theta)
    assert np.array_equal(mirrored[:, 0, 0], cells[:, 0, -1])
    assert np.allclose(angles - np.pi / 2, np.pi / 2 - theta, atol=1e-6)
    back, again = mirror_y(mirrored, angles)
    assert np.array_equal(back, cells) and np.allclose(again, theta, atol=1e-6)


def test_mirror_augmentation_follows_its_bits(cells):
    theta = np.full(SQUARE, 1.2, np.float32)
    mirrored, angles = augment_mirror(cells, theta, np.array([0, 1, 2, 3, 0, 0, 0, 0]))
    assert np.array_equal(mirrored[0], cells[0]) and np.array_equal(mirrored[1], cells[1, ::-1])
    assert np.array_equal(mirrored[2], cells[2, :, ::-1])
    assert np.array_equal(mirrored[3], cells[3, ::-1, ::-1])
    assert np.allclose(angles[:4], [1.2, 1.2, np.pi - 1.2, np.pi - 1.2])


@pytest.mark.parametrize("kind", ["none", "square", "mirror"])
def test_augmentation_keeps_the_energy_and_is_seeded(cells, kind):
    theta = np.full(SQUARE, np.pi / 2, np.float32)
    drawn = [symmetries(kind, SQUARE, np.random.default_rng(5)) for _ in range(2)]
    once, twice = (augment(kind, cells, theta, elements)[0] for elements in drawn)
    assert np.array_equal(once, twice)
    assert np.allclose(deposited_energy(once), deposited_energy(cells))


@pytest.mark.parametrize("kind", ["square", "mirror"])
def test_what_is_beside_the_symmetric_part_stays(kind):
    cells = np.random.default_rng(1).random((SQUARE, 6, 6, 2)).astype(np.float32)
    theta, elements = np.full(SQUARE, 1.3, np.float32), np.arange(SQUARE) % 4
    whole, angles = augment(kind, cells, theta, elements, beside=(1, 1))
    inner, expected = augment(kind, cells[:, 1:, 1:], theta, elements)
    assert np.array_equal(whole[:, 1:, 1:], inner) and np.array_equal(angles, expected)
    assert np.array_equal(whole[:, 0], cells[:, 0])
    assert np.array_equal(whole[:, :, 0], cells[:, :, 0])
    assert not np.array_equal(whole, cells)


def test_turns_and_their_mirrors_go_round_the_circle(cells):
    sectors = [5, 5, 5]
    turned = augment_circle(cells, sectors, np.array([0, 2, 8, 1, 3, 0, 0, 0]))
    assert np.array_equal(turned[0], cells[0])
    assert np.array_equal(turned[1], np.roll(cells[1], 1, axis=1))
    assert np.array_equal(turned[2], np.roll(cells[2], -1, axis=1))
    assert np.array_equal(turned[3], cells[3, :, ::-1])
    again = augment_circle(turned, sectors, np.array([0, 8, 2, 1, 3, 0, 0, 0]))
    assert np.array_equal(again, cells)


def test_layers_of_other_sectors_are_turned_by_the_same_angle(cells):
    shown = np.zeros((1, 2, 6, 2), np.float32)
    shown[0, :, :, 0], shown[0, 0, :2, 1] = np.arange(6), [7.0, 8.0]
    turned = augment_circle(shown, [6, 2], np.array([2]))
    assert np.array_equal(turned[0, 0, :, 0], np.roll(np.arange(6), 3))
    assert np.array_equal(turned[0, 0, :, 1], [8.0, 7.0, 0, 0, 0, 0])
    elements = symmetries("circle", 1000, np.random.default_rng(1), [6, 2])
    assert set(elements.tolist()) == {0, 1, 2, 3}
