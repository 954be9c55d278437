"""The recipe: one TOML file that says what is trained and how."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union

from pydantic import Field, model_validator

from caloforge.config import FrozenModel, build, load_toml
from caloforge.networks.objective import ObjectiveOptions
from caloforge.networks.spec import NETWORKS


def _one_of(options: list[type[FrozenModel]]) -> Any:
    """Options that their ``name`` tells apart."""
    return Annotated[Union[tuple(options)], Field(discriminator="name")]  # noqa: UP007


if TYPE_CHECKING:
    NetworkOptions = FrozenModel
    OptionsOfItsObjective = ObjectiveOptions
else:
    NetworkOptions = _one_of([spec.options for spec in NETWORKS.values()])
    OptionsOfItsObjective = _one_of(
        list(
            dict.fromkeys(
                trainer.options for spec in NETWORKS.values() for trainer in spec.trainers
            )
        )
    )


class TeacherOptions(FrozenModel):
    """A model file, or a bundled model, whose showers are learned from as well.

    ``share`` of the steps are the teacher's, with ``repeats`` showers of each condition (objectives
    that compare distributions learn more of several).  ``energy``: "100:500" or "log:10:500" in
    GeV; by default as the data have it.  ``same_latent``: the network gets the latent numbers of
    the teacher's showers, and learns to make the very same.
    """

    model: str = Field(min_length=1)
    share: float = Field(1.0, gt=0, le=1)
    repeats: int = Field(1, gt=0)
    energy: str | None = None
    same_latent: bool = False


class DataOptions(FrozenModel):
    """Which showers are trained on, and in what order.

    ``augment``: "square" for perpendicular showers (the eight symmetries of the x-y square),
    "mirror" for inclined ones (mirror x; mirror y with theta -> pi - theta), "circle" for those in
    rings and sectors (turns by sectors, and their mirrors).
    ``cache``: keep the showers in memory, stream them from disk, or decide by the free memory.
    ``shuffle_showers``: showers that are shuffled together (all, where there are fewer).
    ``passes``: how often an epoch shows each shower; batches that are a large part of them make
    short epochs, and each ends with a validation and a checkpoint.
    ``energy_gev``, ``theta_deg``: ranges that the model is for, where the showers' own, by chance,
    end before.
    """

    validation_fraction: float = Field(0.1, gt=0, lt=1)
    max_showers: int | None = Field(None, gt=0)
    passes: int = Field(1, gt=0)
    augment: Literal["none", "square", "mirror", "circle"] = "none"
    cache: Literal["auto", "memory", "stream"] = "auto"
    shuffle_showers: int = Field(16384, gt=0)
    energy_gev: tuple[float, float] | None = None
    theta_deg: tuple[float, float] | None = None
    teacher: TeacherOptions | None = None


class TrainingOptions(FrozenModel):
    """The loop: how long, how large, how precise, and how often it reports and saves.

    ``precision`` "bfloat16" computes convolutions in bfloat16 (autocast) and keeps weights and
    losses in float32.  ``ema_decay``: decay per step of the averaged weights that are validated and
    exported (0: the weights themselves).  ``validation_showers``: at most so many of the validation
    split are compared after each epoch.  ``keep``: the epoch with the lowest validation number, or
    the last one (where a learning rate falls to zero, the last is best and the number is noise).
    """

    epochs: int = Field(gt=0)
    batch_size: int = Field(64, gt=0)
    precision: Literal["float32", "bfloat16"] = "float32"
    ema_decay: float = Field(0.999, ge=0, lt=1)
    log_every_steps: int = Field(20, gt=0)
    checkpoint_every_seconds: float = Field(300.0, ge=0)
    validation_showers: int = Field(512, gt=1)
    keep: Literal["best", "last"] = "best"


class Recipe(FrozenModel):
    """A whole training: network, objective, data, loop.  ``name`` becomes the model's name.

    The network decides which objectives there are; without ``objective.name`` its first is taken.
    """

    name: str = Field(min_length=1)
    seed: int = Field(1, ge=0, lt=2**63)
    network: NetworkOptions
    objective: OptionsOfItsObjective
    data: DataOptions = DataOptions()
    training: TrainingOptions

    @model_validator(mode="before")
    @classmethod
    def _objective_of_the_network(cls, given: Any) -> Any:
        """Name the objective after the network, where the recipe does not."""
        if not isinstance(given, dict) or not isinstance(given.get("objective", {}), dict):
            return given
        network = given.get("network")
        name = network.get("name") if isinstance(network, dict) else getattr(network, "name", None)
        if name not in NETWORKS:
            return given
        named = {"name": NETWORKS[name].trainers[0].name}
        return {**given, "objective": {**named, **given.get("objective", {})}}

    @model_validator(mode="after")
    def _possible(self) -> Recipe:
        objective, training = self.objective, self.training
        network = NETWORKS[str(self.network.name)]  # type: ignore[attr-defined]
        if network.trainer(objective) is None:
            allowed = " or ".join(f"'{trainer.name}'" for trainer in network.trainers)
            msg = f"the network's objective is {allowed}, got '{objective.name}'"
            raise ValueError(msg)
        if training.precision not in objective.precisions:
            allowed = " or ".join(objective.precisions)
            msg = f"this network trains in {allowed}, got training.precision {training.precision}"
            raise ValueError(msg)
        if self.data.teacher and self.data.teacher.same_latent and not objective.pairs:
            msg = f"data.teacher.same_latent needs energy scores, got objective '{objective.name}'"
            raise ValueError(msg)
        if training.epochs < objective.fewest_epochs:
            fewest, last = objective.fewest_epochs, objective.measuring_epochs
            why = f" (it measures in the last {last})" if last else ""
            msg = f"this network needs at least {fewest} epochs{why}, got {training.epochs}"
            raise ValueError(msg)
        return self

    @property
    def trained_epochs(self) -> int:
        """Epochs that train; those after them measure."""
        return self.training.epochs - self.objective.measuring_epochs

    def taught_by(self, model: str) -> Recipe:
        """The recipe with this teacher (a model file or a bundled model's name)."""
        given = self.data.teacher or TeacherOptions(model=model)
        teacher = given.model_copy(update={"model": model})
        data = self.data.model_copy(update={"teacher": teacher})
        return self.model_copy(update={"data": data})

    def with_epochs(self, epochs: int) -> Recipe:
        """The recipe with another number of epochs.

        Raises
        ------
        ConfigError
            if its network cannot be trained in so few.
        """
        table = self.model_dump()
        table["training"]["epochs"] = epochs
        return build(Recipe, table, where=self.name)


def load_recipe(path: Path) -> Recipe:
    """Read and check a recipe; :class:`ConfigError` names the key that is wrong."""
    return load_toml(path, Recipe)
