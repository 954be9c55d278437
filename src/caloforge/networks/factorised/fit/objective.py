"""The objective of the factorised network: what of it is trained, and when the rest is measured.

In the first epoch the transverse pattern starts to learn, and the layer energies are collected;
their quantiles are then known.  Then pattern and layer energies are trained side by side: the
pattern on the cross-entropy of where the energy of a layer falls (so that its mean is right in
every pad) and, where it says how large deposits are, on the layers' numbers of hits, the layer
energies on the likelihood of their flow.  Both are likelihoods up to a
constant; the other parts are measured, not fitted to a likelihood, while the averaged weights stand
still (:mod:`.measurement`).  Only then does the generator give showers.
"""

from __future__ import annotations

import copy
import math
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from caloforge.errors import ConfigError
from caloforge.networks.factorised.fit.empty import SWEEPS, drawn_scores
from caloforge.networks.factorised.fit.expectation import ExpectedShowers, expect
from caloforge.networks.factorised.fit.impact import WIDTH, impact_encoder
from caloforge.networks.factorised.fit.layers import LayerQuantiles, usual_response
from caloforge.networks.factorised.fit.measurement import GeneratorMeasurement
from caloforge.networks.factorised.generator import FactorisedGenerator
from caloforge.networks.objective import Batch, ObjectiveOptions, TrainingPlan, WeightAverage
from caloforge.ranks import group

THIN_LAYER_WEIGHT = 0.004
"""Weight in the pattern's loss that every layer gets beside its share of the energy."""
ONE_PARTICLE = 0.29
"""What a particle leaves in a layer, in units of what the layers' classes call faint."""
FEWEST_HITS = 1e-3
"""Expected in any layer, whose logarithm is finite so."""


class FitOptions(ObjectiveOptions):
    """Optimiser; the network trains in float32, because its tables need exact places.

    ``score_noise``: width of the noise that is added to the normal scores of the layer energies.
    ``empty_layers``: "lump" takes a layer without energy for one faint energy, "drawn" for one that
    the others make likely (:mod:`.empty`).  ``flow_epochs``: epochs in which the flow of the layer
    energies is trained (None: as long as the rest); small samples teach it less than the pattern.
    ``encoder_width``: hidden units of what reads the impact points off the showers in training.
    ``halo_prior``: hits beside the window that every layer has beside its own, at the rate of all.
    ``smooth_response``: mean and width of the response bend with Ep only as far as the showers say.
    """

    fewest_epochs: ClassVar[int] = 3
    measuring_epochs: ClassVar[int] = 1
    precisions: ClassVar[tuple[str, ...]] = ("float32",)
    devices: ClassVar[tuple[str, ...]] = ("cpu",)
    name: Literal["factorised"] = "factorised"
    learning_rate: float = Field(2e-3, gt=0)
    weight_decay: float = Field(1e-3, ge=0)
    score_noise: float = Field(0.05, ge=0)
    empty_layers: Literal["lump", "drawn"] = "lump"
    flow_epochs: int | None = Field(None, ge=0)
    halo_prior: float = Field(0.0, ge=0)
    smooth_response: bool = False
    encoder_width: int = Field(WIDTH, gt=0)


def pattern_loss(view: ExpectedShowers) -> Tensor:
    """Cross-entropy of where the energy falls, in the window and beside it, with expectations."""
    layer_energy = view.layer_energy
    share = -(view.window * torch.log(view.expected + 1e-13)).sum(dim=(1, 2))
    outside = (layer_energy - view.window.sum(dim=(1, 2))).clamp(min=0.0)
    share = share - outside * torch.log(view.beside.clamp(min=1e-13))
    share = share / layer_energy.clamp(1e-9)
    share = share + torch.where(layer_energy > 0, torch.log(layer_energy.clamp(1e-9)), 0.0)
    weight = layer_energy / layer_energy.sum(dim=1, keepdim=True) + THIN_LAYER_WEIGHT
    return (share * weight).sum(dim=1).mean()


def sizes_loss(view: ExpectedShowers, particle_gev: float) -> Tensor:
    """Negative logarithm of the likelihood (Poisson) of the layers' numbers of hits, for one hit;
    what cells expect, as if their deposits were as usual, stands still.

    A cell is hit if a particle crosses it, of which there are its expectation over ``particle_gev``
    times the size of the layer's deposits.  That this is only about so does not matter: the tables
    are measured with whatever sizes are found.
    """
    assert view.larger is not None
    particles = view.expected.detach() / particle_gev * torch.exp(-view.larger)[:, None, None]
    mean = (1.0 - torch.exp(-particles)).sum(dim=(1, 2)) + FEWEST_HITS
    hits = (view.window > 0).sum(dim=(1, 2))
    loss = (mean - hits * torch.log(mean)).sum(dim=1) / hits.sum(dim=1).clamp(min=1)
    return loss.mean()


