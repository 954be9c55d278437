"""The objective of the factorised network: every part is trained on its own exact likelihood.

In the first epoch the transverse pattern starts to learn, and the layer energies are collected;
their quantiles are then known.  Then pattern and layer energies are trained side by side: the
pattern on the cross-entropy of where the energy of a layer falls (so that its mean is right in
every pad), the layer energies on the likelihood of their flow.  In the last epoch the averaged
weights stand still while the tables of cells, core and impact points are measured.  Only then does
the generator give showers.
"""

from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING, Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from caloforge.config import FrozenModel
from caloforge.errors import ConfigError
from caloforge.models.base import Generator
from caloforge.models.factorised import FactorisedGenerator
from caloforge.train import ranks
from caloforge.train.factorised_core import CoreMeasurement
from caloforge.train.factorised_impact import ImpactEncoder
from caloforge.train.factorised_measure import DepositMeasurement
from caloforge.train.objective import Batch, DataSummary, WeightAverage

if TYPE_CHECKING:
    from caloforge.train.recipe import Recipe

FEWEST_EPOCHS = 3
THIN_LAYER_WEIGHT = 0.004
"""Weight in the pattern's loss that every layer gets beside its share of the energy."""


class FactorisedOptions(FrozenModel):
    """Optimiser.

    ``score_noise``: width of the noise that is added to the normal scores of the layer energies.
    """

    name: Literal["factorised"] = "factorised"
    learning_rate: float = Field(2e-3, gt=0)
    weight_decay: float = Field(1e-3, ge=0)
    score_noise: float = Field(0.05, ge=0)


