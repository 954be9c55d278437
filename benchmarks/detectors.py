"""A row of README's table of detectors: Geant4 showers, `caloforge make`, and fresh judges.

    python benchmarks/detectors.py lead_scintillator -o FOLDER [--particle gamma]
        [--energy log:1:50] [--showers 2200] [--judges 1200] [--data A.h5] [--judge B.h5]

Runs what a user would type: two simulations, of other seeds, or the samples that are given; make,
which holds 15 % of its showers out for a report of its own; generate and validate; and bench.
Prints the row: the processor's minutes of make, all its processes together; the milliseconds of the
fastest engine on one core; and of validate the scores, beside them in brackets those of one half of
the judges against the other.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
from pathlib import Path

SHOWN = {"trees": "auc_high", "cells": "auc_low", "z": "profile_z", "x": "profile_x",
         "response": "response_bias"}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("detector")
    parser.add_argument("--output", "-o", type=Path, required=True)
    parser.add_argument("--particle", default="gamma")
    parser.add_argument("--energy", default="log:1:50")
    parser.add_argument("--showers", type=int, default=2200)
    parser.add_argument("--judges", type=int, default=1200)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--judge", type=Path)
    options = parser.parse_args()
    folder = options.output
    folder.mkdir(parents=True, exist_ok=True)
    data = options.data or simulated(options, folder / "showers.h5", options.showers, seed=1)
    judge = options.judge or simulated(options, folder / "judge.h5", options.judges, seed=2)
    made, model = folder / "fast.h5", folder / "made" / "model.onnx"
    before = minutes()
    caloforge("make", options.detector, "--data", data, "-o", model.parent)
    took = minutes() - before
    caloforge("generate", model, "--like", judge, "--seed", 7, "-o", made)
    caloforge("validate", judge, made, "--training", data, "--seed", 1, "-o", folder / "report")
    caloforge(
        "bench", "run", model, "--threads", 1, "--no-disk", "--repeats", 3,
        "-o", folder / "bench.json",
    )  # fmt: skip
    print(row(options.detector, folder, len_of(data), took))


def simulated(options: argparse.Namespace, path: Path, showers: int, seed: int) -> Path:
    """A sample of Geant4 showers, simulated unless it is there."""
    if not path.exists():
        caloforge(
            "simulate", options.detector, "--particle", options.particle, "--energy",
            options.energy, "-n", showers, "--seed", seed, "-o", path,
        )  # fmt: skip
    return path


def caloforge(*words: object) -> None:
    """Run a command line of caloforge; what it says goes where ours goes."""
    command = [sys.executable, "-m", "caloforge", *map(str, words)]
    subprocess.run(command, check=True, stdout=sys.stderr)


def minutes() -> float:
    """Minutes of the processor that all commands took so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (used.ru_utime + used.ru_stime) / 60


def len_of(path: Path) -> int:
    from caloforge import io

    with io.open_showers(path) as sample:
        return len(sample)


def row(detector: str, folder: Path, showers: int, took: float) -> str:
    """The row of the table, as Markdown."""
    asked = json.loads((folder / "made" / "make.json").read_text())["asked"]
    scores = json.loads((folder / "report" / "metrics.json").read_text())["scores"]
    timed = json.loads((folder / "bench.json").read_text())["rows"]
    fastest = min(each["alone"]["median_ms"] for each in timed)
    found = {name: scores[key] for name, key in SHOWN.items()}
    values = [
        f"{found[name]['value']:.3f} ± {found[name]['error']:.3f} ({found[name]['floor']:.2f})"
        for name in ("trees", "cells")
    ]
    values += [
        f"{100 * found[name]['value']:.1f} ({100 * found[name]['floor']:.1f})"
        for name in ("z", "x", "response")
    ]
    particle = f"{asked['particle']}, {asked['energy']}"
    cells = [detector, particle, str(showers), f"{took:.1f}", f"{fastest:.2f}", *values]
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