class FactorisedObjective:
    """See the module; an :class:`caloforge.networks.objective.Objective`."""

    def __init__(
        self, options: FitOptions, generator: FactorisedGenerator, plan: TrainingPlan
    ) -> None:
        if generator.layers.conversion is not None and options.empty_layers != "drawn":
            msg = 'conversion takes empty_layers = "drawn": layers before it have no energy'
            raise ConfigError(msg)
        self.options, self.generator = options, generator
        self.encoder = impact_encoder(plan.domain, generator.knots, options.encoder_width)
        averaged, encoder = copy.deepcopy((generator, self.encoder))
        self.average = WeightAverage(nn.ModuleList([averaged, encoder]), plan.ema_decay)
        self.steps_per_epoch = plan.steps_per_epoch
        self.last_step = plan.epochs * plan.steps_per_epoch
        self.flow_steps = self.last_step
        if options.flow_epochs is not None:
            self.flow_steps = (1 + options.flow_epochs) * plan.steps_per_epoch
        self.parameters = [*generator.parameters(), *self.encoder.parameters()]
        self.optimiser = torch.optim.AdamW(
            [{"params": weights} for weights in self._groups()],
            lr=options.learning_rate,
            weight_decay=options.weight_decay,
        )
        self.steps = 0
        self.quantiles = LayerQuantiles(
            [generator.layers, averaged.layers], censored=options.empty_layers == "drawn"
        )
        self.measurement = GeneratorMeasurement(
            generator,
            averaged,
            encoder,
            options.halo_prior,
            smooth=options.smooth_response,
        )

    @classmethod
    def of(
        cls, network: Any, options: FitOptions, generator: Any, plan: TrainingPlan
    ) -> FactorisedObjective:
        """The objective of a generator, whatever its network options."""
        return cls(options, generator, plan)

    def _groups(self) -> list[list[nn.Parameter]]:
        """The weights, those of the flow apart where they stand still earlier."""
        if self.flow_steps == self.last_step:
            return [self.parameters]
        flow = list(self.generator.layers.parameters())
        known = set(flow)
        return [[weight for weight in self.parameters if weight not in known], flow]

    @property
    def ema_generator(self) -> FactorisedGenerator:
        """The generator, which takes the averaged weights and the tables when all is measured."""
        return self.generator

    def start_epoch(self, epoch: int) -> None:
        """After the first epoch, set the quantiles of the layer energies, and what response is
        usual."""
        self.steps = max(self.steps, epoch * self.steps_per_epoch)
        if epoch == 1 and self.quantiles.showers:
            self.quantiles.apply()
            if self.generator.pattern.sizes:
                usual = usual_response(self.generator.knots, *self.quantiles.all())
                for pattern in (self.generator.pattern, self.measurement.averaged.pattern):
                    pattern.set_usual_response(usual)
            self.quantiles.reset()

    def step(self, batch: Batch) -> dict[str, float]:
        """One optimisation step."""
        first_epoch = self.steps < self.steps_per_epoch
        self.steps += 1
        expected = expect(self.generator, self.encoder, batch)
        losses = {"pattern": pattern_loss(expected)}
        if expected.larger is not None:
            faint = self.generator.deposits.classes.faint_gev
            losses["sizes"] = sizes_loss(expected, ONE_PARTICLE * faint)
        if first_epoch:
            self._collect(expected)
        elif self.steps <= self.flow_steps:
            losses["layers"] = self._layer_loss(expected)
        return self._descend(losses)

    def _collect(self, expected: ExpectedShowers) -> None:
        """Keep the layer energies of all ranks."""
        showers = expected.showers
        every = Batch(showers.cells, group.gathered(showers.energy), group.gathered(showers.theta))
        layer_energy = group.gathered(expected.layer_energy)
        self.quantiles.add(expected._replace(showers=every, layer_energy=layer_energy))

    def _layer_loss(self, expected: ExpectedShowers) -> Tensor:
        layers, condition = self.generator.layers, expected.condition
        if self.quantiles.censored:
            uniform = group.drawn(
                lambda n: torch.rand(n, SWEEPS, layers.size), len(condition.energy)
            )
            score = drawn_scores(layers, expected.layer_energy, condition, uniform)
        else:
            score = layers.scores(expected.layer_energy, condition)
        noise = group.drawn(lambda n: torch.randn(n, score.shape[1]), len(score))
        score = score + self.options.score_noise * noise
        return layers.negative_log_likelihood(score, condition).mean()

    def _descend(self, losses: dict[str, Tensor]) -> dict[str, float]:
        ends = (self.last_step, self.flow_steps)
        for options, end in zip(self.optimiser.param_groups, ends, strict=False):
            progress = min(1.0, self.steps / end)
            factor = 0.5 + 0.5 * math.cos(math.pi * progress)
            options["lr"] = self.options.learning_rate * factor
        self.optimiser.zero_grad(set_to_none=True)
        torch.stack(list(losses.values())).sum().backward()  # type: ignore[no-untyped-call]
        trained = [weight for weight in self.parameters if weight.grad is not None]
        group.average_gradients(trained)
        norm = nn.utils.clip_grad_norm_(trained, 10.0)
        self.optimiser.step()
        self.average.update(nn.ModuleList([self.generator, self.encoder]))
        return {name: loss.item() for name, loss in losses.items()} | {"gradient": norm.item()}

    def trained_modules(self) -> dict[str, nn.Module]:
        """The generator, and the encoder of the impact point."""
        return {"generator": self.generator, "encoder": self.encoder}

    def restart_average(self) -> None:
        """The averaged weights become the current ones."""
        self.average.restart(nn.ModuleList([self.generator, self.encoder]))

    def state_dict(self) -> dict[str, Any]:
        """Weights, averages, optimiser, what has been collected and measured, and counters."""
        return {
            "generator": self.generator.state_dict(),
            "encoder": self.encoder.state_dict(),
            "average": self.average.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "quantiles": self.quantiles.state_dict(),
            "measured": self.measurement.state_dict(),
            "steps": [self.steps, self.average.steps],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The inverse of :meth:`state_dict`."""
        self.generator.load_state_dict(state["generator"])
        self.encoder.load_state_dict(state["encoder"])
        self.average.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.quantiles.load_state_dict(state["quantiles"])
        self.measurement.load_state_dict(state["measured"])
        self.steps, self.average.steps = state["steps"]