class FactorisedObjective:
    """See the module; an :class:`caloforge.train.objective.Objective`."""

    def __init__(self, recipe: Recipe, generator: Generator, summary: DataSummary) -> None:
        if not isinstance(generator, FactorisedGenerator):
            msg = 'objective "factorised" trains the network "factorised" only'
            raise ConfigError(msg)
        if recipe.training.epochs < FEWEST_EPOCHS:
            epochs = recipe.training.epochs
            msg = f'objective "factorised" needs at least {FEWEST_EPOCHS} epochs, got {epochs}'
            raise ConfigError(msg)
        self.options: FactorisedOptions = recipe.objective  # type: ignore[assignment]
        self.generator: FactorisedGenerator = generator
        self.encoder = ImpactEncoder(summary.domain)
        self.average = WeightAverage(
            copy.deepcopy(nn.ModuleList([generator, self.encoder])), recipe.training.ema_decay
        )
        self.optimiser = torch.optim.AdamW(
            [*generator.parameters(), *self.encoder.parameters()],
            lr=self.options.learning_rate,
            weight_decay=self.options.weight_decay,
        )
        self.steps_per_epoch = summary.showers // recipe.training.batch_size
        self.fit_epochs = recipe.training.epochs - 1
        self.steps = 0
        self.seen: list[list[Tensor]] = []
        self.deposits = DepositMeasurement(generator.deposits)
        self.core = CoreMeasurement(generator.noise.core)

    @property
    def ema_generator(self) -> Generator:
        """The generator, which takes the averaged weights and the tables when all is measured."""
        return self.generator

    def start_epoch(self, epoch: int) -> None:
        """After the first epoch, set the quantiles of the layer energies."""
        if epoch == 1 and self.seen:
            layers, energy = map(torch.cat, zip(*self.seen, strict=True))
            for generator in (self.generator, self._averaged()[0]):
                generator.layers.measure(layers, energy)
            self.seen = []

    def step(self, batch: Batch) -> dict[str, float]:
        """One optimisation step; in the last epoch, one batch more in the tables."""
        epoch = self.steps // self.steps_per_epoch
        self.steps += 1
        if epoch >= self.fit_epochs:
            return self._measure(batch)
        layer_energy = batch.cells.sum(dim=(1, 2))
        losses = {"pattern": self._pattern_loss(batch, layer_energy)}
        if epoch:
            losses["layers"] = self._layer_loss(batch, layer_energy)
        else:
            self.seen.append([ranks.gathered(layer_energy), ranks.gathered(batch.energy)])
        return self._descend(losses)

    def _pattern_loss(self, batch: Batch, layer_energy: Tensor) -> Tensor:
        """Cross-entropy of the cells' energies with their expectations."""
        impact = self.encoder(batch.cells, batch.energy)
        expected = self.generator.pattern(layer_energy, batch.energy, impact)
        share = -(batch.cells * torch.log(expected + 1e-13)).sum(dim=(1, 2))
        share = share / layer_energy.clamp(1e-9)
        share = share + torch.where(layer_energy > 0, torch.log(layer_energy.clamp(1e-9)), 0.0)
        weight = layer_energy / layer_energy.sum(dim=1, keepdim=True) + THIN_LAYER_WEIGHT
        return (share * weight).sum(dim=1).mean()

    def _layer_loss(self, batch: Batch, layer_energy: Tensor) -> Tensor:
        layers = self.generator.layers
        score = layers.scores(layer_energy, batch.energy)
        noise = ranks.drawn(lambda n: torch.randn(n, score.shape[1]), len(score))
        score = score + self.options.score_noise * noise
        return layers.negative_log_likelihood(score, batch.energy).mean()

    def _descend(self, losses: dict[str, Tensor]) -> dict[str, float]:
        progress = self.steps / (self.fit_epochs * self.steps_per_epoch)
        factor = 0.5 + 0.5 * math.cos(math.pi * min(1.0, progress))
        for group in self.optimiser.param_groups:
            group["lr"] = self.options.learning_rate * factor
        self.optimiser.zero_grad(set_to_none=True)
        torch.stack(list(losses.values())).sum().backward()  # type: ignore[no-untyped-call]
        parameters = [p for group in self.optimiser.param_groups for p in group["params"]]
        ranks.average_gradients(parameters)
        norm = nn.utils.clip_grad_norm_(parameters, 10.0)
        self.optimiser.step()
        self.average.update(nn.ModuleList([self.generator, self.encoder]))
        return {name: loss.item() for name, loss in losses.items()} | {"gradient": norm.item()}

    @torch.no_grad()
    def _measure(self, batch: Batch) -> dict[str, float]:
        """Add showers to what is measured; with the last of them, complete the generator.

        Every rank measures the whole batch, so that all of them hold the same tables.
        """
        batch = Batch(*map(ranks.gathered, (batch.cells, batch.energy, batch.theta)))
        generator, encoder = self._averaged()
        layer_energy = batch.cells.sum(dim=(1, 2))
        impact = encoder(batch.cells, batch.energy)
        expected = generator.pattern(layer_energy, batch.energy, impact)
        self.deposits.add(batch.cells, expected, batch.energy)
        self.core.add(batch.cells, expected, batch.energy)
        self.seen.append([impact, layer_energy, batch.energy])
        if self.steps == (self.fit_epochs + 1) * self.steps_per_epoch:
            impacts, layers, energy = map(torch.cat, zip(*self.seen, strict=True))
            generator.impact.measure(impacts, energy)
            generator.layers.calibrate(layers, energy)
            self.deposits.apply(generator.deposits)
            self.core.apply(generator.noise.core)
            self.generator.load_state_dict(generator.state_dict())
        return {"occupancy": (batch.cells > 0).float().mean().item()}

    def _averaged(self) -> tuple[FactorisedGenerator, ImpactEncoder]:
        generator, encoder = self.average.average.children()
        assert isinstance(generator, FactorisedGenerator) and isinstance(encoder, ImpactEncoder)
        return generator, encoder

    def state_dict(self) -> dict[str, Any]:
        """Weights, averages, optimiser, what has been collected, and step counters."""
        return {
            "generator": self.generator.state_dict(),
            "encoder": self.encoder.state_dict(),
            "average": self.average.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "deposits": self.deposits.state_dict(),
            "core": self.core.state_dict(),
            "seen": self.seen,
            "steps": [self.steps, self.average.steps],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The inverse of :meth:`state_dict`."""
        self.generator.load_state_dict(state["generator"])
        self.encoder.load_state_dict(state["encoder"])
        self.average.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.deposits.load_state_dict(state["deposits"])
        self.core.load_state_dict(state["core"])
        self.seen = state["seen"]
        self.steps, self.average.steps = state["steps"]
