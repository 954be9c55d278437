"""The search for the layers that can be INT8: NNCF quantizes, the physics decides.

NNCF's ``quantize_with_accuracy_control`` quantizes every layer, ranks them by what their INT8
costs, and takes the worst back to float until the score holds. Every model that it scores on the
whole sample is a step of the tuning log.
"""

import contextlib
import io
import logging
import os
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from caloforge._extras import require
from caloforge.card import ModelCard
from caloforge.config import FrozenModel
from caloforge.engine import Plan
from caloforge.quantize.candidate import cells_of_all, checked, milliseconds_of
from caloforge.quantize.graph import float_scope, layer_names, quantized_layers
from caloforge.quantize.score import Judge

RANKING_ITEMS = 4
CALIBRATION_ITEMS = 10


class Step(FrozenModel):
    """A line of the tuning log: a model that was scored on the whole sample."""

    step: int
    quantized: tuple[str, ...]
    layers: int
    score: float
    ms: float


@dataclass
class Search:
    """Quantizes a float model for a judge; keeps the log of what it tried.

    ``max_drop`` is how much worse the score may become, ``max_steps`` how many layers may be
    taken back to float; ``left_in_float`` are layers that are not to be quantized at all.
    """

    model: Any
    card: ModelCard
    judge: Judge
    plan: Plan
    max_drop: float
    max_steps: int
    on_step: Callable[[Step], None] = lambda step: None
    left_in_float: Collection[str] = ()
    log: list[Step] = field(default_factory=list)

    def choose_engine(self) -> None:
        """Judge in the engine that will run the result: INT8 is wrong in some on some machines."""
        everything = self.plain(layer_names(self.model))
        int8 = self.card.model_copy(update={"format": "int8"})
        self.plan = checked(everything, int8, self.plan).engine.plan

    def run(self) -> Any:
        """The INT8 model whose score holds, or the nearest to it within the allowed steps."""
        nncf = quiet_nncf()
        data = self._dataset(nncf)
        advanced = nncf.AdvancedAccuracyRestorerParameters(
            max_num_iterations=self.max_steps,
            ranking_subset_size=RANKING_ITEMS,
            num_ranking_workers=1,
        )
        with silence():
            return nncf.quantize_with_accuracy_control(
                self.model, data, data, self._validate,
                max_drop=self.max_drop, drop_type=nncf.DropType.ABSOLUTE,
                subset_size=CALIBRATION_ITEMS,
                ignored_scope=nncf.IgnoredScope(**float_scope(self.model, self._wanted())),
                advanced_quantization_parameters=for_any_processor(nncf),
                advanced_accuracy_restorer_parameters=advanced,
            )  # fmt: skip

    def plain(self, layers: Collection[str], *, items: int = CALIBRATION_ITEMS) -> Any:
        """The model with these layers in INT8, whatever it costs."""
        nncf = quiet_nncf()
        with silence():
            return nncf.quantize(
                self.model, self._dataset(nncf), subset_size=items,
                ignored_scope=nncf.IgnoredScope(**float_scope(self.model, layers)),
                advanced_parameters=for_any_processor(nncf),
            )  # fmt: skip

    def _wanted(self) -> list[str]:
        return [name for name in layer_names(self.model) if name not in self.left_in_float]

    def _dataset(self, nncf: Any) -> Any:
        items = self.judge.items
        return nncf.Dataset(range(len(items)), lambda index: self.judge.inputs(items[index]))

    def _validate(self, model: Any, indices: Iterable[int]) -> tuple[float, None]:
        """The score of a model on some items, turned so that more is better, as NNCF wants it."""
        chosen = list(indices)
        items = [self.judge.items[index] for index in chosen]
        cells = cells_of_all(model, self.card, self.judge, items, self.plan)
        every = np.arange(len(self.judge.reference))
        rows = np.concatenate([every[item] for item in items])
        number = self.judge.number(cells, rows)
        if len(chosen) == len(self.judge.items):
            self._note(model, number)
        return -number, None

    def _note(self, model: Any, number: float) -> None:
        quantized = tuple(quantized_layers(model))
        if any(step.quantized == quantized for step in self.log):
            return
        step = Step(
            step=len(self.log), quantized=quantized, layers=len(layer_names(self.model)),
            score=number, ms=milliseconds_of(model, self.card, self.plan),
        )  # fmt: skip
        self.log.append(step)
        self.on_step(step)


def for_any_processor(nncf: Any) -> Any:
    """Weights of seven bits: without VNNI, a processor adds two products of 8 bits in 16.

    Those of full-range weights do not fit in, and the model that was judged on one machine would
    be another one there, whatever the engine.
    """
    return nncf.AdvancedQuantizationParameters(overflow_fix=nncf.OverflowFix.ENABLE)


def quiet_nncf() -> Any:
    """NNCF without telemetry and without its own log.

    Raises
    ------
    MissingExtraError
        if it is not installed.
    """
    os.environ.setdefault("NNCF_CI", "1")
    nncf = require("nncf")
    logging.getLogger("nncf").setLevel(logging.ERROR)
    return nncf


@contextlib.contextmanager
def silence() -> Iterator[None]:
    """Keep NNCF's progress bars from the terminal."""
    with contextlib.redirect_stdout(io.StringIO()):
        yield
