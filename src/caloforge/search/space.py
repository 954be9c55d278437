"""What is searched: one TOML file that names a recipe and ranges for some of its keys."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Annotated, Any, Literal

from optuna.trial import Trial
from pydantic import Discriminator, Field, Tag, model_validator

from caloforge.config import FrozenModel, build, load_toml, read_toml
from caloforge.errors import ConfigError
from caloforge.train.recipe import Recipe

Value = bool | int | float | str


class Range(FrozenModel):
    """Numbers from ``low`` to ``high``, whole ones if both are; ``log``: as likely in each decade.

    ``step``: only low, low + step, ...
    """

    low: int | float
    high: int | float
    log: bool = False
    step: int | float | None = Field(None, gt=0)

    @model_validator(mode="after")
    def _possible(self) -> Range:
        if not self.low < self.high or (self.log and self.low <= 0):
            msg = f"a range needs low < high, and 0 < low where it is logarithmic; got {self}"
            raise ValueError(msg)
        if self.step is not None and self.log:
            msg = "a logarithmic range has no step"
            raise ValueError(msg)
        if self.step is not None and self.whole and self.step != int(self.step):
            msg = f"a range of whole numbers needs a whole step, got {self.step}"
            raise ValueError(msg)
        return self

    @property
    def whole(self) -> bool:
        """Whether only whole numbers are meant."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    def suggest(self, trial: Trial, key: str) -> Value:
        """The trial's value of ``key``."""
        if isinstance(self.low, int) and isinstance(self.high, int):
            step = 1 if self.step is None else int(self.step)
            return trial.suggest_int(key, self.low, self.high, log=self.log, step=step)
        return trial.suggest_float(key, self.low, self.high, log=self.log, step=self.step)

    def allows(self, value: Any) -> bool:
        """Whether a value lies in the range."""
        return isinstance(value, int | float) and self.low <= value <= self.high

    @property
    def example(self) -> Value:
        """A value that is allowed."""
        return self.low


class Choices(FrozenModel):
    """A few values without order."""

    choices: tuple[Value, ...] = Field(min_length=1)

    def suggest(self, trial: Trial, key: str) -> Value:
        """The trial's value of ``key``."""
        value = trial.suggest_categorical(key, self.choices)
        return value  # type: ignore[return-value]

    def allows(self, value: Any) -> bool:
        """Whether a value is one of the choices."""
        return value in self.choices

    @property
    def example(self) -> Value:
        """A value that is allowed."""
        return self.choices[0]


def _kind(values: Any) -> str:
    keys = values if isinstance(values, dict) else dir(values)
    return "choices" if "choices" in keys else "range"


Values = Annotated[
    Annotated[Range, Tag("range")] | Annotated[Choices, Tag("choices")], Discriminator(_kind)
]


class SearchSpace(FrozenModel):
    """A search; ``recipe`` is a file beside this one, ``space`` has its dotted keys.

    ``trials``: of all workers together.  ``budget_ms``: networks that take longer a shower (torch,
    one core) are not trained.  ``pruner`` "patient": a training whose best epoch is worse than the
    median of the others, and does not get better, ends early.
    """

    recipe: str
    trials: int = Field(30, gt=0)
    seed: int = Field(1, ge=0, lt=2**32)
    sampler: Literal["tpe", "cmaes", "random"] = "tpe"
    pruner: Literal["patient", "none"] = "patient"
    budget_ms: float | None = Field(None, gt=0)
    space: dict[str, Values] = Field(min_length=1)


class RecipeSpace:
    """A search whose recipe has been read; raises :class:`ConfigError` for keys that it lacks."""

    def __init__(self, path: Path) -> None:
        self.search = load_toml(path, SearchSpace)
        self.recipe_path = path.parent / self.search.recipe
        self.plain = read_toml(self.recipe_path)
        self.recipe = self.with_values({k: v.example for k, v in self.search.space.items()})

    @property
    def identity(self) -> dict[str, Any]:
        """What may not change while a search goes on."""
        return {**self.search.model_dump(mode="json", exclude={"trials"}), "recipe": self.plain}

    def values_of_the_recipe(self) -> dict[str, Value]:
        """The recipe's own values, where the space allows them: the first trial."""
        values = {}
        recipe = build(Recipe, self.plain, where=str(self.recipe_path))
        for key, allowed in self.search.space.items():
            value: Any = recipe
            for name in key.split("."):
                value = getattr(value, name)
            if allowed.allows(value):
                values[key] = value
        return values

    def suggest(self, trial: Trial) -> Recipe:
        """The recipe of a trial."""
        return self.with_values({k: v.suggest(trial, k) for k, v in self.search.space.items()})

    def with_values(self, values: dict[str, Value]) -> Recipe:
        """The recipe with other values of some dotted keys."""
        return build(Recipe, self.table(values), where=str(self.recipe_path))

    def table(self, values: dict[str, Value]) -> dict[str, Any]:
        """The recipe as nested tables, with other values of some dotted keys."""
        table = copy.deepcopy(self.plain)
        for key, value in values.items():
            *folders, name = key.split(".")
            inside = table
            for folder in folders:
                inside = inside.setdefault(folder, {})
                if not isinstance(inside, dict):
                    msg = f"{self.recipe_path}: {folder} in the key '{key}' holds no other keys"
                    raise ConfigError(msg)
            inside[name] = value
        return table
