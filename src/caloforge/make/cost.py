"""What a model will cost, measured on a handful of showers before any work is begun."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import torch

from caloforge.io.gan3d_writer import sample_bytes
from caloforge.make.request import MakeRequest
from caloforge.networks.base import Domain
from caloforge.networks.objective import Batch, TrainingPlan
from caloforge.networks.spec import build_objective
from caloforge.ranges import draw
from caloforge.showers import Showers
from caloforge.train.files import energy_range, theta_range
from caloforge.train.recipe import Recipe

TIMED_STEPS = 3


@dataclass(frozen=True)
class Cost:
    """Seconds of the simulation and the training, and bytes on disk."""

    simulation: float
    training: float
    disk: int

    @property
    def seconds(self) -> float:
        """Of simulation and training together."""
        return self.simulation + self.training


def simulation_seconds(request: MakeRequest, n: int, seconds_per_gev: float, jobs: int) -> float:
    """Seconds that n more showers take in so many processes."""
    energy = draw(n, request.energy, request.theta, seed=request.seed).energy
    return float(energy.sum(dtype=np.float64)) * seconds_per_gev / jobs


def training_seconds(recipe: Recipe, handful: Showers, n: int) -> float:
    """Seconds that a recipe takes with n showers such as these, from a few steps of it.

    The quarter more is what measuring and validating take beside the steps.
    """
    size = recipe.training.batch_size
    rows = np.arange(size) % len(handful)
    cells, energy, theta = (
        torch.from_numpy(values[rows]) for values in (handful.cells, handful.energy, handful.theta)
    )
    batch = Batch(cells, energy, theta)
    steps = max(1, round(n * (1 - recipe.data.validation_fraction)) // size)
    ranges = energy_range(handful.energy), theta_range(handful.theta)
    domain = Domain.of(handful.detector, handful.window, *ranges)
    plan = TrainingPlan(domain, recipe.trained_epochs, steps, size)
    with torch.random.fork_rng(devices=[]):
        objective = build_objective(recipe.network, recipe.objective, plan)
        objective.step(batch)
        began = time.perf_counter()
        for _ in range(TIMED_STEPS):
            objective.step(batch)
    each = (time.perf_counter() - began) / TIMED_STEPS
    return 1.25 * each * steps * recipe.training.epochs


def disk_bytes(request: MakeRequest, shape: tuple[int, int, int]) -> int:
    """Bytes of the samples: training, held-out and generated."""
    return sample_bytes(request.showers + request.held_out, shape)
