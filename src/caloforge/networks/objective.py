"""What the training loop asks of an objective, and what it gives it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, TypeVar

import torch
from torch import Tensor, nn

from caloforge.config import FrozenModel
from caloforge.networks.base import Domain, GeneratorNetwork


@dataclass(frozen=True)
class Batch:
    """Real showers: cells (N, X, Y, Z) in GeV, energy (N,) in GeV, theta (N,) in rad.

    ``repeats``: every so many rows in turn have the same conditions.  ``latent`` (N, L): from which
    a teacher of the same latent made them.
    """

    cells: Tensor
    energy: Tensor
    theta: Tensor
    repeats: int = 1
    latent: Tensor | None = None

    def __len__(self) -> int:
        return len(self.energy)

    def to_gpu(self) -> Batch:
        """The same showers in the memory of this thread's GPU, once its work so far is done."""

        def moved(part: Tensor) -> Tensor:
            return part.pin_memory().to("cuda", non_blocking=True)

        cells, energy, theta = (moved(part) for part in (self.cells, self.energy, self.theta))
        latent = None if self.latent is None else moved(self.latent)
        return Batch(cells, energy, theta, self.repeats, latent)


class ObjectiveOptions(FrozenModel):
    """Options of an objective, and what it asks of the training whatever they are.

    ``measuring_epochs``: how many of the recipe's epochs, the last ones, measure instead of train.
    ``devices``: where it can train.  ``pairs``: whether it compares a shower with a teacher's of
    the same latent numbers.
    """

    name: str
    fewest_epochs: ClassVar[int] = 1
    measuring_epochs: ClassVar[int] = 0
    precisions: ClassVar[tuple[str, ...]] = ("float32", "bfloat16")
    devices: ClassVar[tuple[str, ...]] = ("cpu", "cuda")
    pairs: ClassVar[bool] = False


@dataclass(frozen=True)
class TrainingPlan:
    """What an objective is told of the training before the first batch.

    ``domain``: image shape and ranges of the training showers; ``epochs``: those that train, each
    of ``steps_per_epoch`` batches of ``batch_size`` showers; ``precision`` "float32" or "bfloat16";
    ``ema_decay``: of the averaged weights, per step; ``device`` "cpu" or "cuda".
    """

    domain: Domain
    epochs: int
    steps_per_epoch: int
    batch_size: int
    precision: str = "float32"
    ema_decay: float = 0.0
    device: str = "cpu"


Seen = TypeVar("Seen", contravariant=True)


class Measurement(Protocol[Seen]):
    """Something of a network that is measured on showers instead of trained.

    Measuring twice gives what measuring once gives: reset, add all showers, apply.
    """

    def reset(self) -> None:
        """Forget the showers, and what the network holds of an earlier measurement."""
        ...

    def add(self, showers: Seen) -> None:
        """Add showers; draws no random numbers."""
        ...

    def apply(self) -> None:
        """Set what was measured; may draw from torch's random state."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """What was added, as nested dicts and lists of tensors."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The inverse of :meth:`state_dict`."""
        ...


class Objective(Protocol):
    """Losses and optimisers around one generator.

    The loop seeds torch before every step from (seed, epoch, step), so an objective draws its
    latents and dropout from torch's global state and keeps no random state of its own.
    """

    @property
    def ema_generator(self) -> GeneratorNetwork:
        """The weights that are validated, kept and exported (averaged where the recipe asks)."""
        ...

    @property
    def measurement(self) -> Measurement[Batch] | None:
        """What is measured after the training, before the generator makes showers; None: it makes
        them after every epoch, each of which is validated."""
        ...

    def step(self, batch: Batch) -> dict[str, float]:
        """One optimisation step; returns named losses and gradient norms.

        A value that is not finite ends the training with that name in the message.
        """
        ...

    def start_epoch(self, epoch: int) -> None:
        """Called before the first batch of an epoch (0, 1, ...) and after a resume inside it."""
        ...

    def trained_modules(self) -> dict[str, nn.Module]:
        """The modules whose weights another training may start from: "generator" and others.

        Their states stand under the same names in :meth:`state_dict`.
        """
        ...

    def restart_average(self) -> None:
        """Called when weights were put in from elsewhere: the averaged weights become these."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """Everything that the next step depends on: nested dicts and lists of tensors, numbers,
        strings and None."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The inverse of :meth:`state_dict`."""
        ...


class WeightAverage:
    """Exponential moving average of a module's parameters and buffers in a second module.

    average <- decay x average + (1 - decay) x current; during the first steps the smaller
    (1 + step) / (10 + step) replaces the decay.  Decay 0 copies.
    """

    def __init__(self, average: nn.Module, decay: float) -> None:
        self.average, self.decay, self.steps = average.eval().requires_grad_(False), decay, 0

    def restart(self, current: nn.Module) -> None:
        """Become the current weights."""
        self.average.load_state_dict(current.state_dict())

    @torch.no_grad()
    def update(self, current: nn.Module) -> None:
        """Take one step towards the current weights."""
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps)) if self.decay else 0.0
        self.steps += 1
        averages, theirs = self.average.state_dict(), current.state_dict()
        numbers = [name for name, mine in averages.items() if mine.is_floating_point()]
        mine, now = ([state[name] for name in numbers] for state in (averages, theirs))
        torch._foreach_lerp_(mine, now, 1.0 - decay)
        for name in averages.keys() - numbers:
            averages[name].copy_(theirs[name])
