"""What was published of 3DGAN showers, bin by bin of Ep: MODEL beside showers of REFERENCE.

    python benchmarks/published.py conv2d_int8 clic_ecal_fixed -n 3000
    python benchmarks/published.py conv2d_int8 geant4.h5 --times 4

REFERENCE is a model, of which -n showers a bin are made, or a sample, of which those in each bin
are taken; MODEL makes as many, or --times as many, at the same energies and angles.  Response:
MODEL's mean over REFERENCE's; spread: its standard deviation over REFERENCE's (of Ep in one bin,
whose trend is in both).  Of each axis: the largest difference of the mean profiles in parts of the
peak, the difference of the mean barycentres in cells, and the ratio of the mean widths.  Errors are
those of both samples.
"""

import argparse
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np

import caloforge
from caloforge.beam import Conditions
from caloforge.physics import observables
from caloforge.showers import Showers
from caloforge.typing import Float64Array

AT_ONCE = 500
EDGES_GEV = (100.0, 200.0, 300.0, 400.0, 500.0)

Measured = dict[str, Float64Array]


def measured(showers: Showers) -> Measured:
    """Response (N,) and, of each axis, profiles over Ep, barycentres and widths."""
    found: Measured = {"response": observables.response(showers.cells, showers.energy)}
    for axis in "xyz":
        profiles = observables.profile(showers.cells, axis)
        found[f"profile {axis}"] = profiles / showers.energy[:, None]
        found[f"centre {axis}"] = observables.centre(profiles)
        found[f"width {axis}"] = observables.width(profiles)
    return found


def made(model: caloforge.Generator, conditions: Conditions, seed: int) -> Measured:
    """The same of a model's showers, which are not all in memory at once."""
    parts = [
        measured(model.sample(conditions[first : first + AT_ONCE], seed=seed + first))
        for first in range(0, len(conditions), AT_ONCE)
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def of_sample(showers: Showers) -> Iterator[tuple[Conditions, Measured]]:
    """Of each bin, the conditions in it and what was measured there."""
    for low, high in pairwise(EDGES_GEV):
        part = showers[np.flatnonzero((showers.energy >= low) & (showers.energy < high))]
        yield Conditions(part.energy, part.theta), measured(part)


def of_model(
    model: caloforge.Generator, n: int, seed: int
) -> Iterator[tuple[Conditions, Measured]]:
    """The same of n showers a bin, uniform in Ep and theta."""
    rng = np.random.default_rng(seed)
    for low, high in pairwise(EDGES_GEV):
        energy = rng.uniform(low, high, n).astype(np.float32)
        theta = rng.uniform(*model.card.theta_range_rad, n).astype(np.float32)
        conditions = Conditions(energy, theta)
        yield conditions, made(model, conditions, seed)


def compared(one: Measured, other: Measured) -> str:
    """A line: ``other`` beside ``one``."""
    cells = [
        "{:.4f} +- {:.4f}".format(*_ratio(one["response"], other["response"])),
        f"{other['response'].std() / one['response'].std():.2f}",
    ]
    for axis in "xyz":
        profiles = [each[f"profile {axis}"] for each in (one, other)]
        mean = [each.mean(0) for each in profiles]
        at = int(np.abs(mean[1] - mean[0]).argmax())
        error = np.sqrt(sum(each[:, at].var() / len(each) for each in profiles))
        difference, peak = np.abs(mean[1] - mean[0])[at], mean[0].max()
        centres = [each[f"centre {axis}"] for each in (one, other)]
        off = centres[1].mean() - centres[0].mean()
        off_error = np.sqrt(sum(each.var() / len(each) for each in centres))
        cells += [
            f"{difference / peak:.3f} +- {error / peak:.3f}",
            f"{off:+.3f} +- {off_error:.3f}",
            "{:.3f} +- {:.3f}".format(*_ratio(one[f"width {axis}"], other[f"width {axis}"])),
        ]
    return " | ".join(cells)


def _ratio(one: Float64Array, other: Float64Array) -> tuple[float, float]:
    """Of the means, other over one, and its error."""
    relative = [each.std() / each.mean() / np.sqrt(len(each)) for each in (one, other)]
    ratio = other.mean() / one.mean()
    return ratio, ratio * float(np.hypot(*relative))


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("model", help="bundled model or model file")
    parser.add_argument("reference", help="bundled model, model file, or sample")
    parser.add_argument("-n", type=int, default=3000, help="showers a bin that a model makes")
    parser.add_argument("--times", type=int, default=1, help="MODEL's showers for each")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    model = caloforge.load(given.model, threads=1)
    if Path(given.reference).suffix == ".h5":
        parts = of_sample(caloforge.read(given.reference))
    else:
        parts = of_model(caloforge.load(given.reference, threads=1), given.n, given.seed)
    names = [f"{of} {axis}" for axis in "xyz" for of in ("profile", "centre", "width")]
    print("GeV | showers | response | spread | " + " | ".join(names))
    for (low, high), (conditions, reference) in zip(pairwise(EDGES_GEV), parts, strict=True):
        asked = conditions[np.repeat(np.arange(len(conditions)), given.times)]
        line = compared(reference, made(model, asked, given.seed + 1_000_000))
        print(f"{low:g}-{high:g} | {len(conditions)} | {line}", flush=True)


if __name__ == "__main__":
    main()
