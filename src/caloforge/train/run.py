"""The run folder: what a training leaves, and from which it resumes exactly.

======================  ==========================================================================
``run.json``            recipe, data digests, detector and domain: the identity of the training
``checkpoint``          ``checkpoint.safetensors``: everything that the next step depends on
``best``                ``best.safetensors``: the generator of the best epoch, self-contained
``log.jsonl``           losses and validation numbers, a line each; ``tensorboard/`` the same
``lock``                held by the process that trains here
``record.json``         configuration, inputs, versions and seconds, when the training is complete
======================  ==========================================================================
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from caloforge.atomic import replacing
from caloforge.errors import InputError, OutputError, TrainingError
from caloforge.lock import hold
from caloforge.networks.objective import Objective
from caloforge.ranks import group
from caloforge.train.checkpoint import BEST, CHECKPOINT, load_state, not_finite, save_state
from caloforge.train.recipe import Recipe

MAY_DIFFER = ("epochs", "log_every_steps", "checkpoint_every_seconds")
"""Training options that a resumed run may change."""
SAID_LATER = ("particle", "calibration")
"""What the descriptions of older run folders do not have."""
LOCK = "lock"
"""File that the process which trains in the folder holds."""
IGNORED = (".partial", ".log")
"""Endings of files that may be in a new run folder."""
PATIENCE_SECONDS = 10.0
"""Ranks whose launcher was killed need a moment to end."""


@dataclass
class Progress:
    """Where a training stands: ``step`` steps into ``epoch`` are done, ``seconds`` were spent.

    ``phase``: what the epoch does, or that the weights of its end have been measured.
    """

    phase: Literal["training", "measuring", "measured"] = "training"
    epoch: int = 0
    step: int = 0
    seconds: float = 0.0
    best_epoch: int = -1
    best_score: float = float("inf")
    sums: dict[str, float] = field(default_factory=dict)
    summed: int = 0


class RunFolder:
    """A training's folder, new or to be continued.  Of several ranks, the first keeps it.

    Raises :class:`OutputError` where the folder cannot be written, holds something else, or holds
    the training of another recipe or other data.
    """

    def __init__(self, path: Path, recipe: Recipe, description: dict[str, Any]) -> None:
        self.path, self.identity = path, path / "run.json"
        self.checkpoint, self.best = path / CHECKPOINT, path / BEST
        self.description = {"recipe": recipe.model_dump(mode="json"), **description}
        group.from_first(self._check)

    def _check(self) -> None:
        """Refuse a folder that holds something else; nothing in it is changed."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            present = {p.name for p in self.path.iterdir() if p.suffix not in IGNORED} - {LOCK}
        except OSError as problem:
            msg = f"cannot use {self.path} as run folder: {problem.strerror}"
            raise OutputError(msg) from None
        if self.identity.name in present:
            self._compare(self._stored(self.identity))
        elif present:
            msg = f"{self.path} is not a training run and not empty: name a new folder"
            raise OutputError(msg)

    def _stored(self, identity: Path) -> dict[str, Any]:
        try:
            stored: dict[str, Any] = json.loads(identity.read_text())
        except (OSError, ValueError) as problem:
            msg = f"{identity} is damaged, name a new folder: {problem}"
            raise OutputError(msg) from None
        return stored

    def _compare(self, stored: dict[str, Any]) -> None:
        stored = {key: self.description[key] for key in SAID_LATER} | stored
        stored["recipe"] = _completed(stored.get("recipe"))
        theirs, ours = _identity(stored), _identity(self.description)
        different = [key for key in sorted({*theirs, *ours}) if theirs.get(key) != ours.get(key)]
        if different:
            key = different[0]
            msg = (
                f"{self.path} holds another training: {key} is {theirs.get(key)!r} there and "
                f"{ours.get(key)!r} here; name a new folder"
            )
            raise OutputError(msg)

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Keep other trainings out, and say in the folder what is trained in it.

        Raises :class:`OutputError` where one is at work, or has been since the folder was checked.
        """
        if group.rank() > 0:
            yield
            return
        held = hold(self.path / LOCK, wait=PATIENCE_SECONDS)
        if held is None:
            msg = f"another process is training in {self.path}: wait for it, or name a new folder"
            raise OutputError(msg)
        with held:
            self._check()
            with replacing(self.identity) as partial:
                partial.write_text(json.dumps(self.description, indent=2) + "\n")
            yield

    def resume(self, objective: Objective) -> Progress:
        """Load the last checkpoint into the objective, if there is one.

        Raises :class:`InputError` where it is damaged, or not what the objective wrote.
        """
        path = self.checkpoint
        state = group.from_first(lambda: load_state(path) if path.exists() else None)
        if state is None:
            return Progress()
        try:
            objective.load_state_dict(state["objective"])
            return Progress(**state["progress"])
        except (KeyError, TypeError, ValueError, RuntimeError) as problem:
            msg = f"{path} is of another version of caloforge, name a new folder: {problem}"
            raise InputError(msg) from None

    def save(self, objective: Objective, progress: Progress) -> None:
        """Replace the checkpoint; :class:`TrainingError` if a weight is no longer a number."""
        state = objective.state_dict()
        wrong = not_finite(state)
        if wrong is not None:
            msg = (
                f"epoch {progress.epoch + 1}, step {progress.step}: {wrong} is not finite; "
                f"{self.last_good()}"
            )
            raise TrainingError(msg)
        save_state(self.checkpoint, {"objective": state, "progress": asdict(progress)})

    def save_best(self, objective: Objective, progress: Progress, floor: dict[str, float]) -> None:
        """Keep the generator with what is needed to rebuild it, and the floor of its score."""
        content = {"generator": objective.ema_generator.state_dict(), "progress": asdict(progress)}
        save_state(self.best, {**content, "floor": floor, "description": self.description})

    def last_good(self) -> str:
        """Half a sentence that says where the last good state is."""
        if self.checkpoint.exists():
            return f"the last good checkpoint is {self.checkpoint}"
        return "no checkpoint had been written yet"


def _completed(recipe: Any) -> Any:
    """A stored recipe with the options that have come since, which then have their defaults."""
    try:
        return Recipe.model_validate(recipe).model_dump(mode="json")
    except ValidationError:
        return recipe


def _identity(description: dict[str, Any]) -> dict[str, Any]:
    """The description as dotted keys, without what may differ when a run is resumed."""
    flat: dict[str, Any] = {}

    def visit(value: Any, place: str) -> None:
        if isinstance(value, dict):
            for key, item in value.items():
                visit(item, f"{place}.{key}" if place else key)
        else:
            flat[place] = value

    visit(description, "")
    return {k: v for k, v in flat.items() if k.removeprefix("recipe.training.") not in MAY_DIFFER}
