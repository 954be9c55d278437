"""Some rows of a sample, as a sample of its own: showers that are held out, or the others."""

from __future__ import annotations

import numpy as np

from caloforge.errors import InputError
from caloforge.io.sample import ShowerFile
from caloforge.typing import AnyArray, IntArray


def held_out_rows(n: int, share: float, seed: int) -> IntArray:
    """Rows, rising, of a share of n showers, drawn by the seed.

    Raises
    ------
    InputError
        if the share is not between 0 and 1, or leaves nothing on one side.

    >>> held_out_rows(10, 0.2, seed=1)
    array([5, 6])
    """
    count = round(n * share) if 0 < share < 1 else 0
    if not 0 < count < n:
        msg = f"a share of {n} showers must leave some on either side, got {share:g}"
        raise InputError(msg)
    return np.sort(np.random.default_rng([seed, n]).permutation(n)[:count])


class ChosenRows(ShowerFile):
    """The rows (N,), rising, of an open sample; closing it closes the sample."""

    LAYOUT = "chosen rows"

    def __init__(self, sample: ShowerFile, rows: IntArray) -> None:
        self.sample, self.rows, self.path, self.why = sample, rows, sample.path, sample.why
        self.attributes, self.known_detector = sample.attributes, sample.known_detector
        self.cell_shape, self.particle = sample.cell_shape, sample.particle
        self.calibration = sample.calibration

    def __len__(self) -> int:
        return len(self.rows)

    def close(self) -> None:
        """Close the sample."""
        self.sample.close()

    @property
    def compression(self) -> str:
        """As of the sample."""
        return self.sample.compression

    @property
    def block_rows(self) -> int:
        """Rows that span about one block of the sample."""
        return max(1, self.sample.block_rows * len(self.rows) // len(self.sample))

    @property
    def notes(self) -> list[str]:
        """As of the sample."""
        return self.sample.notes

    def _span(self, start: int, stop: int) -> tuple[int, int, IntArray]:
        """Rows of the sample from the first to the last that is chosen, and which of them are."""
        rows = self.rows[start:stop]
        first = int(rows[0])
        return first, int(rows[-1]) + 1, rows - first

    def _read_images(self, start: int, stop: int) -> AnyArray:
        first, end, chosen = self._span(start, stop)
        return self.sample._read_images(first, end)[chosen]

    def _energies(self, start: int, stop: int) -> AnyArray:
        first, end, chosen = self._span(start, stop)
        return self.sample._energies(first, end)[chosen]

    def _angles(self, start: int, stop: int) -> AnyArray:
        first, end, chosen = self._span(start, stop)
        return self.sample._angles(first, end)[chosen]

    def _azimuths(self, start: int, stop: int) -> AnyArray | None:
        first, end, chosen = self._span(start, stop)
        found = self.sample._azimuths(first, end)
        return None if found is None else found[chosen]

    def _impacts(self, start: int, stop: int) -> AnyArray | None:
        first, end, chosen = self._span(start, stop)
        found = self.sample._impacts(first, end)
        return None if found is None else found[chosen]
