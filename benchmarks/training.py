"""Training throughput: a plain prototype of the published steps against caloforge, in one run.

    python benchmarks/training.py [--networks conv3d layered2d] [--batch 64] [--threads 1]

The prototype is what one would write down first: the same networks from standard layers, fresh
showers for every step, and gradients of the discriminator computed (and thrown away) in the
generator's steps.  Both take one discriminator and two generator steps on the same showers; rates
are medians of alternating repeats, so that a busy machine slows both alike.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn
from torch.nn import functional

from caloforge.detector import load_detector
from caloforge.models.base import Domain
from caloforge.models.dropout import ByteDropout
from caloforge.models.folding import FoldedConv3d
from caloforge.models.spec import NETWORKS
from caloforge.showers import Showers
from caloforge.train.gan import GanObjective
from caloforge.train.objective import Batch, DataSummary
from caloforge.train.recipe import Recipe

SHAPE = (25, 25, 25)
DOMAIN = Domain(shape=SHAPE, energy_range_gev=(10, 500), theta_range_rad=(np.pi / 2, np.pi / 2))


class Prototype:
    """The published steps, written plainly."""

    def __init__(self, network: str, precision: str) -> None:
        spec = NETWORKS[network]
        assert spec.discriminator is not None
        self.bfloat16 = precision == "bfloat16"
        self.generator = spec.generator(spec.options(), DOMAIN)
        self.discriminator = plain(spec.discriminator(spec.options(), DOMAIN))
        plain(self.generator)
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


def ours(network: str, precision: str, showers: Showers, batch: int) -> GanObjective:
    recipe = Recipe.model_validate(
        {
            "name": network,
            "network": {"name": network},
            "objective": {"name": "gan"},
            "training": {"epochs": 1, "batch_size": batch, "precision": precision},
        }
    )
    spec = NETWORKS[network]
    summary = DataSummary(DOMAIN, len(showers), showers)
    return GanObjective(recipe, spec.generator(recipe.network, DOMAIN), summary)


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


def main() -> None:
    parser = argparse.ArgumentParser(description="training throughput against plain prototypes")
    parser.add_argument("--networks", nargs="+", default=["conv3d", "conv2d", "layered2d"])
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    showers = made_up_showers(options.batch)
    batch = Batch(*(torch.from_numpy(a) for a in (showers.cells, showers.energy, showers.theta)))
    table = Table(
        "network", "precision", "prototype", "caloforge", "ratio",
        title=f"showers/s in training, batch {options.batch}, {options.threads} threads",
    )  # fmt: skip
    for network in options.networks:
        for precision in ("float32", "bfloat16"):
            prototype = Prototype(network, precision)
            objective = ours(network, precision, showers, options.batch)
            plainly, here = alternate(
                [lambda p=prototype: p.step(batch), lambda o=objective: o.step(batch)],
                options.repeats,
            )
            rates = [options.batch / seconds for seconds in (plainly, here)]
            table.add_row(network, precision, *(f"{r:.1f}" for r in rates), f"{plainly / here:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
