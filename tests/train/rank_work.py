"""What the tests let one process, or each of two, compute: a few steps of every objective."""

import json
import math
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from tests.train import test_factorised
from torch.profiler import ProfilerActivity, profile

from caloforge.bench.scaling_steps import step_messages
from caloforge.networks.base import Domain
from caloforge.networks.gan.dropout import ByteDropout
from caloforge.networks.gan.objective import GanObjective
from caloforge.networks.objective import Batch, TrainingPlan
from caloforge.networks.scores.objective import EnergyScoreObjective
from caloforge.networks.spec import build_objective
from caloforge.ranks import group
from caloforge.train.checkpoint import save_state
from caloforge.train.loop import Training
from caloforge.train.recipe import Recipe, load_recipe

SHAPE, BATCH = (8, 8, 8), 8
DOMAIN = Domain(
    shape=SHAPE, energy_range_gev=(10.0, 500.0), theta_range_rad=(math.pi / 2, math.pi / 2)
)
NETWORKS = {
    "layered2d": {"r1_weight": 1.0, "weights": {"energy": 0.0}},
    "conv2d": {"spectral_norm": True},
    "conv3d": {},
}
STANDSTILL = {"generator_learning_rate": 1e-12, "discriminator_learning_rate": 1e-12}
"""The first steps of RMSprop divide by gradients of nearly zero, which would enlarge rounding."""


def own_part(batch: Batch) -> Batch:
    rows = group.rows_of_rank(len(batch))
    return Batch(batch.cells[rows], batch.energy[rows], batch.theta[rows])


def gan(network: str) -> GanObjective:
    recipe = Recipe.model_validate(
        {
            "name": "toy",
            "network": {"name": network, "latent": 8},
            "objective": {"name": "gan", "label_flips": 0.2, **STANDSTILL, **NETWORKS[network]},
            "training": {"epochs": 1, "batch_size": BATCH},
        }
    )
    torch.manual_seed(1)
    plan = TrainingPlan(DOMAIN, 1, 1, BATCH, ema_decay=recipe.training.ema_decay)
    return build_objective(recipe.network, recipe.objective, plan)


def scores() -> EnergyScoreObjective:
    recipe = Recipe.model_validate(
        {
            "name": "toy",
            "network": {"name": "conv2d", "latent": 8, "channels": 16, "relative": True},
            "objective": {"name": "energy_score", "made": 2 * BATCH, "learning_rate": 1e-12},
            "training": {"epochs": 1, "batch_size": BATCH},
        }
    )
    torch.manual_seed(1)
    plan = TrainingPlan(DOMAIN, 1, 1, BATCH, ema_decay=recipe.training.ema_decay)
    return build_objective(recipe.network, recipe.objective, plan)


def gan_steps(network: str) -> dict:
    """Losses, gradients and batch norm's statistics of a second step, without dropout."""
    objective = gan(network)
    for module in objective.discriminator.modules():
        if isinstance(module, ByteDropout):
            module.cut = 0
    rng = torch.Generator().manual_seed(5)
    for step in range(2):
        cells = 0.01 * torch.rand(BATCH, *SHAPE, generator=rng)
        batch = Batch(cells, 10.0 + 90.0 * torch.rand(BATCH, generator=rng), torch.ones(BATCH))
        torch.manual_seed(step)
        values = group.averaged(objective.step(own_part(batch)))
    statistics = dict(objective.generator.named_buffers())
    return {"values": values, "gradients": gradients(objective), "statistics": statistics}


def messages_of_a_step(make: Callable[[], Any]) -> list:
    """How many messages a step sends, as the profiler sees them, and as the scaling model says."""
    objective = make()
    cells = 0.01 * torch.rand(BATCH, *SHAPE)
    batch = own_part(Batch(cells, torch.full((BATCH,), 50.0), torch.ones(BATCH)))
    objective.step(batch)
    with profile(activities=[ProfilerActivity.CPU]) as seen:
        objective.step(batch)
    with tempfile.TemporaryDirectory() as folder:
        trace = Path(folder) / "trace.json"
        seen.export_chrome_trace(str(trace))  # much sooner than `seen.events()`
        names = [event.get("name") for event in json.loads(trace.read_text())["traceEvents"]]
    sent = names.count("c10d::allreduce_") + names.count("c10d::allgather_")
    return [sent, len(step_messages(objective))]


def gradients(objective: GanObjective) -> dict:
    return {
        f"{side}.{name}": parameter.grad
        for side, module in (("g", objective.generator), ("d", objective.discriminator))
        for name, parameter in module.named_parameters()
        if parameter.grad is not None
    }


def factorised_training() -> dict:
    """All three epochs, with the tables that the last one measures."""
    objective = test_factorised.objective()
    steps = test_factorised.STEPS
    for step in range(2 * steps):
        if step % steps == 0:
            objective.start_epoch(step // steps)
        torch.manual_seed(step)
        values = group.averaged(objective.step(own_part(test_factorised.batch(step))))
    for step in range(2 * steps, 3 * steps):
        objective.measurement.add(own_part(test_factorised.batch(step)))
    torch.manual_seed(step)
    objective.measurement.apply()
    return {"values": values, "generator": dict(objective.ema_generator.state_dict())}


def dropout_patterns() -> list:
    """This rank's mask of what it keeps, and whether the common random numbers stayed common."""
    torch.manual_seed(0)
    with group.random_state_of_rank():
        kept = ByteDropout(0.5)(torch.ones(64)) > 0
    everyone = group.gathered(kept.float()[None])
    common = group.gathered(torch.rand(1))
    return [everyone, common]


WORK = {
    **{network: partial(gan_steps, network) for network in NETWORKS},
    "factorised": factorised_training,
    "dropout": dropout_patterns,
    "messages": partial(messages_of_a_step, partial(gan, "conv3d")),
    "messages of scores": partial(messages_of_a_step, scores),
}


class Silent:
    def start(self, epochs, steps_per_epoch, batch_size, done):
        pass

    def step(self, epoch, values):
        pass

    def epoch(self, epoch, score, best):
        pass


def compute_all(folder: Path) -> None:
    """Every part of :data:`WORK`, which rank 0 writes; then the toy recipe into ``folder/run``."""
    with group.joined(threads=1):
        found = {name: work() for name, work in WORK.items()}
        if group.rank() == 0:
            save_state(folder / "found.safetensors", found)
        recipe = load_recipe(folder / "toy.toml")
        Training(recipe, [folder / "toy.h5"], folder / "run", Silent()).run()
