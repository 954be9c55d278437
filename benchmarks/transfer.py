"""What transfer saves: showers and minutes to the same scores, with and without a start.

    python benchmarks/transfer.py RECIPE.toml SHOWERS.h5 START [--showers 250 500 1000] [--epochs N]
        [--first-epochs N] [--seeds 3]

RECIPE.toml may be the word `make`: the recipe that `caloforge make` chooses for so many showers.
START is a run folder, a model file or a bundled model, or a range of energies in GeV ("100:200"):
then a first training on the showers of that range makes it.  The last 500 showers of the file are
kept for the scores, the same for all: the validation number, and the mean Wasserstein distance of
the shower features in units of their spread.  Of each seed the training takes its own showers from
the rest.  Minutes are those of one core; what is told of several seeds is mean and spread.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from caloforge import io
from caloforge.make.data import request_of_sample
from caloforge.make.recipe import choose_recipe
from caloforge.networks.base import GeneratorNetwork
from caloforge.physics.distances import scaled_wasserstein
from caloforge.showers import Showers
from caloforge.train.loop import Training
from caloforge.train.recipe import Recipe, load_recipe
from caloforge.train.trained import load_trained
from caloforge.train.validation import Validator
from caloforge.validate.comparison import Sample, reduce_showers

KEPT, BATCH = 500, 64


class Silent:
    """Nobody is told how it goes."""

    def start(self, epochs: int, steps_per_epoch: int, batch_size: int, done: int) -> None: ...

    def step(self, epoch: int, values: dict[str, float]) -> None: ...

    def epoch(self, epoch: int, score: float, best: bool) -> None: ...


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipe")
    parser.add_argument("data", type=Path)
    parser.add_argument("start")
    parser.add_argument("--showers", type=int, nargs="+", default=[250, 500, 1000])
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--first-epochs", type=int, help="epochs of the first training")
    parser.add_argument("--seeds", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(1)
    everything = io.read(options.data)
    kept, training = everything[-KEPT:], everything[: len(everything) - KEPT]
    recipe = None if options.recipe == "make" else load_recipe(Path(options.recipe))
    columns = ("validation number", "Wasserstein", "minutes")
    table = Table("showers", *columns, *(f"{name} from the start" for name in columns))
    with tempfile.TemporaryDirectory() as name:
        start = first_training(recipe, training, options, Path(name))
        for number in options.showers:
            row = [f"{number}"]
            for begin in (None, start):
                found = [
                    train(
                        recipe,
                        seed,
                        drawn(training, number, seed),
                        Path(name) / f"{number}-{seed}-{'start' if begin else 'scratch'}",
                        options.epochs,
                        begin,
                        kept,
                    )
                    for seed in range(1, options.seeds + 1)
                ]
                row += [told(values) for values in zip(*found, strict=True)]
            table.add_row(*row)
            print(*row, flush=True)
    Console().print(table)


def drawn(showers: Showers, number: int, seed: int) -> Showers:
    """So many of the showers; the first ones for the first seed."""
    rows = np.arange(len(showers))
    if seed > 1:
        rows = np.random.default_rng(seed).permutation(rows)
    return showers[rows[:number]]


def told(values: Sequence[float]) -> str:
    """Mean of a score's values, and their spread where there are several."""
    mean = f"{np.mean(values):.4f}"
    return mean if len(values) == 1 else f"{mean} +- {np.std(values, ddof=1):.4f}"


def first_training(
    recipe: Recipe | None, showers: Showers, options: argparse.Namespace, folder: Path
) -> Path:
    """The start: as given, or trained on a range of energies."""
    if ":" not in options.start:
        return Path(options.start)
    low, high = map(float, options.start.split(":"))
    part = showers[np.flatnonzero((showers.energy >= low) & (showers.energy <= high))]
    *_, minutes = train(recipe, 1, part, folder / "first", options.first_epochs, None, part[:KEPT])
    print(f"start: {len(part)} showers of {low:g}-{high:g} GeV, {minutes:.1f} minutes")
    return folder / "first"


def train(
    recipe: Recipe | None,
    seed: int,
    showers: Showers,
    run: Path,
    epochs: int | None,
    start: Path | None,
    kept: Showers,
) -> tuple[float, float, float]:
    """Validation number and mean Wasserstein distance on the kept showers, and minutes.

    Without a recipe, the one that `caloforge make` chooses for these showers.
    """
    sample = run.with_suffix(".h5")
    io.write(sample, showers)
    if recipe is None:
        recipe = chosen_recipe(sample, seed)
    recipe = recipe.model_copy(update={"seed": seed})
    if epochs:
        recipe = recipe.with_epochs(epochs)
    began = time.process_time()
    Training(recipe, [sample], run, Silent(), start=start).run()
    minutes = (time.process_time() - began) / 60
    generator, _ = load_trained(run)
    made = generated(generator, kept)
    score = Validator(kept, seed=1).score(generator)
    return score, distance(reduced(kept), reduced(made)), minutes


def chosen_recipe(sample: Path, seed: int) -> Recipe:
    """The recipe that `caloforge make` chooses for the showers of a file."""
    with io.open_showers(sample) as showers:
        detector = showers.detector
    recipe, _ = choose_recipe(
        request_of_sample(sample, detector, detector.name, None, seed), [sample]
    )
    return recipe


def generated(generator: GeneratorNetwork, kept: Showers) -> Showers:
    """Showers at the kept ones' conditions."""
    torch.manual_seed(1)
    energy, theta = torch.from_numpy(kept.energy), torch.from_numpy(kept.theta)
    with torch.no_grad():
        cells = [
            generator.eval()(generator.draw_latent(len(some)), some, angle).numpy()
            for some, angle in zip(energy.split(BATCH), theta.split(BATCH), strict=True)
        ]
    return Showers(np.concatenate(cells), kept.energy, kept.theta, kept.detector, kept.particle)


def reduced(showers: Showers) -> Sample:
    """Features and summary of showers."""
    return reduce_showers(iter([showers]), "showers")[0]


def distance(reference: Sample, other: Sample) -> float:
    """Mean Wasserstein distance of the features, in units of the reference's spread."""
    pairs = zip(reference.features.values.T, other.features.values.T, strict=True)
    return float(np.mean([scaled_wasserstein(*pair) for pair in pairs]))


if __name__ == "__main__":
    main()
