"""Training showers: any number of files, larger than memory if need be, in a repeatable order.

The order of an epoch is a pure function of (seed, epoch): runs of rows that are read together are
permuted, then rows are shuffled within groups that fit in memory.  Where an epoch is resumed in its
middle, the rows before it are neither read nor drawn.
"""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch

from caloforge.detector import Detector
from caloforge.errors import InputError
from caloforge.io import open_showers
from caloforge.models.base import Domain
from caloforge.provenance import file_digest
from caloforge.showers import Showers
from caloforge.train.augment import augment
from caloforge.train.objective import Batch, DataSummary
from caloforge.train.recipe import DataOptions
from caloforge.typing import FloatArray, IntArray
from caloforge.units import degree

READ_ROWS = 256
FEW_ROWS = 8
"""From a run of rows so few are read one by one, more of them with the whole run."""
SUMMARY_SHOWERS = 1024
MEMORY_SHARE = 0.5
"""Showers are kept in memory while they take less than this part of what is free."""


class ShowerFiles:
    """Rows of several shower files as one sequence; at most ``limit`` rows of each file.

    ``detector`` is needed where the files do not tell theirs.
    """

    def __init__(
        self, paths: Sequence[Path], limit: int | None = None, detector: Detector | None = None
    ) -> None:
        self.paths, self.given = list(paths), detector
        lengths, energies, thetas = [], [], []
        for path in self.paths:
            with open_showers(path, detector) as stored:
                rows = len(stored) if limit is None else min(limit, len(stored))
                lengths.append(rows)
                energies.append(stored.energy[:rows])
                thetas.append(stored.theta[:rows])
                found = (stored.detector, stored.cell_shape)
            if path is self.paths[0]:
                self.detector, self.shape = found
            elif (found[0].digest, found[1]) != (self.detector.digest, self.shape):
                msg = f"{path} and {self.paths[0]} differ in detector or image shape"
                raise InputError(msg)
        self.energy, self.theta = np.concatenate(energies), np.concatenate(thetas)
        self.starts = np.concatenate([[0], np.cumsum(lengths)])

    def __len__(self) -> int:
        return int(self.starts[-1])

    def description(self) -> dict[str, Any]:
        """Name of each file -> its digest and the number of showers taken from it."""
        counts = np.diff(self.starts)
        return {
            path.name: {"digest": file_digest(path), "showers": int(count)}
            for path, count in zip(self.paths, counts, strict=True)
        }

    def read_run(self, start: int, stop: int) -> Showers:
        """Rows [start, stop) of the sequence, which must lie in one file."""
        index = int(np.searchsorted(self.starts, start, side="right")) - 1
        with open_showers(self.paths[index], self.given) as stored:
            offset = int(self.starts[index])
            return stored.read(start - offset, stop - offset)

    def runs(self) -> list[tuple[int, int]]:
        """Runs [start, stop) of rows that are read together; none crosses a file's end."""
        bounds: list[tuple[int, int]] = []
        for first, last in itertools.pairwise(self.starts):
            cuts = [*range(int(first), int(last), READ_ROWS), int(last)]
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


