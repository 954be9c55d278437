"""Trials that several workers share through one folder, on one machine or on many.

Optuna's journal holds the trials.  Whoever works on one holds its lock, which the kernel lets go of
when the worker ends: a trial that runs and is not locked was left by a worker that died, and is the
next that anybody takes up, where its training stood.
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.pruners import BasePruner, MedianPruner, NopPruner, PatientPruner
from optuna.samplers import BaseSampler, CmaEsSampler, RandomSampler, TPESampler
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import Trial, TrialState

from caloforge.errors import InputError, OutputError
from caloforge.lock import hold
from caloforge.search.space import RecipeSpace, SearchSpace

PATIENCE = 3
"""Epochs without a new best after which a trial that is worse than others may end."""
STARTUP = 5
"""Trials that are drawn at random, and never pruned, before the sampler and pruner know enough."""
TAIL_BYTES = 4096
"""How much of a journal's end is read at a time in search of its last whole line."""

Say = Callable[[str], None]


class JournalLock:
    """Optuna's lock around a write to the journal; a killed worker cannot leave it locked.

    What a worker that was killed in the middle of a line has left of it is cut off before anything
    is written behind it, and told to ``say``.
    """

    def __init__(self, journal: Path, say: Say) -> None:
        self.journal, self.say = journal, say
        self.path = journal.with_suffix(".lock")
        self.held: IO[str] | None = None

    def acquire(self) -> bool:
        """Wait for the lock."""
        self.held = hold(self.path, wait=float("inf"))
        torn = _cut_torn_line(self.journal)
        if torn:
            self.say(f"{self.journal}: a torn last line ({torn} bytes) was cut off")
        return True

    def release(self) -> None:
        """Let the others write."""
        if self.held:
            self.held.close()


def _cut_torn_line(journal: Path) -> int:
    """Cut off what follows the last whole line; return how many bytes that were."""
    if not journal.exists():
        return 0
    with journal.open("r+b") as file:
        size = end = file.seek(0, os.SEEK_END)
        while end > 0:
            start = max(0, end - TAIL_BYTES)
            file.seek(start)
            newline = file.read(end - start).rfind(b"\n")
            if newline >= 0:
                end = start + newline + 1
                break
            end = start
        if end < size:
            file.truncate(end)
    return size - end


def _check_journal(journal: Path) -> None:
    """Refuse a journal with a line that is none of optuna's, naming it."""
    for number, line in enumerate(journal.read_bytes().splitlines(), start=1):
        try:
            json.loads(line)
        except ValueError:
            msg = (
                f"{journal} is damaged in line {number}: take that line out, and the search goes "
                "on without it"
            )
            raise InputError(msg) from None


class TrialQueue:
    """The trials of one search in one folder.

    ``say`` hears what was mended. Raises :class:`OutputError` for a folder that cannot be used,
    :class:`InputError` for a damaged journal.
    """

    def __init__(self, folder: Path, space: RecipeSpace, say: Say = lambda line: None) -> None:
        self.folder, self.space, self.search = folder, space, space.search
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        warnings.simplefilter("ignore", ExperimentalWarning)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / "journal.log"
            lock = JournalLock(path, say)
            journal = JournalFileBackend(str(path), lock)  # type: ignore[arg-type]
            lock.acquire()
            lock.release()
            _check_journal(path)
        except OSError as problem:
            msg = f"cannot use {folder} as search folder: {problem.strerror}"
            raise OutputError(msg) from None
        self.study = optuna.create_study(
            storage=JournalStorage(journal),
            study_name="search",
            sampler=_sampler(self.search, 0),
            pruner=_pruner(self.search),
            load_if_exists=True,
        )
        if self.study.user_attrs.get("identity", space.identity) != space.identity:
            msg = f"{folder} holds another search: name a new folder"
            raise OutputError(msg)
        self.study.set_user_attr("identity", space.identity)

    @contextmanager
    def next(self) -> Iterator[Trial | None]:
        """A trial to work on inside the context, None where all are done or in good hands."""
        with hold(self.folder / "queue.lock", wait=float("inf")) or _never():
            trial, held = self._abandoned() or self._new() or (None, None)
        try:
            yield trial
        finally:
            if held:
                held.close()

    def folder_of(self, trial: Trial) -> Path:
        """Where a trial keeps its training."""
        return self.folder / f"trial-{trial.number:04}"

    def _abandoned(self) -> tuple[Trial, IO[str]] | None:
        for left in self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            held = hold(self._lock(left.number))
            if held:
                return Trial(self.study, left._trial_id), held
        return None

    def _new(self) -> tuple[Trial, IO[str]] | None:
        number = len(self.study.get_trials(deepcopy=False))
        if number == 0:
            self.study.enqueue_trial(self.space.values_of_the_recipe())
        waiting = self.study.get_trials(deepcopy=False, states=(TrialState.WAITING,))
        if waiting:
            number = waiting[0].number
        elif number >= self.search.trials:
            return None
        held = hold(self._lock(number)) or _never()
        self.study.sampler = _sampler(self.search, number)
        return self.study.ask(), held

    def _lock(self, number: int) -> Path:
        return self.folder / f"trial-{number:04}.lock"


def _never() -> IO[str]:
    msg = "a lock that nobody else can hold is held"
    raise AssertionError(msg)


def _sampler(search: SearchSpace, number: int) -> BaseSampler:
    """A sampler for one trial: workers draw other trials, and the same ones in another search."""
    seed = 1000 * search.seed + number
    if search.sampler == "random":
        return RandomSampler(seed=seed)
    startup = min(STARTUP, search.trials)
    if search.sampler == "cmaes":
        return CmaEsSampler(n_startup_trials=startup, seed=seed, warn_independent_sampling=False)
    return TPESampler(n_startup_trials=startup, multivariate=True, constant_liar=True, seed=seed)


def _pruner(search: SearchSpace) -> BasePruner:
    if search.pruner == "none":
        return NopPruner()
    # Single epochs of a GAN say little: the best of all epochs, and of the last few, are compared.
    return PatientPruner(MedianPruner(n_startup_trials=STARTUP, n_min_trials=STARTUP), PATIENCE)
