"""What a recipe may say of the adversarial objective."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from caloforge.config import FrozenModel
from caloforge.networks.objective import ObjectiveOptions


class LossWeights(FrozenModel):
    """Weights of the loss terms; the published ones are 6, 0.2 and 0.1."""

    real: float = Field(6.0, ge=0)
    energy: float = Field(0.2, ge=0)
    ecal: float = Field(0.1, ge=0)
    theta: float = Field(0.0, ge=0)


class GanOptions(ObjectiveOptions):
    """Losses, optimisers and stabilisers; the defaults are the 2018 publication's.

    ``rates_for_batch``: batch size that the learning rates are meant for; others are multiplied by
    ``training.batch_size`` over it (published: linear scaling with a warm-up of 5 epochs).
    ``warmup_epochs``: the learning rates grow linearly over so many epochs; then they shrink by
    ``learning_rate_decay`` an epoch.  ``r1_weight``: gradient penalty on real images, applied every
    ``r1_every`` steps with its weight multiplied by as much.
    """

    name: Literal["gan"] = "gan"
    weights: LossWeights = LossWeights()
    label_flips: float = Field(0.05, ge=0, lt=0.5)
    label_smoothing: float = Field(0.0, ge=0, lt=0.5)
    generator_steps: int = Field(2, gt=0)
    optimiser: Literal["rmsprop", "adam"] = "rmsprop"
    generator_learning_rate: float = Field(0.001, gt=0)
    discriminator_learning_rate: float = Field(0.001, gt=0)
    rates_for_batch: int | None = Field(None, gt=0)
    warmup_epochs: int = Field(0, ge=0)
    learning_rate_decay: float = Field(1.0, gt=0, le=1)
    r1_weight: float = Field(0.0, ge=0)
    r1_every: int = Field(16, gt=0)
    spectral_norm: bool = False
