"""The symmetries of a shower sample, as laws on arrays.

A perpendicular shower (theta = pi/2) in square pads looks as likely after any of the eight
symmetries of the square in x-y.  An inclined one in the y-z plane keeps two mirrors: x -> -x, and
y -> -y with theta -> pi - theta.  In a cylinder every turn by sectors is as likely, and its mirror.

An image of even size may have its showers in the pad behind its middle: then all but its first row
of pads is as symmetric, and that row, the farthest of all, stays as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd

import numpy as np

from caloforge.typing import FloatArray, IntArray

SQUARE = 8
"""Elements of the symmetry group of the square."""


def square_symmetry(cells: FloatArray, element: int) -> FloatArray:
    """Showers (N, X, Y, Z) with X = Y under one of the eight symmetries of the square.

    Elements 0-3 turn by as many quarters in x-y; 4-7 mirror x first.

    >>> cells = np.arange(4.0, dtype=np.float32).reshape(1, 2, 2, 1)
    >>> [square_symmetry(cells, k).ravel().astype(int).tolist() for k in (0, 1, 4)]
    [[0, 1, 2, 3], [1, 3, 0, 2], [2, 3, 0, 1]]
    """
    turned = cells[:, ::-1] if element >= 4 else cells
    return np.rot90(turned, element % 4, axes=(1, 2))


def mirror_x(cells: FloatArray) -> FloatArray:
    """Showers with x -> -x, which inclined showers in the y-z plane do not feel."""
    return cells[:, ::-1]


def mirror_y(cells: FloatArray, theta: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Showers with y -> -y, and the theta (rad) that they then have: pi - theta."""
    return cells[:, :, ::-1], np.float32(np.pi) - theta


def augment_square(cells: FloatArray, elements: IntArray) -> FloatArray:
    """Each shower under its own element (N,) of the square's symmetries; a new array."""
    turned = np.empty_like(cells)
    for element in range(SQUARE):
        rows = np.flatnonzero(elements == element)
        turned[rows] = square_symmetry(cells[rows], element)
    return turned


def augment_mirror(
    cells: FloatArray, theta: FloatArray, elements: IntArray
) -> tuple[FloatArray, FloatArray]:
    """Each shower under its own mirrors (N,): bit 0 mirrors x, bit 1 mirrors y; new arrays."""
    mirrored, angles = cells.copy(), theta.copy()
    in_x, in_y = (elements & 1).astype(bool), (elements & 2).astype(bool)
    mirrored[in_x] = mirror_x(mirrored[in_x])
    mirrored[in_y], angles[in_y] = mirror_y(mirrored[in_y], angles[in_y])
    return mirrored, angles


def turns(sectors: Sequence[int]) -> int:
    """By how many parts of a circle layers of so many sectors can all be turned.

    >>> turns([16, 16]), turns([1, 10])
    (16, 1)
    """
    return gcd(*sectors)


def augment_circle(cells: FloatArray, sectors: Sequence[int], elements: IntArray) -> FloatArray:
    """Showers in rings (N, X, Y, Z) each turned, and mirrored, by its own element (N,); new array.

    ``sectors`` (Z,): of each layer.  Element 2 k + 1 mirrors phi -> -phi after k of the ``turns``.
    """
    shown = np.zeros_like(cells)
    part, mirrored = np.divmod(elements[:, None], 2)
    for count in set(sectors):
        layers = np.flatnonzero(np.asarray(sectors) == count)
        place = np.arange(count)
        turned = np.where(mirrored, count - 1 - place, place)
        source = (turned - part * (count // turns(sectors))) % count
        picked = np.take_along_axis(cells[..., layers], source[:, None, :, None], axis=2)
        shown[:, :, :count, layers] = picked
    return shown


def symmetries(
    kind: str, n: int, rng: np.random.Generator, sectors: Sequence[int] = ()
) -> IntArray:
    """Random elements (n,) of the symmetries of a ``kind`` "none", "square", "mirror" or "circle".

    ``sectors`` (Z,): of each layer of a cylinder.
    """
    sizes = {"none": 1, "square": SQUARE, "mirror": 4, "circle": 2 * turns(sectors)}
    return rng.integers(0, sizes[kind], n)


def augment(
    kind: str,
    cells: FloatArray,
    theta: FloatArray,
    elements: IntArray,
    sectors: Sequence[int] = (),
    beside: tuple[int, int] = (0, 0),
) -> tuple[FloatArray, FloatArray]:
    """Showers each under its own element (N,) of the symmetries of a ``kind``.

    ``beside``: pads along x and y before the part of the image that is symmetric.
    """
    if beside != (0, 0):
        whole = cells.copy()
        inner = np.s_[:, beside[0] :, beside[1] :]
        whole[inner], theta = augment(kind, cells[inner], theta, elements)
        return whole, theta
    if kind == "square":
        return augment_square(cells, elements), theta
    if kind == "mirror":
        return augment_mirror(cells, theta, elements)
    if kind == "circle":
        return augment_circle(cells, sectors, elements), theta
    return cells, theta
