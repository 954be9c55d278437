"""Training steps on a GPU and on one core of the same machine, in one run.

    python benchmarks/gpu.py [--recipes recipes/conv3d.toml ...] [--times 1 4 16] [--kernels]

The steps of each recipe on made-up showers of the CLIC ECAL, with its batch and with so many times
that batch: medians after the first ones, in which the fastest kernels are sought and the step is
recorded as a graph; with --kernels, of steps that start their kernels one by one as well.  A shower
of a "gan" recipe is one of its batch, which the generator learns from twice and the discriminator
once; one of an "energy_score" recipe is one that the generator makes.  What makes the batches is
not timed: the log of a training has its rate.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

import numpy as np
import torch

from caloforge.detector import load_detector
from caloforge.networks import captured
from caloforge.networks.base import Domain
from caloforge.networks.objective import Batch, Objective, TrainingPlan
from caloforge.networks.spec import build_objective
from caloforge.train.recipe import Recipe, load_recipe

RECIPES = Path(__file__).parent.parent / "recipes"
WARM_STEPS = captured.WARM_STEPS + 3
ROW = "{:28} {:>8} {:>10} {:>10} {:>12} {:>12}"
SECONDS = 2.0
"""Of timed steps; of a GPU's five at least."""


def times_larger(recipe: Recipe, times: int) -> tuple[Recipe, int]:
    """The recipe with a larger batch, and how many showers count in a step."""
    size = times * recipe.training.batch_size
    training = recipe.training.model_copy(update={"batch_size": size})
    made = getattr(recipe.objective, "made", None)
    changed = {"training": training}
    if made is not None:
        changed["objective"] = recipe.objective.model_copy(update={"made": times * made})
    return recipe.model_copy(update=changed), size if made is None else times * made


def batch_of(recipe: Recipe, domain: Domain) -> Batch:
    """Sparse showers; what is in the cells does not change the time."""
    rng = np.random.default_rng(0)
    n, teacher = recipe.training.batch_size, recipe.data.teacher
    repeats = teacher.repeats if teacher else 1
    energy = rng.uniform(10, 500, n // repeats).astype(np.float32).repeat(repeats)
    theta = rng.uniform(*domain.theta_range_rad, n // repeats).astype(np.float32).repeat(repeats)
    cells = rng.random((n, *domain.shape), dtype=np.float32)
    cells *= cells < 0.06
    cells *= (0.02 * energy / cells.sum(axis=(1, 2, 3)))[:, None, None, None]
    return Batch(*map(torch.from_numpy, (cells, energy, theta)), repeats)


def objective_of(recipe: Recipe, domain: Domain, device: str) -> Objective:
    options = recipe.training
    plan = TrainingPlan(
        domain, 1, 1000, options.batch_size, options.precision, options.ema_decay, device
    )
    return build_objective(recipe.network, recipe.objective, plan)


def seconds_a_step(objective: Objective, batch: Batch, warm: int, fewest: int) -> float:
    for _ in range(warm):
        objective.step(batch)
    taken: list[float] = []
    while len(taken) < fewest or sum(taken) < SECONDS:
        start = time.perf_counter()
        objective.step(batch)
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def main() -> None:
    parser = argparse.ArgumentParser(description="training steps on a GPU and on one core")
    names = ("conv3d", "conv2d", "layered2d", "conv3d_angle", "conv3d_scores", "conv2d_scores")
    parser.add_argument(
        "--recipes", nargs="+", type=Path, default=[RECIPES / f"{n}.toml" for n in names]
    )
    parser.add_argument("--times", nargs="+", type=int, default=[1, 4, 16])
    parser.add_argument("--kernels", action="store_true", help="time steps without a graph, too")
    parser.add_argument("--no-core", action="store_true", help="time the GPU alone")
    options = parser.parse_args()
    torch.backends.cudnn.benchmark = True
    torch.set_num_threads(1)
    detector = load_detector("clic_ecal")
    print(f"training on {torch.cuda.get_device_name()}, and on one core beside it")
    print(ROW.format("recipe", "showers", "ms a step", "showers/s", "over a core", "200 000 in"))
    for path in options.recipes:
        recipe = load_recipe(path)
        window = "angle" if recipe.data.augment == "mirror" else "fixed"
        low, high = detector.windows[window].theta_deg
        domain = Domain.of(detector, window, (10, 500), (np.radians(low), np.radians(high)))
        core = None
        if not options.no_core:
            made, showers = times_larger(recipe, 1)
            step = seconds_a_step(objective_of(made, domain, "cpu"), batch_of(made, domain), 1, 1)
            core = showers / step
            show(f"{path.stem}, one core", showers, step, "1")
        for times in options.times:
            made, showers = times_larger(recipe, times)
            batch = batch_of(made, domain).to_gpu()
            for graph in (True, False) if options.kernels else (True,):
                objective = objective_of(made, domain, "cuda")
                objective.captured.active = graph
                step = seconds_a_step(objective, batch, WARM_STEPS, 5)
                name = path.stem if graph else f"{path.stem}, kernels"
                show(name, showers, step, "" if core is None else f"{showers / step / core:.0f}")


def show(name: str, showers: int, step: float, ratio: str) -> None:
    seconds = 200_000 * step / showers
    duration = f"{seconds / 3600:.1f} h" if seconds > 3600 else f"{seconds:.0f} s"
    print(ROW.format(name, showers, f"{1000 * step:.1f}", f"{showers / step:.1f}", ratio, duration))


if __name__ == "__main__":
    main()
