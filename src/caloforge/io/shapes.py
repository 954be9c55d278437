"""Shapes in which files keep one thing: with an axis of one channel, as columns, flat."""

from caloforge.detector import Detector, bundled_detectors, load_detector
from caloforge.errors import InputError
from caloforge.io.hdf5 import Column
from caloforge.typing import AnyArray


def bundled_with(shape: tuple[int, int, int]) -> Detector | None:
    """The first bundled detector that has a window of this shape (X, Y, Z)."""
    for name in bundled_detectors():
        detector = load_detector(name)
        if shape in [detector.cell_shape(window) for window in detector.windows]:
            return detector
    return None


def image_shape(cells: Column, axes: str) -> tuple[int, int, int]:
    """The three axes of rows of cells, which may have an axis of one channel, first or last.

    Raises
    ------
    InputError
        if there are more or fewer; ``axes`` names them in the message.
    """
    shape = cells.shape[1:]
    if len(shape) == 4 and shape[-1] == 1:
        shape = shape[:-1]
    elif len(shape) == 4 and shape[0] == 1:
        shape = shape[1:]
    if len(shape) != 3 or 0 in shape:
        msg = f"{cells.path}: {cells.name} must have the shape (N, {axes}), got {cells.shape}"
        raise InputError(msg)
    return shape[0], shape[1], shape[2]


def scalar_per_shower(values: AnyArray) -> AnyArray:
    """(N,) of (N, 1), (N, 1, 1), ...; other shapes as they are."""
    return values.reshape(len(values)) if values.size == len(values) else values
