"""Training throughput: a plain prototype of the published steps against caloforge, in one run.

    python benchmarks/training.py [--networks conv3d layered2d] [--batch 64] [--threads 1]

The prototype is what one would write down first: the same networks from standard layers, fresh
showers for every step, and gradients of the discriminator computed (and thrown away) in the
generator's steps.  Then caloforge's own, what it does better one thing after the other.  All take
one discriminator and two generator steps on the same showers; rates are medians of alternating
repeats, so that a busy machine slows all alike.

The last column is the roofline: the multiplications that the steps need (those of the plain layers,
none thrown away) over the time, against those of a large matrix product in the same format.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Protocol

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from caloforge.detector import load_detector
from caloforge.networks.base import Domain
from caloforge.networks.gan.dropout import ByteDropout
from caloforge.networks.gan.folding import FoldedConv3d
from caloforge.networks.gan.objective import GanObjective
from caloforge.networks.objective import Batch, TrainingPlan
from caloforge.networks.spec import build_objective
from caloforge.showers import Showers
from caloforge.train.recipe import Recipe

SHAPE = (25, 25, 25)
DOMAIN = Domain(shape=SHAPE, energy_range_gev=(10, 500), theta_range_rad=(np.pi / 2, np.pi / 2))


class Step(Protocol):
    """Something that takes training steps."""

    bfloat16: bool

    def step(self, batch: Batch) -> object: ...


class Prototype:
    """The published steps, written plainly."""

    def __init__(self, network: str, precision: str) -> None:
        published = ours(network, precision, 2)
        self.bfloat16 = precision == "bfloat16"
        self.generator = plain(published.generator)
        self.discriminator = plain(published.discriminator)
        self.of_generator = torch.optim.RMSprop(self.generator.parameters(), 0.001)
        self.of_discriminator = torch.optim.RMSprop(self.discriminator.parameters(), 0.001)

    def step(self, batch: Batch) -> None:
        with torch.no_grad():
            fake = self.generate(batch)
        losses = [
            self.loss(batch.cells, 1.0, batch),
            self.loss(fake, 0.0, batch),
        ]
        self.descend(self.of_discriminator, losses[0] + losses[1])
        for _ in range(2):
            self.descend(self.of_generator, self.loss(self.generate(batch), 1.0, batch))

    def generate(self, batch: Batch) -> Tensor:
        latent = self.generator.draw_latent(len(batch))
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bfloat16):
            return self.generator(latent, batch.energy, batch.theta)

    def loss(self, cells: Tensor, label: float, batch: Batch) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bfloat16):
            judgement = self.discriminator(cells, batch.energy, batch.theta)
        labels = torch.full((len(batch),), label)
        true = {"energy": batch.energy, "ecal": batch.cells.sum(dim=(1, 2, 3))}
        loss = 6 * functional.binary_cross_entropy_with_logits(judgement.logit, labels)
        for name, weight in (("energy", 0.2), ("ecal", 0.1)):
            error = (judgement.measured[name] - true[name]).abs() / true[name]
            loss = loss + weight * 100 * error.mean()
        return loss

    def descend(self, optimiser: torch.optim.Optimizer, loss: Tensor) -> None:
        self.of_generator.zero_grad()
        self.of_discriminator.zero_grad()
        loss.backward()
        optimiser.step()


def plain(module: nn.Module) -> nn.Module:
    """The module with standard 3D convolutions and standard dropout."""
    for part in list(module.modules()):
        if isinstance(part, FoldedConv3d):
            part.folds = (1, 1)
        for name, child in part.named_children():
            if isinstance(child, ByteDropout):
                setattr(part, name, nn.Dropout(child.cut / 256))
    return module


def compiled(objective: GanObjective) -> GanObjective:
    """The objective with its networks compiled by torch's inductor (which needs a C++ compiler)."""
    objective.generating = torch.compile(objective.generator)
    objective.judging = torch.compile(objective.discriminator)
    return objective


def unarranged(objective: GanObjective) -> GanObjective:
    """The objective with standard layers and its weights in the standard layout."""
    for module in (plain(objective.generator), plain(objective.discriminator)):
        for parameter in module.parameters():
            parameter.data = parameter.data.contiguous()
    return objective


