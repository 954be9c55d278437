"""Training batches: from memory or streamed, always in a repeatable order.

The order of an epoch is a pure function of (seed, epoch): runs of rows that are read together are
permuted, then rows are shuffled within groups that fit in memory.  Where an epoch is resumed in its
middle, the rows before it are neither read nor drawn.  Of several ranks, each brings its own rows
of the batches that one process would have.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import torch

from caloforge.errors import InputError
from caloforge.networks.base import Domain
from caloforge.networks.objective import Batch
from caloforge.ranks import group
from caloforge.scaling import ANGLE_TOLERANCE_RAD
from caloforge.showers import Showers
from caloforge.train.augment import augment, symmetries
from caloforge.train.files import ShowerFiles, energy_range, theta_range
from caloforge.train.recipe import DataOptions
from caloforge.typing import BoolArray, FloatArray, IntArray
from caloforge.units import degree

FEWEST_CENTRED, CENTRED_SHOWERS, LARGEST_OFFSET_PADS = 32, 256, 0.25
"""How many showers, at least and at most, tell whether all are centred, and how far their mean may
be from the middle."""
UPRIGHT_RAD = 0.1
"""Showers as upright as that are looked at along y: others may lie beside the middle for their
angle."""
MEMORY_SHARE = 0.5
"""Showers are kept in memory while they take less than this part of what is free."""


class TrainingData:
    """Training batches and validation showers of some files, split by the seed.

    Showers without energy are left out of both splits; ``empty`` counts them.

    Raises :class:`InputError` for bad values in the files, where the training split is smaller than
    one batch, and for an augmentation that is no symmetry of the showers.
    """

    def __init__(
        self, files: ShowerFiles, options: DataOptions, *, batch_size: int, seed: int
    ) -> None:
        self.files = files
        self.options, self.batch_size, self.seed = options, batch_size, seed
        self.rank_rows = group.rows_of_rank(batch_size)
        n = len(self.files)
        window = files.detector.window_of(files.shape)
        self.sectors = files.detector.sectors(window)
        held_out = np.random.default_rng([seed, 0]).permutation(n)[
            : max(2, round(n * options.validation_fraction))
        ]
        self.in_memory = self._load() if self._fits() else None
        filled = self._filled()
        self.empty = n - int(filled.sum())
        self.is_training = filled.copy()
        self.is_training[held_out] = False
        self.validation_rows: IntArray = np.sort(held_out[filled[held_out]])
        self.steps_per_epoch = options.passes * int(self.is_training.sum()) // batch_size
        if not self.steps_per_epoch:
            msg = (
                f"{n} showers ({self.empty} of them empty) leave {self.is_training.sum()} for "
                f"training: fewer than one batch of {batch_size}"
            )
            raise InputError(msg)
        if len(self.validation_rows) < 2:
            msg = f"{n} showers, {self.empty} of them empty, leave fewer than two to validate with"
            raise InputError(msg)
        self.beside = (0, 0)
        self._check_augmentation()

    def validation(self, limit: int) -> Showers:
        """At most ``limit`` showers of the validation split, always the same."""
        return self.files.read_rows(self.validation_rows[:limit])

    def domain(self) -> Domain:
        """Image shape, and ranges of the showers and of what the options say beside them."""
        files, options = self.files, self.options
        window = files.detector.window_of(files.shape)
        energies, angles = [energy_range(files.energy)], [theta_range(files.theta)]
        if options.energy_gev is not None:
            energies.append(options.energy_gev)
        if options.theta_deg is not None:
            low, high = options.theta_deg
            angles.append((low * degree, high * degree))
        return Domain.of(files.detector, window, _joined(energies), _joined(angles))

    def batches(self, epoch: int, first_step: int = 0) -> Iterator[Callable[[], Batch]]:
        """What makes the batches of an epoch from ``first_step`` on, augmented: those that are not
        asked for cost nothing where the showers are in memory."""
        for step, showers in enumerate(self._slices(epoch, first_step), start=first_step):
            yield partial(self._augmented, showers, epoch, step)

    def _augmented(self, showers: Callable[[], Showers], epoch: int, step: int) -> Batch:
        read, rng = showers(), np.random.default_rng([self.seed, 3, epoch, step])
        kind, sectors = self.options.augment, self.sectors
        elements = symmetries(kind, self.batch_size, rng, sectors)[self.rank_rows]
        cells, theta = augment(kind, read.cells, read.theta, elements, sectors, self.beside)
        return Batch(
            torch.from_numpy(np.ascontiguousarray(cells)),
            torch.from_numpy(read.energy.copy()),
            torch.from_numpy(theta.copy()),
        )

    def groups(self, epoch: int) -> list[IntArray]:
        """Training rows in the epoch's order, in groups that are read and shuffled together."""
        first = epoch * self.options.passes
        passes = range(first, first + self.options.passes)
        return [rows for number in passes for rows in self._pass(number)]

    def _pass(self, number: int) -> list[IntArray]:
        """Every training row once, as in :meth:`groups`."""
        rng = np.random.default_rng([self.seed, 2, number])
        runs = self.files.runs()
        together = max(1, self.options.shuffle_showers // self.files.run_rows)
        order = rng.permutation(len(runs))
        groups = []
        for first in range(0, len(runs), together):
            rows = np.concatenate([np.arange(*runs[i]) for i in order[first : first + together]])
            groups.append(rng.permutation(rows[self.is_training[rows]]))
        return groups

    def _slices(self, epoch: int, first_step: int) -> Iterator[Callable[[], Showers]]:
        """What reads this rank's rows of each batch."""
        groups = self._own_rows(epoch, first_step)
        size = self.rank_rows.stop - self.rank_rows.start
        if self.in_memory is None:
            for showers in self._streamed(groups, size):
                yield partial(lambda read: read, showers)
            return
        order = np.concatenate(groups)
        for start in range(0, len(order), size):
            yield partial(self.in_memory.__getitem__, order[start : start + size])

    def _own_rows(self, epoch: int, first_step: int) -> list[IntArray]:
        """The rows of :meth:`groups` that stand in this rank's part of a batch still to come."""
        place, found = 0, []
        for rows in self.groups(epoch):
            step, seat = np.divmod(place + np.arange(len(rows)), self.batch_size)
            place += len(rows)
            to_come = (first_step <= step) & (step < self.steps_per_epoch)
            found.append(
                rows[to_come & (self.rank_rows.start <= seat) & (seat < self.rank_rows.stop)]
            )
        return found

    def _streamed(self, groups: list[IntArray], size: int) -> Iterator[Showers]:
        """Batches read group by group; the next group is read while this one is used."""
        wanted = [rows for rows in groups if len(rows)]
        left = None
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
        size = 4 * len(self.files) * int(np.prod(self.files.shape)) * group.local_size()
        return size < MEMORY_SHARE * _free_memory()

    def _load(self) -> Showers:
        files = self.files
        cells = np.empty((len(files), *files.shape), dtype=np.float32)
        for start, stop in files.runs():
            cells[start:stop] = files.read_run(start, stop).cells
        return Showers(
            cells, files.energy, files.theta, files.detector, files.particle, files.calibration
        )

    def _filled(self) -> BoolArray:
        """Which showers (N,) have energy in their cells; those that have none teach nothing."""
        if self.in_memory is not None:
            return _with_energy(self.in_memory.cells)
        found: BoolArray = group.from_first(self._read_filled)
        return found

    def _read_filled(self) -> BoolArray:
        runs = (self.files.read_run(*run).cells for run in self.files.runs())
        return np.concatenate([_with_energy(cells) for cells in runs])

    def _centred(self) -> tuple[int, int]:
        """Pads along x and y before the part of the image that the showers are in the middle of:
        none, or one of an even number.

        Raises :class:`InputError` where they lie elsewhere.
        """
        upright = np.abs(self.files.theta - np.pi / 2) < UPRIGHT_RAD
        any_angle, along_y = (
            np.flatnonzero(rows)[:CENTRED_SHOWERS]
            for rows in (self.is_training, self.is_training & upright)
        )
        if len(any_angle) < FEWEST_CENTRED:
            return 0, 0
        x = self._before(any_angle, 1, "x")
        if len(along_y) < FEWEST_CENTRED:
            return x, x * (self.files.shape[1] % 2 == 0)
        return x, self._before(along_y, 2, "y")

    def _before(self, rows: IntArray, axis: int, name: str) -> int:
        """:meth:`_centred` along one axis, as some rows say."""
        showers = self.in_memory[rows] if self.in_memory else self.files.read_rows(rows)
        size = showers.cells.shape[axis]
        profile = showers.cells.sum(axis=tuple({1, 2, 3} - {axis}), dtype=np.float64)
        place = profile @ (np.arange(size) - 0.5 * (size - 1)) / profile.sum(axis=1)
        mean, error = place.mean(), place.std() / np.sqrt(len(place))
        before = int(size % 2 == 0 and mean > LARGEST_OFFSET_PADS)
        if abs(mean - 0.5 * before) > max(LARGEST_OFFSET_PADS, 5 * error):
            msg = (
                f'augment = "{self.options.augment}" mirrors images about their middle, or the '
                f"pad behind it, but showers lie {mean:+.2f} pads from it in {name}: "
                f'use "none", or images centred on the showers'
            )
            raise InputError(msg)
        return before

    def _check_augmentation(self) -> None:
        x, y, _ = self.files.shape
        kind, readout = self.options.augment, self.files.detector.readout
        if kind == "none":
            return
        if (kind == "circle") != (readout == "cylinder"):
            meant, other = ("rings", "square") if kind == "circle" else ("pads", "circle")
            msg = (
                f'augment = "{kind}" turns {meant}, got the readout "{readout}": '
                f'use "{other}" or "none"'
            )
            raise InputError(msg)
        if kind == "circle":
            return
        pad_x, pad_y = self.files.detector.pad_mm
        tilted = bool((np.abs(self.files.theta - np.pi / 2) > ANGLE_TOLERANCE_RAD).any())
        if kind == "square" and (x != y or pad_x != pad_y or tilted):
            msg = (
                f'augment = "square" needs perpendicular showers in square images, got {x} x {y} '
                f"pads of {pad_x:g} x {pad_y:g} mm with theta up to "
                f'{self.files.theta.max():.3f} rad: use "mirror" or "none"'
            )
            raise InputError(msg)
        self.beside = self._centred()
        if kind == "square" and self.beside[0] != self.beside[1]:
            msg = (
                'augment = "square" needs showers in one place along x and y, got the middle along '
                'one and the pad behind it along the other: use "mirror" or "none"'
            )
            raise InputError(msg)


def _joined(ranges: list[tuple[float, float]]) -> tuple[float, float]:
    """The range that holds them all."""
    lows, highs = zip(*ranges, strict=True)
    return min(lows), max(highs)


def _with_energy(cells: FloatArray) -> BoolArray:
    filled: BoolArray = np.any(cells.reshape(len(cells), -1), axis=1)
    return filled


def _free_memory() -> int:
    return int(os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
