"""What objectives share whose generator makes showers after every step: it, and its average."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from caloforge.networks.base import GeneratorNetwork
from caloforge.networks.captured import CapturedSteps
from caloforge.networks.layout import lay_out
from caloforge.networks.objective import TrainingPlan, WeightAverage
from caloforge.ranks import group


class AveragedObjective(ABC):
    """A generator on the plan's device and in its precision, the average of its weights, and how
    many steps there were."""

    measurement = None
    """It makes showers from the first step on."""

    def __init__(self, generator: GeneratorNetwork, plan: TrainingPlan) -> None:
        self.bfloat16, self.device = plan.precision == "bfloat16", plan.device
        lay_out(generator.to(self.device))
        self.generator = generator
        self.average = WeightAverage(copy.deepcopy(generator), plan.ema_decay)
        self.captured = CapturedSteps(self.device)
        self.steps = 0

    @property
    def ema_generator(self) -> GeneratorNetwork:
        """The averaged generator."""
        average: GeneratorNetwork = self.average.average  # type: ignore[assignment]
        return average

    def trained_modules(self) -> dict[str, nn.Module]:
        """The generator."""
        return {"generator": self.generator}

    def restart_average(self) -> None:
        """The averaged generator becomes the generator."""
        self.average.restart(self.generator)

    def state_dict(self) -> dict[str, Any]:
        """Weights, average, what else the next step depends on, and step counters."""
        return {
            "generator": self.generator.state_dict(),
            "average": self.average.average.state_dict(),
            **self._other_state(),
            "steps": [self.steps, self.average.steps],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The inverse of :meth:`state_dict`."""
        self.generator.load_state_dict(state["generator"])
        self.average.average.load_state_dict(state["average"])
        self._load_other_state(state)
        self.captured.forget()
        self.steps, self.average.steps = state["steps"]

    @abstractmethod
    def _other_state(self) -> dict[str, Any]:
        """What the next step depends on beside the generator and its average."""

    @abstractmethod
    def _load_other_state(self, state: dict[str, Any]) -> None:
        """The inverse of :meth:`_other_state`."""

    def _latent(self, n: int) -> Tensor:
        """Latent numbers (n, L) of this rank, on the device."""
        return self._drawn(self.generator.draw_latent, n)

    def _drawn(self, draw: Callable[[int], Tensor], n: int) -> Tensor:
        """This rank's ``n`` rows of what ``draw`` draws on the processor, on the device."""
        return self.captured.drawn(partial(group.drawn, draw, n))

    def _in_precision(self) -> torch.autocast:
        """The context in which networks run."""
        return torch.autocast(self.device, torch.bfloat16, enabled=self.bfloat16)

    def _end_step(self) -> None:
        """Average and count."""
        self.average.update(self.generator)
        self.steps += 1


def numbers(values: dict[str, Tensor]) -> dict[str, float]:
    """Tensors of one number each, fetched together: a GPU is waited for once."""
    fetched: list[float] = torch.stack([value.detach() for value in values.values()]).tolist()
    return dict(zip(values, fetched, strict=True))
