"""The objective of energy scores: showers made for a condition against true ones of it.

Nothing plays against the generator, so nothing can win or collapse; what the network costs is what
the training costs.  Batches with several true showers of each condition (from a teacher) tell more
a step, one shower a condition (from Geant4) is enough.  Where a teacher has the network's latent,
each shower is compared with the teacher's of the same numbers instead.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from caloforge.errors import ConfigError
from caloforge.networks.averaged import AveragedObjective, numbers
from caloforge.networks.base import GeneratorNetwork
from caloforge.networks.gan.response import DrawnLayers
from caloforge.networks.objective import Batch, TrainingPlan
from caloforge.networks.scores.energy_score import energy_score, pair_distance
from caloforge.networks.scores.features import features
from caloforge.networks.scores.options import EnergyScoreOptions
from caloforge.networks.scores.spread import FeatureSpread
from caloforge.ranks import group


class EnergyScoreObjective(AveragedObjective):
    """See the module; an :class:`caloforge.networks.objective.Objective` of any network."""

    def __init__(
        self,
        network: Any,
        options: EnergyScoreOptions,
        generator: GeneratorNetwork,
        plan: TrainingPlan,
    ) -> None:
        if options.made % group.size() or options.made < 2 * group.size():
            msg = f"objective.made {options.made} must give each of {group.size()} ranks as many"
            raise ConfigError(msg)
        super().__init__(generator, plan)
        self.options, self.made = options, options.made // group.size()
        self.layers = plan.domain.shape[2]
        self.last_step = plan.epochs * plan.steps_per_epoch
        self.generating = group.wrapped(self._trained_part())
        self.optimiser = torch.optim.Adam(
            generator.parameters(), options.learning_rate, betas=(0.9, 0.99)
        )
        self.spread = FeatureSpread()

    def start_epoch(self, epoch: int) -> None:
        """Nothing: the learning rate changes with every step."""

    def step(self, batch: Batch) -> dict[str, float]:
        """One step on the weighted sum of the scores."""
        self._set_rate()
        self.generator.train()
        losses = self._scored(batch) if batch.latent is None else self._paired(batch, batch.latent)
        self.optimiser.zero_grad(set_to_none=True)
        torch.stack(list(losses.values())).sum().backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(self.generator.parameters(), self.options.largest_gradient)
        self.optimiser.step()
        self._end_step()
        return numbers(losses | {"gradient": norm})

    def _scored(self, batch: Batch) -> dict[str, Tensor]:
        """Scores of showers made for the batch's conditions."""
        conditions = len(batch) // batch.repeats
        draws = max(2, self.made // conditions)
        conditions = min(conditions, self.made // draws)
        used = conditions * batch.repeats
        true = Batch(batch.cells[:used], batch.energy[:used], batch.theta[:used], batch.repeats)
        energy, theta = (
            rows[:: batch.repeats].repeat_interleave(draws) for rows in (true.energy, true.theta)
        )
        cells = self._generate(self._latent(len(energy)), energy, theta)
        return self._losses(cells, energy, true, partial(energy_score, conditions=conditions))

    def _paired(self, batch: Batch, latent: Tensor) -> dict[str, Tensor]:
        """Distances of showers from the teacher's of the same latent numbers."""
        true = Batch(batch.cells[: self.made], batch.energy[: self.made], batch.theta[: self.made])
        cells = self._generate(latent[: self.made], true.energy, true.theta)
        return self._losses(cells, true.energy, true, pair_distance)

    def _other_state(self) -> dict[str, Any]:
        return {"optimiser": self.optimiser.state_dict(), "spread": self.spread.state_dict()}

    def _load_other_state(self, state: dict[str, Any]) -> None:
        self.optimiser.load_state_dict(state["optimiser"])
        self.spread.load_state_dict(state["spread"])

    def _trained_part(self) -> nn.Module:
        part, ending = self.options.part, self.generator.drawn_part
        if part == "showers":
            return self.generator
        if ending is None:
            msg = f'objective.part "{part}" needs a network with drawn_response = true'
            raise ConfigError(msg)
        if part == "drawn":
            return ending
        sums = ending.get_submodule("drawn")
        if part == "cells":
            sums.requires_grad_(False)
            return self.generator
        if not isinstance(sums, DrawnLayers):
            msg = 'objective.part "sums" needs a network with drawn_layers = true'
            raise ConfigError(msg)
        return sums

    def _set_rate(self) -> None:
        warmup = min(1.0, (self.steps + 1) / (self.options.warmup_steps + 1))
        done = min(1.0, self.steps / max(1, self.last_step))
        for part in self.optimiser.param_groups:
            part["lr"] = self.options.learning_rate * warmup * 0.5 * (1 + math.cos(math.pi * done))

    def _generate(self, latent: Tensor, energy: Tensor, theta: Tensor) -> Tensor:
        given: tuple[Tensor, ...] = (latent, energy, theta)
        if self.options.part == "drawn":
            given = (torch.ones(1, 1, 1, self.layers, device=self.device), *given)
        with self._in_precision():
            cells: Tensor = self.generating(*given)
        if self.options.part == "sums":
            cells = cells[:, None, None]
        return cells.float()

    def _losses(
        self,
        cells: Tensor,
        energy: Tensor,
        true: Batch,
        compare: Callable[[Tensor, Tensor], Tensor],
    ) -> dict[str, Tensor]:
        """Weighted comparisons of the groups of features."""
        every = self.options.weights.model_dump()
        weights = {name: weight for name, weight in every.items() if weight > 0}
        like_made = true.cells if cells.shape[1] > 1 else true.cells.sum((1, 2), keepdim=True)
        made, wanted = (
            features(*showers, weights) for showers in ((cells, energy), (like_made, true.energy))
        )
        named = {_place(name, i): f for name in weights for i, f in enumerate(wanted[name])}
        self.spread.learn(named, true.energy, true.repeats)
        of_made, of_true = (self.spread.of(named, each) for each in (energy, true.energy))
        losses = {}
        for name, weight in weights.items():
            scores = []
            for number, (mine, theirs) in enumerate(zip(made[name], wanted[name], strict=True)):
                place = _place(name, number)
                scores.append(compare(mine / of_made[place], theirs / of_true[place]))
            losses[name] = weight * torch.stack(scores).sum()
        return losses


def _place(name: str, number: int) -> str:
    return f"{name} {number}"
