"""The table of objectives.  A new one is a file with options and a class, and a line here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from caloforge.config import FrozenModel
from caloforge.networks.factorised.fit.objective import FactorisedObjective, FactorisedOptions
from caloforge.networks.gan.objective import GanObjective, GanOptions
from caloforge.networks.objective import Objective


@dataclass(frozen=True)
class ObjectiveSpec:
    """One objective: its options (a pydantic model with a literal ``name``) and its class, built as
    ``cls(recipe, generator, summary)``."""

    title: str
    options: type[FrozenModel]
    build: Callable[[Any, Any, Any], Objective]


OBJECTIVES: dict[str, ObjectiveSpec] = {
    "gan": ObjectiveSpec("3DGAN: real or fake, Ep and ECAL sum", GanOptions, GanObjective),
    "factorised": ObjectiveSpec(
        "the exact likelihood of every part of the factorised network",
        FactorisedOptions,
        FactorisedObjective,
    ),
}
