"""The objective of the factorised network: every part is trained on its own exact likelihood.

In the first epoch the transverse pattern starts to learn, and the layer energies are collected;
their quantiles are then known.  Then pattern and layer energies are trained side by side: the
pattern on the cross-entropy of where the energy of a layer falls (so that its mean is right in
every pad), the layer energies on the likelihood of their flow.  In the last epoch the averaged
weights stand still while the tables of cells and core are measured.  Only then does the generator
give showers.
"""

from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn

from caloforge.config import FrozenModel
from caloforge.errors import ConfigError
from caloforge.networks.base import Generator
from caloforge.networks.factorised.fit.core import CoreMeasurement
from caloforge.networks.factorised.fit.deposits import DepositMeasurement
from caloforge.networks.factorised.fit.halo import HaloMeasurement
from caloforge.networks.factorised.fit.impact import ImpactEncoder
from caloforge.networks.factorised.fit.tilt import TiltMeasurement
from caloforge.networks.factorised.generator import FactorisedGenerator
from caloforge.networks.factorised.knots import Condition
from caloforge.networks.objective import Batch, DataSummary, WeightAverage
from caloforge.ranks import group

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


class View(NamedTuple):
    """A batch as the network sees it: windows of cells, what they expect, and all in between."""

    layer_energy: Tensor
    condition: Condition
    axis: Tensor
    centre: Tensor
    cells: Tensor
    expected: Tensor
    beside: Tensor


def look(generator: FactorisedGenerator, encoder: ImpactEncoder, batch: Batch) -> View:
    """What a generator expects of a batch of Geant4 showers."""
    layer_energy = batch.cells.sum(dim=(1, 2))
    condition = generator.knots(batch.energy, batch.theta)
    moved = generator.axis.displacement(layer_energy, condition.slope)
    axis = generator.axis(encoder(batch.cells, condition, moved), layer_energy, condition)
    centre = generator.axis.centre(axis.detach())
    cells = generator.axis.cut(batch.cells, centre)
    expected, beside = generator.expected(layer_energy, condition, axis, centre)
    return View(layer_energy, condition, axis, centre, cells, expected, beside)


def _pattern_loss(view: View) -> Tensor:
    """Cross-entropy of where the energy falls, in the window and beside it, with expectations."""
    layer_energy = view.layer_energy
    share = -(view.cells * torch.log(view.expected + 1e-13)).sum(dim=(1, 2))
    outside = (layer_energy - view.cells.sum(dim=(1, 2))).clamp(min=0.0)
    share = share - outside * torch.log(view.beside.clamp(min=1e-13))
    share = share / layer_energy.clamp(1e-9)
    share = share + torch.where(layer_energy > 0, torch.log(layer_energy.clamp(1e-9)), 0.0)
    weight = layer_energy / layer_energy.sum(dim=1, keepdim=True) + THIN_LAYER_WEIGHT
    return (share * weight).sum(dim=1).mean()


