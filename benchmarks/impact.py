"""How far a model's showers follow the impact points of Geant4's, in a sample that tells them.

    caloforge simulate clic_ecal --energy 20 -n 160 --seed 12 -o g4.h5
    python benchmarks/impact.py g4.h5 clic_ecal_fixed

A line for Geant4 and one a runtime: along x and y the mean distance in mm of the barycentre from
the particle's flight, which part of the way the barycentre goes when the flight's place in the pad
moves (at the depth of the barycentre), how it scatters around that, and the largest distance; then
the mean distance of the energy from the flight.  A model makes each of the sample's conditions
``--times`` over.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

import caloforge
from caloforge.impact import in_pad
from caloforge.showers import Showers
from caloforge.typing import Float64Array


def away_and_place(showers: Showers) -> tuple[Float64Array, Float64Array]:
    """Barycentres from the flights (N, 2) in mm, and the flights' places in their pads there."""
    detector, geometry = showers.detector, showers.detector.geometry(showers.window)
    cells = showers.cells.astype(np.float64)
    total = cells.sum(axis=(1, 2, 3))
    places = geometry.x_mm, geometry.y_mm, detector.layer_centres_mm
    x, y, depth = ((cells * each).sum(axis=(1, 2, 3)) / total for each in places)
    flight = showers.impact + depth[:, None] * showers.conditions.lean
    return np.stack([x, y], axis=1) - flight, in_pad(flight, detector).astype(np.float64)


def distances(showers: Showers) -> Float64Array:
    """Mean distance of each shower's energy from the particle's flight, (N,) in mm."""
    detector, geometry = showers.detector, showers.detector.geometry(showers.window)
    flights = showers.impact, showers.conditions.lean, showers.cells
    found = []
    for impact, lean, cells in zip(*flights, strict=True):
        x = geometry.x_mm - impact[0] - detector.layer_centres_mm * lean[0]
        y = geometry.y_mm - impact[1] - detector.layer_centres_mm * lean[1]
        found.append(np.average(np.hypot(x, y), weights=cells))
    return np.array(found)


def line(showers: Showers) -> str:
    """What the module says, of some showers."""
    said = []
    for axis, away, place in zip("xy", *(each.T for each in away_and_place(showers)), strict=True):
        terms = np.stack([np.ones_like(place), place], axis=1)
        (mean, moved), *_ = np.linalg.lstsq(terms, away, rcond=None)
        left = (away - terms @ (mean, moved)).std()
        errors = left * np.sqrt(np.diag(np.linalg.inv(terms.T @ terms)))
        said.append(
            f"{axis}: mean {mean:+.2f} +- {errors[0]:.2f}, moves by {1 + moved:.2f} +- "
            f"{errors[1]:.2f}, scatters by {left:.2f} +- {left / np.sqrt(2 * len(away)):.2f}, "
            f"largest {np.abs(away).max():.2f}"
        )
    away = distances(showers)
    error = away.std() / np.sqrt(len(away))
    return "; ".join([*said, f"energy {away.mean():.2f} +- {error:.2f} from the flight"])


def main() -> None:
    """Print the lines."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sample", type=Path)
    parser.add_argument("model")
    parser.add_argument("--runtimes", nargs="+", default=["onnx"])
    parser.add_argument("--times", type=int, default=4)
    asked = parser.parse_args()
    showers = caloforge.read(asked.sample)
    print(f"{'Geant4':10} {line(showers)}")
    conditions = replace(showers.conditions, impact=in_pad(showers.impact, showers.detector))
    for runtime in asked.runtimes:
        model = caloforge.load(asked.model, runtime=runtime, threads=1)
        made = model.sample(conditions.repeated(asked.times * len(conditions)), seed=3)
        print(f"{runtime:10} {line(made)}")


if __name__ == "__main__":
    main()
