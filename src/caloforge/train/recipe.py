"""The recipe: one TOML file that says what is trained and how."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union

from pydantic import Field

from caloforge.config import FrozenModel, load_toml
from caloforge.networks.spec import NETWORKS
from caloforge.train.spec import OBJECTIVES


def _one_of(options: list[type[FrozenModel]]) -> Any:
    return Annotated[Union[tuple(options)], Field(discriminator="name")]  # noqa: UP007


if TYPE_CHECKING:
    NetworkOptions = FrozenModel
    ObjectiveOptions = FrozenModel
else:
    NetworkOptions = _one_of([spec.options for spec in NETWORKS.values()])
    ObjectiveOptions = _one_of([spec.options for spec in OBJECTIVES.values()])


class DataOptions(FrozenModel):
    """Which showers are trained on, and in what order.

    ``augment``: "square" for perpendicular showers (the eight symmetries of the x-y square),
    "mirror" for inclined ones (mirror x; mirror y with theta -> pi - theta).
    ``cache``: keep the showers in memory, stream them from disk, or decide by the free memory.
    ``shuffle_showers``: showers that are shuffled together (all, where there are fewer).
    """

    validation_fraction: float = Field(0.1, gt=0, lt=1)
    max_showers: int | None = Field(None, gt=0)
    augment: Literal["none", "square", "mirror"] = "none"
    cache: Literal["auto", "memory", "stream"] = "auto"
    shuffle_showers: int = Field(16384, gt=0)


class TrainingOptions(FrozenModel):
    """The loop: how long, how large, how precise, and how often it reports and saves.

    ``precision`` "bfloat16" computes convolutions in bfloat16 (autocast) and keeps weights and
    losses in float32.  ``ema_decay``: decay per step of the averaged weights that are validated and
    exported (0: the weights themselves).  ``validation_showers``: at most so many of the validation
    split are compared after each epoch.
    """

    epochs: int = Field(gt=0)
    batch_size: int = Field(64, gt=0)
    precision: Literal["float32", "bfloat16"] = "float32"
    ema_decay: float = Field(0.999, ge=0, lt=1)
    log_every_steps: int = Field(20, gt=0)
    checkpoint_every_seconds: float = Field(300.0, ge=0)
    validation_showers: int = Field(512, gt=1)


class Recipe(FrozenModel):
    """A whole training: network, objective, data, loop.  ``name`` becomes the model's name."""

    name: str = Field(min_length=1)
    seed: int = Field(1, ge=0, lt=2**63)
    network: NetworkOptions
    objective: ObjectiveOptions
    data: DataOptions = DataOptions()
    training: TrainingOptions


def load_recipe(path: Path) -> Recipe:
    """Read and check a recipe; :class:`ConfigError` names the key that is wrong."""
    return load_toml(path, Recipe)
