"""The adversarial objective: the published 3DGAN losses and schedule, and today's stabilisers.

One discriminator step and ``generator_steps`` generator steps a batch.  Losses: binary
cross-entropy for real or fake, percentage errors for every quantity that the discriminator measures
(Ep, ECAL sum, angle).  Generated showers take the conditions of the real batch, so that its ECAL
sums are their targets (Vallecorsa et al. 2019; Khattak et al. 2022).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from caloforge.errors import ConfigError
from caloforge.networks.averaged import AveragedObjective, numbers
from caloforge.networks.base import Discriminator, Domain, GeneratorNetwork, Judgement
from caloforge.networks.blocks import training_image
from caloforge.networks.gan.losses import (
    flipped_labels,
    gradient_penalty,
    percentage_error,
    real_or_fake,
)
from caloforge.networks.gan.options import GanOptions
from caloforge.networks.layout import lay_out
from caloforge.networks.objective import Batch, TrainingPlan
from caloforge.networks.optimiser import optimiser_of, restore, set_rate, stored
from caloforge.ranks import group
from caloforge.ranks.common_norm import has_norm


class GanObjective(AveragedObjective):
    """See the module; an :class:`caloforge.networks.objective.Objective`."""

    def __init__(
        self,
        options: GanOptions,
        generator: GeneratorNetwork,
        discriminator: Discriminator,
        plan: TrainingPlan,
    ) -> None:
        super().__init__(generator, plan)
        self.options, self.discriminator = options, discriminator
        self.rate_scale = plan.batch_size / (options.rates_for_batch or plan.batch_size)
        if options.spectral_norm:
            _normalise_spectrum(discriminator)
        lay_out(discriminator.to(self.device))
        self.generating = group.wrapped(generator)
        self.judging = group.wrapped(self.discriminator, unused=not self.options.weights.energy)
        self.generator_optimiser = self._optimiser(generator, self.options.generator_learning_rate)
        self.discriminator_optimiser = self._optimiser(
            self.discriminator, self.options.discriminator_learning_rate
        )
        if group.size() > 1 and self.options.r1_weight and has_norm(self.discriminator):
            msg = (
                "objective.r1_weight must be 0 on several ranks: this discriminator has batch norm"
            )
            raise ConfigError(msg)

    @classmethod
    def against(
        cls, discriminator: Callable[[Any, Domain], Discriminator]
    ) -> Callable[[Any, GanOptions, GeneratorNetwork, TrainingPlan], GanObjective]:
        """How the objective of a network with this discriminator is built."""

        def build(
            network: Any, options: GanOptions, generator: GeneratorNetwork, plan: TrainingPlan
        ) -> GanObjective:
            return cls(options, generator, discriminator(network, plan.domain), plan)

        return build

    def start_epoch(self, epoch: int) -> None:
        """Set the learning rates of the epoch."""
        warmup = min(1.0, (epoch + 1) / (self.options.warmup_epochs + 1))
        factor = warmup * self.options.learning_rate_decay ** max(
            0, epoch - self.options.warmup_epochs
        )
        for optimiser, rate in (
            (self.generator_optimiser, self.options.generator_learning_rate),
            (self.discriminator_optimiser, self.options.discriminator_learning_rate),
        ):
            set_rate(optimiser, rate * self.rate_scale * factor)

    def step(self, batch: Batch) -> dict[str, float]:
        """One discriminator step and the generator steps.

        The first generator step reuses the showers that the discriminator step has seen.
        """
        self.generator.train()
        penalised = bool(self.options.r1_weight) and self.steps % self.options.r1_every == 0
        given = (batch.cells, batch.energy, batch.theta)
        values = self.captured(partial(self._descend, penalised), given, penalised)
        self._end_step()
        return numbers(values)

    def _descend(
        self, penalised: bool, cells: Tensor, energy: Tensor, theta: Tensor
    ) -> dict[str, Tensor]:
        batch = Batch(cells, energy, theta)
        fake = self._generate(batch)
        values = self._discriminator_step(batch, fake.detach(), penalised)
        self.discriminator.requires_grad_(False)
        for repeat in range(self.options.generator_steps):
            if repeat:
                fake = self._generate(batch)
            values |= self._generator_step(batch, fake)
        self.discriminator.requires_grad_(True)
        return values

    def trained_modules(self) -> dict[str, nn.Module]:
        """Generator and discriminator."""
        return {"generator": self.generator, "discriminator": self.discriminator}

    def _other_state(self) -> dict[str, Any]:
        return {
            "discriminator": self.discriminator.state_dict(),
            "generator_optimiser": stored(self.generator_optimiser),
            "discriminator_optimiser": stored(self.discriminator_optimiser),
        }

    def _load_other_state(self, state: dict[str, Any]) -> None:
        self.discriminator.load_state_dict(state["discriminator"])
        restore(self.generator_optimiser, state["generator_optimiser"])
        restore(self.discriminator_optimiser, state["discriminator_optimiser"])

    def _optimiser(self, module: nn.Module, rate: float) -> torch.optim.Optimizer:
        if self.options.optimiser == "adam":
            return optimiser_of(torch.optim.Adam, module, rate, self.device, betas=(0.5, 0.99))
        return optimiser_of(torch.optim.RMSprop, module, rate, self.device, alpha=0.9)

    def _generate(self, batch: Batch) -> Tensor:
        latent = self._latent(len(batch))
        with self._in_precision():
            cells: Tensor = self.generating(latent, batch.energy, batch.theta)
        return cells

    def _judge(self, discriminator: nn.Module, cells: Tensor, batch: Batch) -> Judgement:
        with self._in_precision(), group.random_state_of_rank():
            judgement: Judgement = discriminator(cells, batch.energy, batch.theta)
        return judgement

    def _discriminator_step(self, batch: Batch, fake: Tensor, penalised: bool) -> dict[str, Tensor]:
        options = self.options
        losses: dict[str, Tensor] = {}
        for kind, label, cells in (("real", 1.0, batch.cells), ("fake", 0.0, fake)):
            judgement = self._judge(self.judging, cells, batch)
            labels = self._drawn(partial(self._labels, label), len(batch))
            losses[f"d_{kind}"] = options.weights.real * real_or_fake(judgement.logit, labels)
            for name, loss in self._measured(judgement, batch).items():
                if loss.requires_grad:
                    losses[f"d_{kind}_{name}"] = loss
        if penalised:
            image = training_image(batch.cells).requires_grad_(True)
            sums = batch.cells.sum(dim=(1, 2, 3))
            judgement = self.discriminator.judge(image, sums, batch.energy, batch.theta)
            penalty = gradient_penalty(judgement.logit, image)
            losses["d_r1"] = options.r1_weight * options.r1_every * penalty
        return _stepped(self.discriminator_optimiser, losses, "d")

    def _labels(self, label: float, n: int) -> Tensor:
        options = self.options
        return flipped_labels(n, label, options.label_flips, options.label_smoothing)

    def _generator_step(self, batch: Batch, fake: Tensor) -> dict[str, Tensor]:
        judgement = self._judge(self.discriminator, fake, batch)
        real = real_or_fake(judgement.logit, torch.ones_like(judgement.logit))
        losses = {"g_real": self.options.weights.real * real}
        for name, loss in self._measured(judgement, batch).items():
            losses[f"g_{name}"] = loss
        return _stepped(self.generator_optimiser, losses, "g")

    def _measured(self, judgement: Judgement, batch: Batch) -> dict[str, Tensor]:
        """Weighted percentage errors of what the discriminator measured."""
        true = {
            "energy": batch.energy,
            "ecal": batch.cells.sum(dim=(1, 2, 3)),
            "theta": batch.theta,
        }
        weights = self.options.weights.model_dump(exclude={"real"})
        wanted = {name: weight for name, weight in weights.items() if weight}
        for name in wanted.keys() - judgement.measured.keys():
            msg = f"objective.weights.{name} must be 0: this discriminator does not measure {name}"
            raise ConfigError(msg)
        return {
            name: weight * percentage_error(judgement.measured[name], true[name])
            for name, weight in wanted.items()
        }


def _stepped(
    optimiser: torch.optim.Optimizer, losses: dict[str, Tensor], side: str
) -> dict[str, Tensor]:
    """One optimiser step on the sum of the losses; returns them and the gradient's norm."""
    optimiser.zero_grad(set_to_none=True)
    torch.stack(list(losses.values())).sum().backward()  # type: ignore[no-untyped-call]
    gradients = [p.grad for part in optimiser.param_groups for p in part["params"]]
    norm = torch.nn.utils.get_total_norm([g for g in gradients if g is not None])
    optimiser.step()
    return losses | {f"{side}_gradient": norm}


def _normalise_spectrum(discriminator: Discriminator) -> None:
    for module in discriminator.modules():
        if isinstance(module, nn.Conv2d | nn.Conv3d | nn.Linear):
            torch.nn.utils.parametrizations.spectral_norm(module)
