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
from caloforge.networks.gan.ending import Ending
from caloforge.networks.gan.response import DrawnLayers
from caloforge.networks.objective import Batch, TrainingPlan
from caloforge.networks.optimiser import optimiser_of, restore, set_rate, stored
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
        self.makes_cells = self._makes_cells()
        self.last_step = plan.epochs * plan.steps_per_epoch
        self.generating = group.wrapped(self._trained_part())
        self.optimiser = optimiser_of(
            torch.optim.Adam, generator, options.learning_rate, plan.device, betas=(0.9, 0.99)
        )
        self.spread = FeatureSpread()
        every = options.weights.model_dump()
        self.weights = {name: weight for name, weight in every.items() if weight > 0}

    def start_epoch(self, epoch: int) -> None:
        """Nothing: the learning rate changes with every step."""

    def step(self, batch: Batch) -> dict[str, float]:
        """One step on the weighted sum of the scores."""
        self._set_rate()
        self.generator.train()
        values = self._scored(batch) if batch.latent is None else self._paired(batch, batch.latent)
        self._end_step()
        return numbers(values)

    def _scored(self, batch: Batch) -> dict[str, Tensor]:
        """A step on the scores of showers made for the batch's conditions."""
        conditions = len(batch) // batch.repeats
        draws = max(2, self.made // conditions)
        conditions = min(conditions, self.made // draws)
        used = conditions * batch.repeats
        true = Batch(batch.cells[:used], batch.energy[:used], batch.theta[:used], batch.repeats)
        energy, theta = (
            rows[:: batch.repeats].repeat_interleave(draws) for rows in (true.energy, true.theta)
        )
        asked = (self._latent(len(energy)), energy, theta)
        return self._compared(asked, true, conditions)

    def _paired(self, batch: Batch, latent: Tensor) -> dict[str, Tensor]:
        """A step on distances of showers from the teacher's of the same latent numbers."""
        true = Batch(batch.cells[: self.made], batch.energy[: self.made], batch.theta[: self.made])
        return self._compared((latent[: self.made], true.energy, true.theta), true, None)

    def _compared(
        self, asked: tuple[Tensor, Tensor, Tensor], true: Batch, conditions: int | None
    ) -> dict[str, Tensor]:
        """A step on showers made of latent numbers, energies and angles, in so many conditions;
        None: each has its partner."""
        cells = true.cells if self.makes_cells else true.cells.sum((1, 2), keepdim=True)
        groups = features(cells, true.energy, self.weights)
        wanted = {f"{name} {i}": each for name in groups for i, each in enumerate(groups[name])}
        self.spread.learn(wanted, true.energy, true.repeats)
        of_made, of_true = (self.spread.of(wanted, each) for each in (asked[1], true.energy))
        scaled = [feature / of_true[place] for place, feature in wanted.items()]
        units = torch.stack([of_made[place] for place in wanted])
        return self.captured(
            partial(self._descend, conditions), (*asked, units, *scaled), conditions
        )

    def _other_state(self) -> dict[str, Any]:
        return {"optimiser": stored(self.optimiser), "spread": self.spread.state_dict()}

    def _load_other_state(self, state: dict[str, Any]) -> None:
        restore(self.optimiser, state["optimiser"])
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

    def _makes_cells(self) -> bool:
        """Whether what is trained makes more of a shower than its layers' energies."""
        part, ending = self.options.part, self.generator.drawn_part
        lateral = isinstance(ending, Ending) and ending.lateral is not None
        return part in ("showers", "cells") or (part == "drawn" and lateral)

    def _set_rate(self) -> None:
        warmup = min(1.0, (self.steps + 1) / (self.options.warmup_steps + 1))
        done = min(1.0, self.steps / max(1, self.last_step))
        falling = 0.5 * (1 + math.cos(math.pi * done))
        set_rate(self.optimiser, self.options.learning_rate * warmup * falling)

    def _generate(self, latent: Tensor, energy: Tensor, theta: Tensor) -> Tensor:
        given: tuple[Tensor, ...] = (latent, energy, theta)
        if self.options.part == "drawn":
            given = (torch.ones(1, 1, 1, self.layers, device=self.device), *given)
        with self._in_precision():
            cells: Tensor = self.generating(*given)
        if self.options.part == "sums":
            cells = cells[:, None, None]
        return cells.float()

    def _descend(
        self,
        conditions: int | None,
        latent: Tensor,
        energy: Tensor,
        theta: Tensor,
        units: Tensor,
        *wanted: Tensor,
    ) -> dict[str, Tensor]:
        """The optimiser's step on the weighted comparisons of the groups of features, each list in
        its ``units`` (F, N, 1); these, and the gradient's norm."""
        compare: Callable[[Tensor, Tensor], Tensor] = pair_distance
        if conditions is not None:
            compare = partial(energy_score, conditions=conditions)
        made = features(self._generate(latent, energy, theta), energy, self.weights)
        losses, compared = {}, iter(zip(units, wanted, strict=True))
        for name, weight in self.weights.items():
            scores = []
            for mine in made[name]:
                unit, theirs = next(compared)
                scores.append(compare(mine / unit, theirs))
            losses[name] = weight * torch.stack(scores).sum()
        self.optimiser.zero_grad(set_to_none=True)
        torch.stack(list(losses.values())).sum().backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(self.generator.parameters(), self.options.largest_gradient)
        self.optimiser.step()
        return losses | {"gradient": norm}
