"""What a card says in more than a word: random numbers, training, parent, how the graph runs."""

from typing import Annotated, Any, Literal

from pydantic import Field

from caloforge.config import FrozenModel

TABLES = {"float32_only": True, "batch": 64, "batch_cells": 2**22}
"""How a graph runs best that turns random numbers into places in tables: with its 8 bits, bfloat16
would merge the places of rare and large deposits; many small operations want larger batches."""


class Latent(FrozenModel):
    """The random numbers that a shower is made from: how many, and how distributed.

    ``impact``: number of the first of the two that say where the shower's axis crosses its pad
    along x and y, 0 and 1 being the pad's borders; None where none do.
    """

    dim: Annotated[int, Field(ge=1)]
    distribution: Literal["normal", "uniform"] = "normal"
    impact: Annotated[int, Field(ge=0)] | None = None


class TrainingFile(FrozenModel):
    """A file that the model was trained on."""

    file: str
    digest: str
    showers: int


class TrainingRecord(FrozenModel):
    """How the weights came to be."""

    data: tuple[TrainingFile, ...] = ()
    recipe: dict[str, Any] = {}
    epochs: int | None = None
    minutes: float | None = None


class Parent(FrozenModel):
    """The model file that this one was made from, by quantization for example."""

    name: str
    digest: str
    how: dict[str, Any] = {}
