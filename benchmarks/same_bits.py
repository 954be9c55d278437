"""Whether two checkouts train the same weights and generate the same cells, bit for bit.

    python benchmarks/same_bits.py > before.txt       # in one checkout
    python benchmarks/same_bits.py > after.txt        # in the other, on the same machine
    diff before.txt after.txt

Every recipe in recipes/, but those of cylinders, is trained on a few bundled showers with small
epochs (all phases of each), exported, and asked for showers, all through the command line, which
outlives a refactor.
Digests do not depend on names: sha256 of the sorted digests (dtype, shape, bytes) of the tensors of
the best generator, of everything in the checkpoint that is trained, and of the generated cells; and
of the numbers in the log.  About three minutes of one core; OMP_NUM_THREADS=1 is set by itself.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"

import argparse
import contextlib
import hashlib
import io
import json
import tempfile
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from safetensors import safe_open

from caloforge.cli.app import main as caloforge
from caloforge.zoo import sample_path

RECIPES = Path(__file__).parent.parent / "recipes"
TRAINED = ("generator", "discriminator", "encoder", "average", "optimiser")
"""Words in the names of a checkpoint's tensors that say that the tensor is trained."""
LOGGED = ("step", "epoch", "on", "showers_per_second", "occupancy")
"""Keys of a line of the log that say nothing of the weights; lines without others do not count."""


def edited(recipe: Path) -> tuple[dict[str, Any], str]:
    """A recipe cut down to a few showers and steps; and the bundled model that has its showers."""
    table = tomllib.loads(recipe.read_text())
    factorised = table["network"]["name"] == "factorised"
    inclined = "_angle" in recipe.stem
    table["data"] |= {"max_showers": 100 if factorised else 24, "validation_fraction": 0.2}
    table["training"] |= {
        "epochs": 4 if factorised else 2,
        "batch_size": 20 if factorised else 4 if inclined else 8,
        "log_every_steps": 1,
        "validation_showers": 4,
    }
    if "teacher" in table["data"]:
        table["data"]["teacher"]["repeats"] = 2
        table["objective"]["made"] = 4
    return table, "clic_ecal_angle" if inclined else "clic_ecal_fixed"


def toml(table: dict[str, Any], place: str = "") -> str:
    """A nested table of numbers, strings and lists as TOML."""
    values = {key: value for key, value in table.items() if not isinstance(value, dict)}
    lines = [f"[{place}]"] if place else []
    lines += [f"{key} = {json.dumps(value)}" for key, value in values.items()]
    inner = [
        toml(value, f"{place}.{key}" if place else key)
        for key, value in table.items()
        if isinstance(value, dict)
    ]
    return "\n".join([*lines, *inner])


def run(*arguments: object) -> None:
    """A verb of caloforge; what it says is shown where it fails."""
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
            caloforge([str(argument) for argument in arguments])
    except SystemExit as end:
        if end.code:
            raise RuntimeError(said.getvalue()) from None


def digest(arrays: Iterable[np.ndarray]) -> str:
    """Of arrays, whatever their order and names."""
    each = sorted(
        hashlib.sha256(f"{a.dtype} {a.shape}".encode() + np.ascontiguousarray(a).tobytes()).digest()
        for a in arrays
    )
    return hashlib.sha256(b"".join(each)).hexdigest()[:24]


def tensors(path: Path, words: tuple[str, ...]) -> list[np.ndarray]:
    """Those of a checkpoint whose place begins with one of some words, or holds one after "/"."""
    with safe_open(path, framework="np") as stored:
        names = [name for name in stored.keys() if any(word in name for word in words)]  # noqa: SIM118
        return [stored.get_tensor(name) for name in names]


def logged(path: Path) -> str:
    """Digest of the losses and validation numbers of a run, without their names."""
    rows = []
    for line in path.read_text().splitlines():
        values = {k: v for k, v in json.loads(line).items() if k not in LOGGED}
        rows.append(sorted(repr(v) for v in values.values() if isinstance(v, float)))
    return hashlib.sha256(json.dumps([row for row in rows if row]).encode()).hexdigest()[:24]


def generated(model: object, folder: Path) -> str:
    """Digest of the cells that a model file, or a bundled model, makes from one seed."""
    path = folder / "made.h5"
    path.unlink(missing_ok=True)
    run("generate", model, "-n", 16, "--energy", 100, "--seed", 7, "--runtime", "onnx", "-o", path)
    with h5py.File(path) as stored:
        return digest([stored["ECAL"][:]])


def trained(recipe: Path, folder: Path) -> dict[str, str]:
    """Digests of what a recipe, cut down, becomes."""
    table, name = edited(recipe)
    written, output, model = folder / recipe.name, folder / "run", folder / "model.onnx"
    written.write_text(toml(table) + "\n")
    run("train", written, "--data", sample_path(name), "-o", output, "--threads", 1)
    run("export", output, "-o", model)
    return {
        "best generator": digest(tensors(output / "best.safetensors", ("generator",))),
        "checkpoint": digest(tensors(output / "checkpoint.safetensors", TRAINED)),
        "log": logged(output / "log.jsonl"),
        "cells": generated(model, folder),
    }


def main() -> None:
    """Print a line a digest."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", help="names of recipes; all by default")
    only = parser.parse_args().only
    for recipe in sorted(RECIPES.glob("*.toml")):
        wanted = only is None or recipe.stem in only
        if wanted and not recipe.stem.endswith("_cylinder"):
            with tempfile.TemporaryDirectory() as folder:
                for what, value in trained(recipe, Path(folder)).items():
                    print(f"{recipe.stem:16} {what:15} {value}", flush=True)
    for name in ("clic_ecal_angle", "clic_ecal_fixed"):
        if only is None or name in only:
            with tempfile.TemporaryDirectory() as folder:
                print(f"{name:16} {'cells':15} {generated(name, Path(folder))}", flush=True)


if __name__ == "__main__":
    main()
