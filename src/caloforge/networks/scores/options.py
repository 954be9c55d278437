"""What a recipe may say of the energy scores."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from caloforge.config import FrozenModel
from caloforge.networks.objective import ObjectiveOptions


class ScoreWeights(FrozenModel):
    """Weights of the groups of features (see :mod:`.features`); weight 0 leaves one out."""

    response: float = Field(2.0, ge=0)
    profiles: float = Field(0.7, ge=0)
    barycentre: float = Field(0.5, ge=0)
    widths: float = Field(0.8, ge=0)
    cores: float = Field(0.5, ge=0)
    projections: float = Field(0.5, ge=0)
    hits: float = Field(0.5, ge=0)
    cells: float = Field(1.0, ge=0)
    slope: float = Field(0.0, ge=0)
    bands: float = Field(0.0, ge=0)
    layer_widths: float = Field(0.0, ge=0)


class EnergyScoreOptions(ObjectiveOptions):
    """``made``: showers that the network makes in a step, shared equally by the conditions of the
    batch (those that get two showers or more).  Adam's ``learning_rate`` grows over
    ``warmup_steps`` and falls to zero at the end of the training as a cosine.  Gradients are cut
    to the norm ``largest_gradient``.  ``part``: "drawn" trains only what a network draws beside its
    convolutions, which costs next to nothing; "sums" of that only the layers' energies, "cells" all
    but these.
    """

    pairs: ClassVar[bool] = True
    name: Literal["energy_score"] = "energy_score"
    weights: ScoreWeights = ScoreWeights()
    made: int = Field(64, ge=2)
    learning_rate: float = Field(0.001, gt=0)
    warmup_steps: int = Field(100, ge=0)
    largest_gradient: float = Field(20.0, gt=0)
    part: Literal["showers", "drawn", "sums", "cells"] = "showers"
