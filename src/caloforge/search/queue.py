"""Trials that several workers share through one folder, on one machine or on many.

Optuna's journal holds the trials.  Whoever works on one holds its lock, which the kernel lets go of
when the worker ends: a trial that runs and is not locked was left by a worker that died, and is the
next that anybody takes up, where its training stood.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
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

from caloforge.errors import OutputError
from caloforge.lock import hold
from caloforge.search.space import SearchSpace, Space

PATIENCE = 3
"""Epochs without a new best after which a trial that is worse than others may end."""
STARTUP = 5
"""Trials that are drawn at random, and never pruned, before the sampler and pruner know enough."""


class JournalLock:
    """Optuna's lock around a write to the journal; a killed worker cannot leave it locked."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.held: IO[str] | None = None

    def acquire(self) -> bool:
        """Wait for the lock."""
        self.held = hold(self.path, wait=float("inf"))
        return True

    def release(self) -> None:
        """Let the others write."""
        if self.held:
            self.held.close()


class TrialQueue:
    """The trials of one search in one folder; raises :class:`OutputError` for a bad folder."""

    def __init__(self, folder: Path, space: Space) -> None:
        self.folder, self.space, self.search = folder, space, space.search
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        warnings.simplefilter("ignore", ExperimentalWarning)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            journal = JournalFileBackend(
                str(folder / "journal.log"),
                JournalLock(folder / "journal.lock"),  # type: ignore[arg-type]
            )
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
