"""What transfer saves: minutes and showers to the same validation number, with and without a start.

    python benchmarks/transfer.py RECIPE.toml SHOWERS.h5 START [--showers 250 500 1000] [--epochs N]

START is a run folder or a model file, or a range of energies in GeV ("100:200"): then a first
training on the showers of that range makes it.  The last 500 showers of the file are kept for the
validation number, the same for all; trainings take the first showers of the file.  Minutes are
those of one core.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from caloforge import io
from caloforge.showers import Showers
from caloforge.train.loop import Training
from caloforge.train.recipe import Recipe, load_recipe
from caloforge.train.trained import load_trained
from caloforge.train.validation import Validator

KEPT = 500


class Silent:
    """Nobody is told how it goes."""

    def start(self, epochs: int, steps_per_epoch: int, batch_size: int, done: int) -> None: ...

    def step(self, epoch: int, values: dict[str, float]) -> None: ...

    def epoch(self, epoch: int, score: float, best: bool) -> None: ...


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipe", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("start")
    parser.add_argument("--showers", type=int, nargs="+", default=[250, 500, 1000])
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--first-epochs", type=int, help="epochs of the first training")
    options = parser.parse_args()
    torch.set_num_threads(1)
    everything = io.read(options.data)
    kept, training = everything[-KEPT:], everything[: len(everything) - KEPT]
    recipe = load_recipe(options.recipe)
    table = Table("showers", "from scratch", "minutes", "from the start", "minutes")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        start = first_training(recipe, training, options, folder)
        for number in options.showers:
            row = [f"{number}"]
            for begin in (None, start):
                score, seconds = train(
                    recipe, training[:number], folder, options.epochs, begin, kept
                )
                row += [f"{score:.4f}", f"{seconds / 60:.1f}"]
            table.add_row(*row)
            print(*row, flush=True)
    Console().print(table)


def first_training(
    recipe: Recipe, showers: Showers, options: argparse.Namespace, folder: Path
) -> Path:
    """The start: as given, or trained on a range of energies."""
    if ":" not in options.start:
        return Path(options.start)
    low, high = map(float, options.start.split(":"))
    part = showers[np.flatnonzero((showers.energy >= low) & (showers.energy <= high))]
    _, seconds = train(recipe, part, folder, options.first_epochs, None, part[:KEPT], "first")
    print(f"start: {len(part)} showers of {low:g}-{high:g} GeV, {seconds / 60:.1f} minutes")
    return folder / "first"


def train(
    recipe: Recipe,
    showers: Showers,
    folder: Path,
    epochs: int | None,
    start: Path | None,
    kept: Showers,
    name: str | None = None,
) -> tuple[float, float]:
    """Validation number on the kept showers, and seconds, of a training."""
    name = name or f"{len(showers)}-{'start' if start else 'scratch'}"
    io.write(folder / f"{name}.h5", showers)
    if epochs:
        recipe = recipe.with_epochs(epochs)
    began = time.process_time()
    Training(recipe, [folder / f"{name}.h5"], folder / name, Silent(), start=start).run()
    seconds = time.process_time() - began
    generator, _ = load_trained(folder / name)
    return Validator(kept, seed=1).score(generator), seconds


if __name__ == "__main__":
    main()