class FactorisedObjective:
    """See the module; an :class:`caloforge.networks.objective.Objective`."""

    def __init__(self, recipe: Recipe, generator: Generator, summary: DataSummary) -> None:
        if not isinstance(generator, FactorisedGenerator):
            msg = 'objective "factorised" trains the network "factorised" only'
            raise ConfigError(msg)
        if recipe.training.epochs < FEWEST_EPOCHS:
            epochs = recipe.training.epochs
            msg = f'objective "factorised" needs at least {FEWEST_EPOCHS} epochs, got {epochs}'
            raise ConfigError(msg)
        if recipe.training.precision != "float32":
            msg = 'objective "factorised" trains in float32: its tables need exact places'
            raise ConfigError(msg)
        self.options: FactorisedOptions = recipe.objective  # type: ignore[assignment]
        self.generator: FactorisedGenerator = generator
        self.encoder = ImpactEncoder(summary.domain, generator.knots)
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
        self.last_step = recipe.training.epochs * self.steps_per_epoch
        self.steps = 0
        self.seen: list[list[Tensor]] = []
        self.deposits = DepositMeasurement(generator.deposits)
        self.core = CoreMeasurement(generator.noise.core)
        self.halo = HaloMeasurement()
        self.tilt = TiltMeasurement()

    @property
    def ema_generator(self) -> Generator:
        """The generator, which takes the averaged weights and the tables when all is measured."""
        return self.generator

    @property
    def ready(self) -> bool:
        """Whether all tables are measured."""
        return self.steps >= self.last_step

    def start_epoch(self, epoch: int) -> None:
        """After the first epoch, set the quantiles of the layer energies."""
        if epoch == 1 and self.seen:
            layers, energy, theta = map(torch.cat, zip(*self.seen, strict=True))
            for generator in (self.generator, self._averaged()[0]):
                generator.layers.measure(layers, energy, theta)
            self.seen = []

    def step(self, batch: Batch) -> dict[str, float]:
        """One optimisation step; in the last epoch, one batch more in the tables."""
        epoch = self.steps // self.steps_per_epoch
        self.steps += 1
        if epoch >= self.fit_epochs:
            return self._measure(batch)
        view = look(self.generator, self.encoder, batch)
        losses = {"pattern": _pattern_loss(view)}
        if epoch:
            losses["layers"] = self._layer_loss(view)
        else:
            mine = (view.layer_energy, batch.energy, batch.theta)
            self.seen.append([group.gathered(part) for part in mine])
        return self._descend(losses)

    def _layer_loss(self, view: View) -> Tensor:
        layers = self.generator.layers
        score = layers.scores(view.layer_energy, view.condition)
        noise = group.drawn(lambda n: torch.randn(n, score.shape[1]), len(score))
        score = score + self.options.score_noise * noise
        return layers.negative_log_likelihood(score, view.condition).mean()

    def _descend(self, losses: dict[str, Tensor]) -> dict[str, float]:
        progress = self.steps / (self.fit_epochs * self.steps_per_epoch)
        factor = 0.5 + 0.5 * math.cos(math.pi * min(1.0, progress))
        for options in self.optimiser.param_groups:
            options["lr"] = self.options.learning_rate * factor
        self.optimiser.zero_grad(set_to_none=True)
        torch.stack(list(losses.values())).sum().backward()  # type: ignore[no-untyped-call]
        parameters = [p for part in self.optimiser.param_groups for p in part["params"]]
        group.average_gradients(parameters)
        norm = nn.utils.clip_grad_norm_(parameters, 10.0)
        self.optimiser.step()
        self.average.update(nn.ModuleList([self.generator, self.encoder]))
        return {name: loss.item() for name, loss in losses.items()} | {"gradient": norm.item()}

    @torch.no_grad()
    def _measure(self, batch: Batch) -> dict[str, float]:
        """Add showers to what is measured; with the last of them, complete the generator.

        Every rank measures the whole batch, so that all of them hold the same tables.
        """
        batch = Batch(*map(group.gathered, (batch.cells, batch.energy, batch.theta)))
        generator, encoder = self._averaged()
        view = look(generator, encoder, batch)
        self.deposits.add(view.cells, view.layer_energy, view.expected, view.condition)
        self.core.add(view.cells, view.expected, view.condition)
        if generator.halo is not None:
            self.halo.add(generator.halo, batch.cells, view.condition, view.centre, view.beside)
        if generator.knots.inclined:
            self.tilt.add(batch.cells, generator.axis.depth, view.condition)
        self.seen.append([view.layer_energy, batch.energy, batch.theta])
        if self.steps == self.last_step:
            self._complete(generator)
        return {"occupancy": (batch.cells > 0).float().mean().item()}

    def _complete(self, generator: FactorisedGenerator) -> None:
        """Set all tables from what was measured, and take the averaged weights."""
        layers, energy, theta = map(torch.cat, zip(*self.seen, strict=True))
        condition = generator.knots(energy, theta)
        generator.layers.calibrate(layers, condition)
        self.deposits.apply(generator.deposits)
        self.core.apply(generator.noise.core)
        if generator.halo is not None:
            self.halo.apply(generator.halo, generator.knots)
        if generator.knots.inclined:
            self.tilt.apply(generator, condition)
        self.generator.load_state_dict(generator.state_dict())

    def _averaged(self) -> tuple[FactorisedGenerator, ImpactEncoder]:
        generator, encoder = self.average.average.children()
        assert isinstance(generator, FactorisedGenerator) and isinstance(encoder, ImpactEncoder)
        return generator, encoder

    def trained_modules(self) -> dict[str, nn.Module]:
        """The generator, and the encoder of the impact point."""
        return {"generator": self.generator, "encoder": self.encoder}

    def restart_average(self) -> None:
        """The averaged weights become the current ones."""
        self.average.restart(nn.ModuleList([self.generator, self.encoder]))

    def state_dict(self) -> dict[str, Any]:
        """Weights, averages, optimiser, what has been collected, and step counters."""
        return {
            "generator": self.generator.state_dict(),
            "encoder": self.encoder.state_dict(),
            "average": self.average.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "deposits": self.deposits.state_dict(),
            "core": self.core.state_dict(),
            "halo": self.halo.state_dict(),
            "tilt": self.tilt.state_dict(),
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
        self.halo.load_state_dict(state["halo"])
        self.tilt.load_state_dict(state["tilt"])
        self.seen = state["seen"]
        self.steps, self.average.steps = state["steps"]
