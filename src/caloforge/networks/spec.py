"""The table of networks.  A new network is a folder with its layers and objective, and a line here.

A line joins a network and the objectives that may train it, the first where a recipe names none, so
that no other pair can be written down.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from caloforge.config import FrozenModel
from caloforge.errors import ConfigError
from caloforge.networks.base import Domain, GeneratorNetwork
from caloforge.networks.factorised.fit.objective import FactorisedObjective, FitOptions
from caloforge.networks.factorised.generator import FactorisedGenerator, FactorisedOptions
from caloforge.networks.gan.conv2d import Conv2dGenerator, Conv2dOptions
from caloforge.networks.gan.conv3d import Conv3dDiscriminator, Conv3dGenerator, Conv3dOptions
from caloforge.networks.gan.discriminator2d import Discriminator2d
from caloforge.networks.gan.layered2d import Layered2dGenerator, Layered2dOptions
from caloforge.networks.gan.objective import GanObjective
from caloforge.networks.gan.options import GanOptions
from caloforge.networks.objective import Objective, ObjectiveOptions, TrainingPlan
from caloforge.networks.scores.objective import EnergyScoreObjective
from caloforge.networks.scores.options import EnergyScoreOptions


class Trainer(NamedTuple):
    """An objective's options, and the objective, built as
    ``objective(network_options, options, generator, plan)``."""

    options: type[ObjectiveOptions]
    objective: Callable[[Any, Any, GeneratorNetwork, TrainingPlan], Objective]

    @property
    def name(self) -> str:
        """As a recipe writes it."""
        return str(self.options.model_fields["name"].default)


@dataclass(frozen=True)
class NetworkSpec:
    """One network: its options (a pydantic model with a literal ``name``), its generator, built as
    ``generator(options, domain)``, and what trains it."""

    title: str
    options: type[FrozenModel]
    generator: Callable[[Any, Domain], GeneratorNetwork]
    trainers: tuple[Trainer, ...]

    def trainer(self, options: ObjectiveOptions) -> Trainer | None:
        """The one whose options these are."""
        return next((each for each in self.trainers if isinstance(options, each.options)), None)


AGAINST_3D = Trainer(GanOptions, GanObjective.against(Conv3dDiscriminator))
AGAINST_2D = Trainer(GanOptions, GanObjective.against(Discriminator2d))
BY_SCORES = Trainer(EnergyScoreOptions, EnergyScoreObjective)
BY_STEPS = Trainer(FitOptions, FactorisedObjective.of)

NETWORKS: dict[str, NetworkSpec] = {
    "conv3d": NetworkSpec(
        "3DGAN (2018), 3D convolutions",
        Conv3dOptions, Conv3dGenerator, (AGAINST_3D, BY_SCORES),
    ),
    "conv2d": NetworkSpec(
        "3DGAN (2021), 2D convolutions over three permuted axes",
        Conv2dOptions, Conv2dGenerator, (AGAINST_2D, BY_SCORES),
    ),
    "layered2d": NetworkSpec(
        "2D convolutions with the layers as channels",
        Layered2dOptions, Layered2dGenerator, (AGAINST_2D, BY_SCORES),
    ),
    "factorised": NetworkSpec(
        "layer energies, transverse pattern and deposits in turn, fitted or measured one by one",
        FactorisedOptions, FactorisedGenerator, (BY_STEPS,),
    ),
}  # fmt: skip


def build_generator(options: FrozenModel, domain: Domain) -> GeneratorNetwork:
    """The generator that network options (of any network in the table) describe.

    Raises
    ------
    ConfigError
        if the memory does not hold it.
    """
    try:
        return network_of(options).generator(options, domain)
    except RuntimeError as problem:
        reason = str(problem).splitlines()[0]
        msg = f"network '{name_of(options)}' cannot be made here: {reason}"
        raise ConfigError(msg) from None


def build_objective(
    network: FrozenModel, options: ObjectiveOptions, plan: TrainingPlan
) -> Objective:
    """A new generator of a network inside the objective that trains it.

    Raises :class:`ConfigError` if the memory does not hold it, or the options do not suit the plan.
    """
    generator = build_generator(network, plan.domain)
    trainer = network_of(network).trainer(options)
    if trainer is None:
        msg = f"network '{name_of(network)}' is not trained by '{name_of(options)}'"
        raise ConfigError(msg)
    return trainer.objective(network, options, generator, plan)


def network_of(options: FrozenModel) -> NetworkSpec:
    """The line of the table that network options belong to."""
    return NETWORKS[name_of(options)]


def name_of(options: FrozenModel) -> str:
    """Name of a network, from its options."""
    return str(options.name)  # type: ignore[attr-defined]