class TrainingData:
    """Training batches and validation showers of some files, split by the seed.

    Raises :class:`InputError` for bad values in the files, and where the training split is smaller
    than one batch.
    """

    def __init__(
        self, files: ShowerFiles, options: DataOptions, *, batch_size: int, seed: int
    ) -> None:
        self.files = files
        self.options, self.batch_size, self.seed = options, batch_size, seed
        n = len(self.files)
        held_out = np.random.default_rng([seed, 0]).permutation(n)[
            : max(2, round(n * options.validation_fraction))
        ]
        self.is_training = np.ones(n, dtype=bool)
        self.is_training[held_out] = False
        self.validation_rows: IntArray = np.sort(held_out)
        self.steps_per_epoch = int(self.is_training.sum()) // batch_size
        if not self.steps_per_epoch:
            msg = (
                f"{n} showers leave {self.is_training.sum()} for training: "
                f"fewer than one batch of {batch_size}"
            )
            raise InputError(msg)
        self._check_augmentation()
        self.in_memory = self._load() if self._fits() else None

    def validation(self, limit: int) -> Showers:
        """At most ``limit`` showers of the validation split, always the same."""
        return self.files.read_rows(self.validation_rows[:limit])

    def summary(self) -> DataSummary:
        """What an objective may know beforehand."""
        files, rows = self.files, np.flatnonzero(self.is_training)
        some = np.random.default_rng([self.seed, 1]).permutation(rows)[:SUMMARY_SHOWERS]
        x, y, z = files.shape
        domain = Domain(
            shape=(x, y, z),
            energy_range_gev=energy_range(files.energy),
            theta_range_rad=theta_range(files.theta),
        )
        sample = self.in_memory[some] if self.in_memory else files.read_rows(np.sort(some))
        return DataSummary(domain, len(rows), sample)

    def batches(self, epoch: int, first_step: int = 0) -> Iterator[Batch]:
        """The batches of an epoch from ``first_step`` on, augmented."""
        for step, showers in enumerate(self._slices(epoch, first_step), start=first_step):
            rng = np.random.default_rng([self.seed, 3, epoch, step])
            cells, theta = augment(self.options.augment, showers.cells, showers.theta, rng)
            yield Batch(
                torch.from_numpy(np.ascontiguousarray(cells)),
                torch.from_numpy(showers.energy.copy()),
                torch.from_numpy(theta.copy()),
            )

    def groups(self, epoch: int) -> list[IntArray]:
        """Training rows in the epoch's order, in groups that are read and shuffled together."""
        rng = np.random.default_rng([self.seed, 2, epoch])
        runs = self.files.runs()
        together = max(1, self.options.shuffle_showers // READ_ROWS)
        order = rng.permutation(len(runs))
        groups = []
        for first in range(0, len(runs), together):
            rows = np.concatenate([np.arange(*runs[i]) for i in order[first : first + together]])
            groups.append(rng.permutation(rows[self.is_training[rows]]))
        return groups

    def _slices(self, epoch: int, first_step: int) -> Iterator[Showers]:
        groups, size = self.groups(epoch), self.batch_size
        if self.in_memory is not None:
            order = np.concatenate(groups)
            for step in range(first_step, self.steps_per_epoch):
                yield self.in_memory[order[step * size : (step + 1) * size]]
            return
        yield from self._streamed(groups, first_step * size)

    def _streamed(self, groups: list[IntArray], skip: int) -> Iterator[Showers]:
        """Batches read group by group; the next group is read while this one is used."""
        wanted = []
        for rows in groups:
            wanted.append(rows[min(skip, len(rows)) :])
            skip -= min(skip, len(rows))
        wanted = [rows for rows in wanted if len(rows)]
        size, left = self.batch_size, None
        with ThreadPoolExecutor(1) as reader:
            ahead = reader.submit(self.files.read_rows, wanted[0])
            for index in range(len(wanted)):
                showers = ahead.result()
                if index + 1 < len(wanted):
                    ahead = reader.submit(self.files.read_rows, wanted[index + 1])
                showers = showers if left is None else Showers.concatenate([left, showers])
                whole = len(showers) // size * size
                for start in range(0, whole, size):
                    yield showers[start : start + size]
                left = showers[whole:] if whole < len(showers) else None

    def _fits(self) -> bool:
        if self.options.cache != "auto":
            return self.options.cache == "memory"
        size = 4 * len(self.files) * int(np.prod(self.files.shape))
        return size < MEMORY_SHARE * _free_memory()

    def _load(self) -> Showers:
        files = self.files
        cells = np.empty((len(files), *files.shape), dtype=np.float32)
        for start, stop in files.runs():
            cells[start:stop] = files.read_run(start, stop).cells
        return Showers(cells, files.energy, files.theta, files.detector)

    def _check_augmentation(self) -> None:
        x, y, _ = self.files.shape
        tilted = bool((np.abs(self.files.theta - np.pi / 2) > 1e-3).any())
        if self.options.augment == "square" and (x != y or tilted):
            msg = (
                f'augment = "square" needs perpendicular showers in square images, got {x} x {y} '
                f'with theta up to {self.files.theta.max():.3f} rad: use "mirror" or "none"'
            )
            raise InputError(msg)


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


def _free_memory() -> int:
    return int(os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
