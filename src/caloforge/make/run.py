"""From the request to the model: the steps that are not done yet, in rounds until a goal holds."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from caloforge.atomic import replacing
from caloforge.card import Score, read_scores
from caloforge.make.beforehand import Beforehand, in_words, look_beforehand
from caloforge.make.cost import simulation_seconds
from caloforge.make.journal import StepJournal
from caloforge.make.probe import check_request
from caloforge.make.recipe import choose_recipe, recipe_text
from caloforge.make.report import told, write_commands, write_summary
from caloforge.make.request import Goal, MakeRequest
from caloforge.make.steps import MakeStep, Places, model_steps, showers_steps

RunVerb = Callable[[Sequence[str]], None]
"""Runs a command line of caloforge, given without the program's name."""
Say = Callable[[str], None]
NOT_QUANTIZED = (
    "quantize: left out; INT8 speeds up convolutions and large matrix products, of which the "
    "factorised network has none, and 8 bits would merge places in its tables"
)


@dataclass(frozen=True)
class Made:
    """A model file, its report, and its scores on the held-out showers by name."""

    places: Places
    scores: dict[str, Score]

    def reaches(self, goal: Goal) -> bool:
        """Whether its score is good enough."""
        score = self.scores.get(goal.measure.name)
        return score is not None and goal.holds(score.value)


class Maker:
    """Makes a model of a request in a folder; the same request goes on where it stood.

    ``run_verb`` runs a verb's command line, ``say`` hears a line of what goes on.  ``goal`` and
    ``budget`` (seconds): go on with more showers until the one holds or the other is spent.

    Raises
    ------
    OutputError
        if the folder holds something else.
    InputError, RangeError, DetectorError
        if such showers cannot be simulated.
    """

    def __init__(
        self,
        request: MakeRequest,
        folder: Path,
        *,
        jobs: int,
        run_verb: RunVerb,
        say: Say,
        goal: Goal | None = None,
        budget: float = math.inf,
    ) -> None:
        check_request(request)
        self.request, self.folder, self.jobs = request, folder, jobs
        self.run_verb, self.say, self.goal, self.budget = run_verb, say, goal, budget
        self.journal = StepJournal(folder, request.description())
        self.began = time.monotonic()
        self.steps: list[MakeStep] = []
        self.recipes: list[Path] = []

    def make(self) -> Made:
        """Take all steps of as many rounds as are needed; errors as of the verbs."""
        with self.journal.exclusive():
            beforehand = look_beforehand(self.request, self.journal, self.jobs)
            for line in beforehand.lines(self.request):
                self.say(line)
            made = self._round(Places(self.folder), beforehand, 0)
            while self._goes_on(made, beforehand):
                number = made.places.round + 1
                more = self.request.training * 2 ** (number - 2)
                made = self._round(Places(self.folder, number), beforehand, more)
        return made

    def _round(self, places: Places, beforehand: Beforehand, more: int) -> Made:
        """The showers of a round, the recipe that they suggest, and the model."""
        request = self.request
        for step in showers_steps(request, beforehand.window, places, self.jobs, more):
            self._take(step)
        self._choose(places)
        for step in model_steps(request, places):
            self._take(step)
        made = Made(places, read_scores(places.metrics))
        write_commands(self.folder, self.steps, self.recipes)
        notes = [*beforehand.lines(request), NOT_QUANTIZED]
        write_summary(self.folder, request.name, notes, places, made.scores)
        self.say(f"{places.model}: {told(made.scores)}")
        return made

    def _choose(self, places: Places) -> None:
        """Write the recipe, unless it has been chosen for these showers already."""
        self.recipes.append(places.recipe)
        step = MakeStep("recipe", ("choose the recipe",), tuple(places.training), places.recipe)
        if self.journal.is_done(step):
            return
        self.say("choosing the recipe")
        began = time.monotonic()
        recipe, why = choose_recipe(self.request, places.training)
        with replacing(places.recipe) as partial:
            partial.write_text(recipe_text(recipe, why))
        self.journal.note(step, time.monotonic() - began)
        for line in why:
            self.say(f"{places.recipe.name}: {line}")

    def _take(self, step: MakeStep) -> None:
        """Run a step that is not done yet."""
        self.steps.append(step)
        if self.journal.is_done(step):
            self.say(f"{step.name}: done already")
            return
        self.say(f"{step.name}: {step.line}")
        began = time.monotonic()
        self.run_verb(step.words)
        self.journal.note(step, time.monotonic() - began)

    def _goes_on(self, made: Made, beforehand: Beforehand) -> bool:
        """Whether another round is wanted, possible, and within the budget."""
        if self.goal is None:
            return False
        name = self.goal.measure.name
        score = made.scores.get(name)
        if score is not None and made.reaches(self.goal):
            self.say(f"{self.goal} holds: {name} is {score.value:.3g}")
            return False
        if score is None or math.isnan(score.value):
            self.say(f"{self.goal} cannot be reached: {name} is not defined for such showers")
            return False
        reached = f"{score.value:.3g}"
        if self.request.data is not None:
            self.say(f"{self.goal} does not hold ({reached}), and --data has no more showers")
            return False
        spent = time.monotonic() - self.began
        n = self.request.training * 2 ** (made.places.round - 1)
        simulation = simulation_seconds(self.request, n, beforehand.seconds_per_gev, self.jobs)
        model = sum(map(self.journal.seconds, model_steps(self.request, made.places)))
        needed = simulation + 2.0 * model
        if spent + needed > self.budget:
            self.say(
                f"{self.goal} does not hold ({reached}); the next round would take about "
                f"{in_words(needed)} more than the {in_words(spent)} that are spent"
            )
            return False
        self.say(f"{self.goal} does not hold yet ({reached}): {n} showers more")
        return True