def arranged(objective: GanObjective) -> GanObjective:
    """The objective with standard layers, its weights channels-last."""
    for module in (objective.generator, objective.discriminator):
        plain(module)
    return objective


def ours(network: str, precision: str, batch: int) -> GanObjective:
    recipe = Recipe.model_validate(
        {
            "name": network,
            "network": {"name": network},
            "objective": {"name": "gan"},
            "training": {"epochs": 1, "batch_size": batch, "precision": precision},
        }
    )
    plan = TrainingPlan(DOMAIN, 1, 1, batch, precision, recipe.training.ema_decay)
    return build_objective(recipe.network, recipe.objective, plan)


def made_up_showers(n: int) -> Showers:
    """Sparse showers; what is in the cells does not change the time."""
    rng = np.random.default_rng(0)
    energy = rng.uniform(10, 500, n).astype(np.float32)
    cells = rng.exponential(1.0, (n, *SHAPE)) * (rng.random((n, *SHAPE)) < 0.06)
    cells *= (0.02 * energy / cells.sum(axis=(1, 2, 3)))[:, None, None, None]
    theta = np.full(n, np.pi / 2, np.float32)
    return Showers(cells.astype(np.float32), energy, theta, load_detector("clic_ecal"))


def alternate(steps: list[Callable[[], object]], repeats: int) -> list[float]:
    """Median seconds of each step, taken in turns after one that does not count."""
    taken: list[list[float]] = [[] for _ in steps]
    for repeat in range(repeats + 1):
        for step, times in zip(steps, taken, strict=True):
            start = time.perf_counter()
            step()
            if repeat:
                times.append(time.perf_counter() - start)
    return [statistics.median(times) for times in taken]


def needed_operations(objective: GanObjective, batch: Batch) -> int:
    """Floating point operations of a step with standard layers."""
    with FlopCounterMode(display=False) as counter:
        arranged(objective).step(batch)
    return int(counter.get_total_flops())


def peak_rate(kind: torch.dtype) -> float:
    """Operations a second of a large matrix product."""
    size = 1536
    one, other = torch.randn(size, size).to(kind), torch.randn(size, size).to(kind)
    return 2 * size**3 / min(alternate([lambda: one @ other], 1)[0] for _ in range(7))


def variants(network: str, batch: int, compiling: bool) -> dict[str, Step]:
    """From the prototype to caloforge, one thing more in each."""
    fresh = partial(ours, network, batch=batch)
    table: dict[str, Step] = {
        "prototype": Prototype(network, "float32"),
        "+ no wasted gradients, showers reused": unarranged(fresh("float32")),
        "+ weights channels-last": arranged(fresh("float32")),
        "+ folding, byte dropout": fresh("float32"),
        "+ bfloat16": fresh("bfloat16"),
    }
    if compiling:
        table["+ compiled"] = compiled(fresh("bfloat16"))
    return table | {"(prototype in bfloat16)": Prototype(network, "bfloat16")}


def main() -> None:
    parser = argparse.ArgumentParser(description="training throughput against plain prototypes")
    parser.add_argument("--networks", nargs="+", default=["conv3d", "conv2d", "layered2d"])
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--compile", action="store_true", help="try torch.compile too")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    showers = made_up_showers(options.batch)
    batch = Batch(*(torch.from_numpy(a) for a in (showers.cells, showers.energy, showers.theta)))
    peak = {kind: peak_rate(getattr(torch, kind)) for kind in ("float32", "bfloat16")}
    for network in options.networks:
        table = Table(
            "", "showers/s", "over prototype", "of a matrix product",
            title=f"{network} in training, batch {options.batch}, {options.threads} threads",
        )  # fmt: skip
        needed = needed_operations(ours(network, "float32", options.batch), batch)
        steps = variants(network, options.batch, options.compile)
        seconds = alternate([partial(s.step, batch) for s in steps.values()], options.repeats)
        for name, taken in zip(steps, seconds, strict=True):
            kind = "bfloat16" if steps[name].bfloat16 else "float32"
            share = needed / taken / peak[kind]
            ratio = seconds[0] / taken
            table.add_row(name, f"{options.batch / taken:.1f}", f"{ratio:.2f}", f"{share:.0%}")
        Console().print(table)


if __name__ == "__main__":
    main()
