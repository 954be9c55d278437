"""How a model file is run: in which runtime and precision, and how the cores are shared out."""

from typing import Annotated, Literal

from pydantic import Field

from caloforge.config import FrozenModel

Precision = Literal["float32", "bfloat16"]
AskedPrecision = Literal["auto", "float32", "bfloat16"]
Positive = Annotated[int, Field(ge=1)]

DEFAULT_BATCH = 32
"""Showers at a time where no model says better."""
QUANTIZED_BATCH = 32
"""For INT8 models: below 16 showers OpenVINO 2026.4 computes some INT8 matrix products wrongly."""


class Plan(FrozenModel):
    """``streams`` batches computed side by side, each on ``threads`` cores of its own.

    None of it changes what a seed means: a plan is chosen for speed alone. ``runtime`` is a name
    of :data:`caloforge.engine.runtimes.RUNTIMES`, ``batch`` the number of showers that a stream
    computes at a time; the graph is specialised for it.
    """

    runtime: str
    precision: Precision = "float32"
    streams: Positive = 1
    threads: Positive = 1
    batch: Positive = DEFAULT_BATCH

    @property
    def cores(self) -> int:
        """Cores that the plan keeps busy."""
        return self.streams * self.threads

    def __str__(self) -> str:
        return (
            f"{self.runtime} {self.precision}, streams {self.streams} x threads {self.threads}, "
            f"batch {self.batch}"
        )
