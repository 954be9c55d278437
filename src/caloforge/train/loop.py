"""The training loop: batches into steps, steps into epochs, the best epoch into the run folder."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from caloforge.detector import Detector
from caloforge.errors import OutputError, TrainingError
from caloforge.networks.base import Domain
from caloforge.networks.objective import Batch, Measurement, TrainingPlan
from caloforge.networks.spec import build_objective
from caloforge.provenance import write_record
from caloforge.ranks import group
from caloforge.showers import Showers
from caloforge.train import transfer
from caloforge.train.data import TrainingData
from caloforge.train.device import chosen_device, on_device
from caloforge.train.files import ShowerFiles
from caloforge.train.log import RunLog
from caloforge.train.recipe import Recipe
from caloforge.train.reporter import TrainingReporter
from caloforge.train.run import Progress, RunFolder
from caloforge.train.teacher import Teacher
from caloforge.train.validation import Validator
from caloforge.typing import AskedDevice


@dataclass(frozen=True)
class Trained:
    """The end of a training: the best epoch (counted from 1), its validation number, and the same
    number between two halves of the validation showers (``floor``).

    Without an epoch that made showers, ``best_epoch`` is -1.
    """

    epochs: int
    best_epoch: int
    best_score: float
    floor: float
    seconds: float
    best: Path


class Training:
    """One recipe on some showers in one folder; :meth:`run` takes it to its last epoch.

    ``start``: a run folder or a model file whose weights it starts from, or what was read of one;
    ``taken`` is then the share of the generator's weights that was found there.  ``device``: "cpu",
    "cuda" or "auto"; a run may be resumed on another.

    Raises :class:`InputError` for bad showers, :class:`OutputError` for a folder that cannot be
    used, :class:`TrainingError` where a loss is no longer a number.
    """

    def __init__(
        self,
        recipe: Recipe,
        paths: Sequence[Path],
        folder: Path,
        reporter: TrainingReporter,
        detector: Detector | None = None,
        start: Path | transfer.Start | None = None,
        device: AskedDevice = "cpu",
    ) -> None:
        self.recipe, self.reporter = recipe, reporter
        options = recipe.training
        files = ShowerFiles(paths, recipe.data.max_showers, detector)
        self.data = TrainingData(
            files, recipe.data, batch_size=options.batch_size, seed=recipe.seed
        )
        domain = self.data.domain()
        showers = self.data.validation(options.validation_showers)
        self.teacher = self._teacher()
        parent = transfer.read_start(start) if isinstance(start, Path) else start
        self.folder = RunFolder(folder, recipe, self._description(domain, showers, parent))
        self.device = chosen_device(device, recipe.objective)
        plan = self._plan(domain)
        torch.manual_seed(recipe.seed)
        self.objective = build_objective(recipe.network, recipe.objective, plan)
        if self.teacher is not None:
            self.teacher.check_latent(self.objective.ema_generator)
        self.taken = None
        if parent is not None:
            self.taken = transfer.start_from(parent, self.objective, recipe, domain)
        self.validator = Validator(showers, recipe.seed)
        self.writes = group.rank() == 0
        self.log: RunLog | None = None
        self.clock = 0.0

    def _description(
        self, domain: Domain, showers: Showers, parent: transfer.Start | None
    ) -> dict[str, Any]:
        """What the run folder says of the training, beside its recipe."""
        found = {
            "data": group.from_first(self.data.files.description),
            "domain": domain.model_dump(mode="json"),
            "detector": showers.detector.model_dump(mode="json"),
            "window": showers.window,
            "particle": showers.particle,
            "calibration": showers.calibration.model_dump(mode="json"),
        }
        if self.teacher is not None:
            found["teacher"] = self.teacher.description
        if parent is not None:
            found["start"] = transfer.described(parent)
        return found

    def _plan(self, domain: Domain) -> TrainingPlan:
        options = self.recipe.training
        return TrainingPlan(
            domain=domain,
            epochs=self.recipe.trained_epochs,
            steps_per_epoch=self.data.steps_per_epoch,
            batch_size=options.batch_size,
            precision=options.precision,
            ema_decay=options.ema_decay,
            device=self.device,
        )

    def run(self) -> Trained:
        """Train to the end of the recipe's last epoch, resuming where it stood."""
        try:
            with group.contact(self.folder.last_good), self.folder.exclusive():
                progress = self._run()
        except OSError as problem:
            msg = f"cannot write to {self.folder.path}: {problem.strerror or problem}"
            raise OutputError(msg) from None
        return Trained(
            progress.epoch,
            progress.best_epoch,
            progress.best_score,
            self.validator.floor["floor"],
            progress.seconds,
            self.folder.best,
        )

    def _run(self) -> Progress:
        progress, trained = self.folder.resume(self.objective), self.recipe.trained_epochs
        if (progress.epoch < trained) != (progress.phase == "training"):
            progress.step = 0  # this epoch now does something else than when it was halted
        done = self._global_step(progress)
        last = self.recipe.training.epochs
        self.reporter.start(last, self.data.steps_per_epoch, self.data.batch_size, done)
        self.log = RunLog(self.folder.path, done, progress.epoch) if self.writes else None
        try:
            for _ in range(progress.epoch, trained):
                self._train_epoch(progress)
            if self.objective.measurement and progress.phase != "measured":
                self._measure(self.objective.measurement, progress)
        finally:
            if self.log:
                self.log.close()
        if self.writes:
            self._record(progress)
        return progress

    def _train_epoch(self, progress: Progress) -> None:
        """The rest of one epoch, its validation, and the checkpoint at its end."""
        objective, options = self.objective, self.recipe.training
        progress.phase = "training"
        objective.start_epoch(progress.epoch)
        for batch in self._batches(progress):
            values = group.averaged(objective.step(batch))
            self._count_step(progress)
            self._check(values, progress)
            _add(progress, values)
            if progress.summed == options.log_every_steps:
                self._log_losses(progress)
            self.reporter.step(progress.epoch + 1, values)
        if objective.measurement is None:
            self._validate(progress)
        else:
            progress.epoch, progress.step = progress.epoch + 1, 0
            self._save(progress)

    def _measure(self, measurement: Measurement[Batch], progress: Progress) -> None:
        """Measure what is not trained, on one epoch of showers; then validate the generator."""
        if progress.phase != "measuring":
            measurement.reset()
            progress.phase, progress.sums, progress.summed = "measuring", {}, 0
        for batch in self._batches(progress):
            measurement.add(batch)
            self._count_step(progress)
            self.reporter.step(progress.epoch + 1, {})
        _seed_step(self.recipe.seed, progress.epoch, progress.step - 1)
        measurement.apply()
        progress.phase = "measured"
        showers = progress.step * self.data.batch_size
        self._write_log(
            self._global_step(progress), progress.epoch + 1, {"phase": "measuring", "on": showers}
        )
        self._validate(progress)

    def _batches(self, progress: Progress) -> Iterator[Batch]:
        """The batches of an epoch that are left, each with its own random state; in between, the
        checkpoint is written where it is due."""
        self.clock = saved = time.perf_counter()
        made = self._made(progress.epoch, progress.step)
        for batch in on_device(made, self.device):
            _seed_step(self.recipe.seed, progress.epoch, progress.step)
            yield batch
            if time.perf_counter() - saved > self.recipe.training.checkpoint_every_seconds:
                self._save(progress)
                saved = time.perf_counter()

    def _made(self, epoch: int, first_step: int) -> Iterator[Batch]:
        """The data's batches of an epoch from ``first_step`` on, or the teacher's in their place;
        neither draws from torch's random state."""
        for step, from_data in enumerate(self.data.batches(epoch, first_step), start=first_step):
            if self.teacher and self.teacher.teaches(epoch, step):
                yield self.teacher.batch(epoch, step)
            else:
                yield from_data()

    def _teacher(self) -> Teacher | None:
        options = self.recipe.data.teacher
        if options is None:
            return None
        return Teacher(
            options,
            self.data.files,
            self.data.is_training,
            batch_size=self.recipe.training.batch_size,
            seed=self.recipe.seed,
        )

    def _count_step(self, progress: Progress) -> None:
        """A step more, and the time that it took."""
        now = time.perf_counter()
        progress.seconds, self.clock = progress.seconds + now - self.clock, now
        progress.step += 1

    def _save(self, progress: Progress) -> None:
        if self.writes:
            self.folder.save(self.objective, progress)

    def _validate(self, progress: Progress) -> None:
        """Score the generator at the end of an epoch, and keep it if it is the best."""
        score = self.validator.score(self.objective.ema_generator)
        self._check({"validation number": score}, progress)
        better = self.recipe.training.keep == "last" or score < progress.best_score
        step = self._global_step(progress)
        progress.epoch, progress.step = progress.epoch + 1, 0
        if better:
            progress.best_score, progress.best_epoch = score, progress.epoch
        if self.writes:
            self._write_epoch(step, progress, score, better)
        self.reporter.epoch(progress.epoch, score, better)

    def _write_epoch(self, step: int, progress: Progress, score: float, better: bool) -> None:
        if better:
            self.folder.save_best(self.objective, progress, self.validator.floor)
        self._write_log(step, progress.epoch, {"validation": score, "best": better})
        self.folder.save(self.objective, progress)

    def _write_log(self, step: int, epoch: int, values: dict[str, Any]) -> None:
        if self.log:
            self.log.write(step, epoch, values)

    def _check(self, values: dict[str, float], progress: Progress) -> None:
        for name, value in values.items():
            if not math.isfinite(value):
                msg = (
                    f"epoch {progress.epoch + 1}, step {progress.step}: {name} is {value}; "
                    f"{self.folder.last_good()}"
                )
                raise TrainingError(msg)

    def _log_losses(self, progress: Progress) -> None:
        means: dict[str, Any] = {k: v / progress.summed for k, v in progress.sums.items()}
        step = self._global_step(progress)
        means["showers_per_second"] = step * self.data.batch_size / progress.seconds
        self._write_log(step, progress.epoch + 1, means)
        progress.sums, progress.summed = {}, 0

    def _global_step(self, progress: Progress) -> int:
        return progress.epoch * self.data.steps_per_epoch + progress.step

    def _record(self, progress: Progress) -> None:
        write_record(
            self.folder.path / "record.json",
            verb="train",
            config={
                **self.folder.description,
                "epochs": progress.epoch,
                "best_epoch": progress.best_epoch,
                "validation": progress.best_score,
            },
            inputs={
                name: found["digest"] for name, found in self.folder.description["data"].items()
            },
            seed=self.recipe.seed,
            seconds=progress.seconds,
        )


def _seed_step(seed: int, epoch: int, step: int) -> None:
    """Make the step's random numbers a pure function of (seed, epoch, step)."""
    sequence = np.random.SeedSequence([seed, 4, epoch, step])
    torch.manual_seed(int(sequence.generate_state(1, np.uint64)[0] >> np.uint64(1)))


def _add(progress: Progress, values: dict[str, float]) -> None:
    for name, value in values.items():
        progress.sums[name] = progress.sums.get(name, 0.0) + value
    progress.summed += 1
