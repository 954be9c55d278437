"""A trained network loses channels and trains on: size, time and score before and after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from caloforge.card import Parent
from caloforge.config import FrozenModel, build
from caloforge.errors import ConfigError
from caloforge.networks.base import GeneratorNetwork
from caloforge.networks.spec import name_of
from caloforge.networks.speed import ms_per_shower
from caloforge.prune.channels import STEP, fewer, pruned
from caloforge.train.loop import Training
from caloforge.train.recipe import Recipe
from caloforge.train.reporter import TrainingReporter
from caloforge.train.trained import load_trained
from caloforge.train.transfer import Start, read_start


@dataclass(frozen=True)
class Stage:
    """A network on the way: its ``channels`` and ``parameters``, milliseconds a shower of one core
    in torch, and its validation number."""

    name: str
    channels: int
    parameters: int
    ms: float
    score: float


@dataclass(frozen=True)
class Pruned:
    """The stages (trained, pruned, retrained), the floor of the score and the floor's error."""

    stages: tuple[Stage, Stage, Stage]
    floor: float
    error: float

    @property
    def holds(self) -> bool:
        """Whether the last stage is no worse than the first beyond the floor's error."""
        first, _, last = self.stages
        return last.score <= first.score + self.error


def prune(
    run: Path,
    paths: Sequence[Path],
    folder: Path,
    reporter: TrainingReporter,
    *,
    sparsity: float,
    speed_up: float | None = None,
    epochs: int,
    teacher: str | None = None,
) -> Pruned:
    """Take channels out of a run's best generator and train on for some epochs in a new run folder.

    ``sparsity``: part of the channels that goes; with ``speed_up`` as few as make the network so
    many times faster.  ``teacher``: a model file of the run, from whose showers of the same latent
    numbers the smaller network learns.  The same call goes on with a retraining that was stopped.

    Raises
    ------
    ConfigError
        if the network has no channels to spare, or no number of them is so much faster.
    InputError
        for bad showers, or a folder that holds no training.
    OutputError
        for a new folder that cannot be used.
    """
    start = read_start(run)
    if start.recipe is None:
        msg = f"{run} does not say how it was trained: prune a run folder"
        raise ConfigError(msg)
    trained, _ = load_trained(run)
    options = fewer(start.recipe.network, sparsity)
    if speed_up is not None:
        options = _fast_enough(trained, start, speed_up)
    small = pruned(trained, options, start.domain)
    recipe = _retraining(start.recipe, options, epochs, teacher)
    how = {"verb": "prune", "channels": _channels(options)}
    parent = Parent(name=start.parent.name, digest=start.parent.digest, how=how)
    state = {"generator": small.state_dict()}
    begin = Start(parent, start.network, state, recipe, start.domain)
    training = Training(recipe, paths, folder, reporter, start=begin)
    score = training.validator.score
    before = _stage("trained", trained, start.recipe.network, score(trained))
    after = _stage("pruned", small, options, score(small))
    done = training.run()
    last, _ = load_trained(folder)
    floor = training.validator.floor
    stages = (before, after, _stage("retrained", last, options, done.best_score))
    return Pruned(stages, floor["floor"], floor["error"])


def _fast_enough(trained: GeneratorNetwork, start: Start, speed_up: float) -> FrozenModel:
    assert start.recipe is not None
    options, goal = start.recipe.network, ms_per_shower(trained) / speed_up
    while _channels(options) >= 2 * STEP:
        options = fewer(options, STEP / _channels(options))
        if ms_per_shower(pruned(trained, options, start.domain)) <= goal:
            return options
    msg = f"no number of channels makes {name_of(options)} {speed_up:g} times faster"
    raise ConfigError(msg)


def _retraining(recipe: Recipe, options: FrozenModel, epochs: int, teacher: str | None) -> Recipe:
    table = recipe.model_dump()
    table["network"] = options.model_dump()
    table["training"]["epochs"] = epochs
    if teacher is not None:
        energy = (table["data"]["teacher"] or {}).get("energy")
        table["data"]["teacher"] = {"model": teacher, "energy": energy, "same_latent": True}
    return build(Recipe, table, where=recipe.name)


def _channels(options: FrozenModel) -> int:
    return int(options.channels)  # type: ignore[attr-defined]


def _stage(name: str, generator: GeneratorNetwork, options: FrozenModel, score: float) -> Stage:
    parameters = sum(weight.numel() for weight in generator.parameters())
    return Stage(name, _channels(options), parameters, ms_per_shower(generator), score)
