"""What the training loop asks of an objective, and what it gives it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from caloforge.networks.base import Domain, Generator
from caloforge.showers import Showers


@dataclass(frozen=True)
class Batch:
    """Real showers: cells (N, X, Y, Z) in GeV, energy (N,) in GeV, theta (N,) in rad."""

    cells: Tensor
    energy: Tensor
    theta: Tensor

    def __len__(self) -> int:
        return len(self.energy)


@dataclass(frozen=True)
class DataSummary:
    """What an objective may know before the first batch.

    ``domain``: image shape and ranges of the training showers; ``showers``: how many they are;
    ``sample``: a fixed random part of them (at most 1024), for normalisations.  A pure function of
    the data files, the data options and the seed, so a resumed run sees the same.
    """

    domain: Domain
    showers: int
    sample: Showers


class Objective(Protocol):
    """Losses and optimisers around one generator; built as ``cls(recipe, generator, summary)``.

    The loop seeds torch before every step from (seed, epoch, step), so an objective draws its
    latents and dropout from torch's global state and keeps no random state of its own.
    """

    @property
    def ema_generator(self) -> Generator:
        """The weights that are validated, kept and exported (averaged where the recipe asks)."""
        ...

    @property
    def ready(self) -> bool:
        """Whether that generator makes showers yet; before, no epoch is validated or kept."""
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
        """The modules whose weights another training may start from: "generator" and others."""
        ...

    def restart_average(self) -> None:
        """Called when weights were put in from elsewhere: the averaged weights become these."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """Everything that the next step depends on: nested dicts and lists of tensors, numbers,
        strings and None (:mod:`caloforge.train.checkpoint` says what may stand in it)."""
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
        theirs = current.state_dict()
        for name, mine in self.average.state_dict().items():
            if mine.is_floating_point():
                mine.lerp_(theirs[name], 1.0 - decay)
            else:
                mine.copy_(theirs[name])
