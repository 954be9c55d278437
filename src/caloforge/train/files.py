"""Several shower files as one long sequence of rows."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from caloforge.detector import Detector
from caloforge.errors import InputError
from caloforge.io import open_showers
from caloforge.io.parts import sample_digest
from caloforge.showers import Showers
from caloforge.turn import in_plane
from caloforge.typing import FloatArray, IntArray
from caloforge.units import degree

FEW_ROWS = 8
"""From a run of rows so few are read one by one, more of them with the whole run."""


class ShowerFiles:
    """Rows of several shower files as one sequence; at most ``limit`` rows of each file.

    Showers lean in the y-z plane, and theta alone tells where.

    ``detector`` is needed where the files do not tell theirs.  ``run_rows``: rows that are read
    together.

    Raises :class:`InputError` for files that cannot be read or do not fit together.
    """

    run_rows = 256

    def __init__(
        self, paths: Sequence[Path], limit: int | None = None, detector: Detector | None = None
    ) -> None:
        self.paths, self.given = list(paths), detector
        lengths, energies, thetas = [], [], []
        for path in self.paths:
            with open_showers(path, detector) as stored:
                rows = len(stored) if limit is None else min(limit, len(stored))
                known = in_plane(stored.conditions[:rows], stored.detector, where=path)
                lengths.append(rows)
                energies.append(known.energy)
                thetas.append(known.theta)
                found = (stored.detector, stored.cell_shape)
                meant = (stored.particle, stored.calibration)
            if path is self.paths[0]:
                self.detector, self.shape = found
                self.particle, self.calibration = meant
            elif (found[0].digest, found[1]) != (self.detector.digest, self.shape):
                msg = f"{path} and {self.paths[0]} differ in detector or image shape"
                raise InputError(msg)
            elif meant != (self.particle, self.calibration):
                msg = (
                    f"{path} holds {meant[0]} showers ({meant[1]}), {self.paths[0]} "
                    f"{self.particle} ({self.calibration}): one model is trained on one kind"
                )
                raise InputError(msg)
        self.energy, self.theta = np.concatenate(energies), np.concatenate(thetas)
        self.starts = np.concatenate([[0], np.cumsum(lengths)])

    def __len__(self) -> int:
        return int(self.starts[-1])

    def description(self) -> dict[str, Any]:
        """Name of each file -> its digest and the number of showers taken from it.

        Files of one name in several folders are told apart by their paths.
        """
        names = Counter(path.name for path in self.paths)
        return {
            path.name if names[path.name] == 1 else str(path): {
                "digest": sample_digest(path),
                "showers": int(count),
            }
            for path, count in zip(self.paths, np.diff(self.starts), strict=True)
        }

    def read_run(self, start: int, stop: int) -> Showers:
        """Rows [start, stop) of the sequence, which must lie in one file."""
        index = int(np.searchsorted(self.starts, start, side="right")) - 1
        with open_showers(self.paths[index], self.given) as stored:
            offset = int(self.starts[index])
            showers = stored.read(start - offset, stop - offset)
        if showers.phi is None:
            return showers
        return replace(showers, theta=self.theta[start:stop], phi=None)

    def runs(self) -> list[tuple[int, int]]:
        """Runs [start, stop) of rows that are read together; none crosses a file's end."""
        bounds: list[tuple[int, int]] = []
        for first, last in itertools.pairwise(self.starts):
            cuts = [*range(int(first), int(last), self.run_rows), int(last)]
            bounds += list(itertools.pairwise(cuts))
        return bounds

    def read_rows(self, rows: IntArray) -> Showers:
        """Any rows, in the order given."""
        order = np.argsort(rows, kind="stable")
        ordered = rows[order]
        pieces = []
        for start, stop in self.runs():
            low, high = np.searchsorted(ordered, [start, stop])
            wanted = ordered[low:high]
            if len(wanted) > FEW_ROWS:
                pieces.append(self.read_run(start, stop)[wanted - start])
            else:
                pieces += [self.read_run(int(row), int(row) + 1) for row in wanted]
        inverse = np.empty_like(order)
        inverse[order] = np.arange(len(order))
        return Showers.concatenate(pieces)[inverse]


def energy_range(energy: FloatArray) -> tuple[float, float]:
    """Range of energies in GeV, rounded outwards to two significant digits.

    >>> energy_range(np.array([10.004, 499.6], dtype=np.float32))
    (10.0, 500.0)
    """
    low, high = float(energy.min()), float(energy.max())
    low_unit, high_unit = (10.0 ** (math.floor(math.log10(value)) - 1) for value in (low, high))
    return math.floor(low / low_unit) * low_unit, math.ceil(high / high_unit) * high_unit


def theta_range(theta: FloatArray) -> tuple[float, float]:
    """Range of angles in rad, rounded outwards to whole degrees unless there is only one angle.

    >>> [round(t / degree, 6) for t in theta_range(np.array([1.06, 2.08], dtype=np.float32))]
    [60.0, 120.0]
    """
    low, high = float(theta.min()), float(theta.max())
    if high - low < 1e-5:
        return low, high
    return math.floor(low / degree) * degree, math.ceil(high / degree) * degree
