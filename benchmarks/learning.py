"""Learning curves: what a model of `factorised` is worth after so many showers.

    python benchmarks/learning.py SHOWERS.h5 [MORE.h5 ...] [--held-out 600] [--showers 250 500 ...]
        [--recipe RECIPE.toml] [--seeds 1]

The last showers of the first file are held out from all trainings.  The recipe is the one that
`caloforge make` chooses for as many showers, unless one is given.  Scores are of showers generated
at the held-out ones' conditions: the AUC of boosted trees on the shower features (0.5 is best), the
mean Wasserstein distance of the features in units of their spread, and the same distance of the
training showers themselves, whose energies are others.  Minutes are those of one core.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import torch
from rich.console import Console
from rich.table import Table
from transfer import Silent, chosen_recipe, distance, drawn, generated, reduced, told

from caloforge import io
from caloforge.showers import Showers
from caloforge.train.loop import Training
from caloforge.train.recipe import Recipe, load_recipe
from caloforge.train.trained import load_trained
from caloforge.validate.classifier import boosted_trees, classify, high_level_inputs


class Scores(NamedTuple):
    """Of one training."""

    trees: float
    distance: float
    of_the_showers: float
    minutes: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, nargs="+")
    parser.add_argument("--held-out", type=int, default=600)
    parser.add_argument("--showers", type=int, nargs="+", default=[250, 500, 1000, 2000])
    parser.add_argument("--recipe", type=Path)
    parser.add_argument("--seeds", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(1)
    first, *others = map(io.read, options.data)
    held_out = first[-options.held_out :]
    training = Showers.concatenate([first[: len(first) - options.held_out], *others])
    recipe = None if options.recipe is None else load_recipe(options.recipe)
    table = Table("showers", "trees", "Wasserstein", "of the showers", "minutes")
    for number in options.showers:
        found = [
            learned(drawn(training, number, seed), held_out, recipe, seed)
            for seed in range(1, options.seeds + 1)
        ]
        row = [f"{number}", *(told(values) for values in zip(*found, strict=True))]
        table.add_row(*row)
        print(*row, flush=True)
    Console().print(table)


def learned(showers: Showers, held_out: Showers, recipe: Recipe | None, seed: int) -> Scores:
    """The scores of a training on these showers."""
    with tempfile.TemporaryDirectory() as name:
        sample, run = Path(name) / "showers.h5", Path(name) / "run"
        io.write(sample, showers)
        if recipe is None:
            recipe = chosen_recipe(sample, seed)
        began = time.process_time()
        Training(recipe.model_copy(update={"seed": seed}), [sample], run, Silent()).run()
        minutes = (time.process_time() - began) / 60
        made = generated(load_trained(run)[0], held_out)
    reference, model, seen = map(reduced, (held_out, made, showers))
    trees = classify(
        boosted_trees,
        high_level_inputs(reference.features, reference.summary),
        high_level_inputs(model.features, model.summary),
        seed=seed,
    )
    return Scores(trees.value, distance(reference, model), distance(reference, seen), minutes)


if __name__ == "__main__":
    main()
