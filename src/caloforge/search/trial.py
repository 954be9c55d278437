"""One trial: how fast its network is, and how well it trains."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from optuna import TrialPruned
from optuna.trial import Trial, TrialState

from caloforge.detector import Detector
from caloforge.errors import ConfigError, InputError, TrainingError
from caloforge.networks.speed import ms_per_shower
from caloforge.search.queue import TrialQueue
from caloforge.search.space import RecipeSpace
from caloforge.train.loop import Training
from caloforge.train.reporter import TrainingReporter
from caloforge.typing import AskedDevice


class TrialReporter:
    """The training's reporter: tells the study each epoch's score, and ends what is hopeless.

    ``others`` hear everything too.
    """

    def __init__(self, trial: Trial, *others: TrainingReporter) -> None:
        self.trial, self.others = trial, others
        self.told = set(trial.study.trials[trial.number].intermediate_values)

    def start(self, epochs: int, steps_per_epoch: int, batch_size: int, done: int) -> None:
        """Pass it on."""
        for other in self.others:
            other.start(epochs, steps_per_epoch, batch_size, done)

    def step(self, epoch: int, values: dict[str, float]) -> None:
        """Pass it on."""
        for other in self.others:
            other.step(epoch, values)

    def epoch(self, epoch: int, score: float, best: bool) -> None:
        """Tell the score (once, though a killed worker's last epoch may come again)."""
        for other in self.others:
            other.epoch(epoch, score, best)
        if epoch not in self.told:
            self.trial.report(score, epoch)
        if self.trial.should_prune():
            raise TrialPruned


class Worker:
    """Takes trials from a queue until none is left; other workers may do the same.

    ``reporters`` hear how each training goes.
    """

    def __init__(
        self,
        space: RecipeSpace,
        queue: TrialQueue,
        paths: Sequence[Path],
        detector: Detector | None = None,
        *reporters: TrainingReporter,
        device: AskedDevice = "cpu",
    ) -> None:
        self.space, self.queue, self.paths, self.detector = space, queue, paths, detector
        self.reporters, self.device = reporters, device

    def run(self, ended: Callable[[Trial, str], None]) -> None:
        """Work; ``ended`` hears of each trial what came of it."""
        while True:
            with self.queue.next() as trial:
                if trial is None:
                    return
                ended(trial, self._finish(trial))

    def _finish(self, trial: Trial) -> str:
        tell = trial.study.tell
        try:
            score = self._score(trial)
        except TrialPruned as why:
            tell(trial, state=TrialState.PRUNED)
            return f"ended early{why}"
        except (TrainingError, ConfigError, InputError) as problem:
            trial.set_user_attr("problem", str(problem))
            tell(trial, state=TrialState.FAIL)
            return str(problem)
        tell(trial, score)
        return f"validation number {score:.4g}, {trial.user_attrs['ms']:.3g} ms a shower"

    def _score(self, trial: Trial) -> float:
        recipe = self.space.suggest(trial)
        folder = self.queue.folder_of(trial)
        watch = TrialReporter(trial, *self.reporters)
        training = Training(recipe, self.paths, folder, watch, self.detector, device=self.device)
        if "ms" not in trial.user_attrs:
            trial.set_user_attr("ms", ms_per_shower(training.objective.ema_generator))
        ms, budget = trial.user_attrs["ms"], self.space.search.budget_ms
        if budget is not None and ms > budget:
            msg = f": {ms:.3g} ms a shower are over the budget of {budget:.3g}"
            raise TrialPruned(msg)
        return training.run().best_score
