"""Compare two Geant4 samples: what built-in tables change against evaluated data.

    python benchmarks/geant4_tables.py REFERENCE.h5 SAMPLE.h5 -o docs/figures/simulate-tables

writes a figure (.png) and the numbers (.json). Both samples are weighted to the same spectrum of
primary energies, in ten bins of log10 Ep; errors are statistical.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from caloforge import io
from caloforge.physics import observables
from caloforge.physics.features import shower_features
from caloforge.physics.summary import Summary, summarise
from caloforge.showers import Showers
from caloforge.typing import Float64Array
from caloforge.validate.classifier import (
    CellNetwork,
    boosted_trees,
    classify,
    high_level_inputs,
    low_level_inputs,
)

BINS = 10
LIMITS = {
    "sampling fraction": 0.5,
    "sampling fraction at equal depth": 0.5,
    "layers": 1.5,
    "width x": 1,
    "width y": 1,
    "width z": 1,
}
"""What the tables must reproduce, in per cent."""


def measures(showers: Showers) -> dict[str, Float64Array]:
    """Per shower: sampling fraction, widths, and each layer's energy over Ep."""
    found = {"sampling fraction": observables.response(showers.cells, showers.energy)}
    for axis in "xyz":
        profile = observables.profile(showers.cells, axis)
        found[f"width {axis}"] = observables.width(profile)
    found["layers"] = observables.profile(showers.cells, "z") / showers.energy[:, None]
    return found


def binned_ratio(
    sample: Float64Array, reference: Float64Array, in_sample: Float64Array, in_ref: Float64Array
) -> tuple[Float64Array, Float64Array]:
    """Ratio of the means minus 1, and its error, both in per cent, at equal spectra."""
    means, errors = [], []
    weights = np.array([(in_sample == i).sum() for i in range(BINS)]) / len(in_sample)
    for values, index in ((sample, in_sample), (reference, in_ref)):
        parts = [values[index == i] for i in range(BINS)]
        means.append(sum(w * p.mean(axis=0) for w, p in zip(weights, parts, strict=True)))
        variance = [w**2 * p.var(axis=0) / len(p) for w, p in zip(weights, parts, strict=True)]
        errors.append(np.sqrt(sum(variance)))
    relative = np.hypot(errors[0] / means[0], errors[1] / means[1])
    return 100 * (means[0] / means[1] - 1), 100 * relative


def at_equal_depth(sample: Showers, reference: Showers) -> tuple[float, float]:
    """Difference of the sampling fractions and its error in per cent, at equal shower depth.

    A shower that starts late reaches the thick plates and leaks: three quarters of the variance
    of its sampling fraction are told by its depth. With that trend taken out, and the one with
    energy, the comparison is twice as sharp.
    """
    trends: list[Float64Array] = []
    residuals = []
    for showers in (reference, sample):
        log = np.log(showers.energy.astype(np.float64)) - np.log(70)
        depth = observables.centre(observables.profile(showers.cells, "z"))
        response = observables.response(showers.cells, showers.energy)
        if not trends:
            trends += [np.polyfit(log, response, 4), np.polyfit(log, depth, 4)]
        response = response / np.polyval(trends[0], log) - 1
        depth = depth - np.polyval(trends[1], log)
        if len(trends) == 2:
            trends.append(np.polyfit(depth, response, 3))
        residuals.append(response - np.polyval(trends[2], depth))
    error = np.hypot(*(rest.std() / len(rest) ** 0.5 for rest in residuals))
    return float(100 * (residuals[1].mean() - residuals[0].mean())), float(100 * error)


def energy_bins(energies: list[Float64Array]) -> list[Float64Array]:
    """Index of the bin of log10 Ep of every shower, for each sample."""
    logs = [np.log10(energy) for energy in energies]
    edges = np.linspace(min(log.min() for log in logs), max(log.max() for log in logs), BINS + 1)
    return [np.clip(np.digitize(log, edges) - 1, 0, BINS - 1) for log in logs]


def reduced(showers: Showers) -> Summary:
    """What the classifiers see of showers."""
    return summarise(
        showers.cells, showers.energy, showers.theta,
        layer_centres_mm=showers.detector.layer_centres_mm, pad_mm=showers.detector.pad_mm[1],
    )  # fmt: skip


def areas(sample: Showers, reference: Showers, n: int) -> dict[str, dict[str, float]]:
    """AUC of the validation's two classifiers at n showers a side, and of the reference's halves.

    Rows are paired by rank of energy, so that no part of the split has another spectrum.
    """
    rows = np.random.default_rng(1).permutation(len(reference))
    first, second = reference[np.sort(rows[:n])], reference[np.sort(rows[n : 2 * n])]
    result = {}
    for name, other in (("sample", sample[:n]), ("reference against itself", second)):
        pairs = [part[np.argsort(part.energy)] for part in (first, other)]
        summaries = [reduced(part) for part in pairs]
        high = [high_level_inputs(shower_features(s), s) for s in summaries]
        low = [low_level_inputs(s) for s in summaries]
        for level, inputs, model in (("high", high, boosted_trees), ("low", low, CellNetwork)):
            found = classify(model, *inputs, seed=1)
            result[f"{level} level, {name}"] = {"auc": found.value, "error": found.error}
    return result


def main() -> None:
    """Compare, print and draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("reference", type=Path)
    parser.add_argument("sample", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("-n", type=int, default=2000, help="showers a side for the classifiers")
    options = parser.parse_args()
    reference, sample = io.read(options.reference), io.read(options.sample)
    in_sample, in_ref = energy_bins([sample.energy, reference.energy])
    ours, theirs = measures(sample), measures(reference)
    numbers = {}
    for name in ours:
        difference, error = binned_ratio(ours[name], theirs[name], in_sample, in_ref)
        numbers[name] = {
            "difference_percent": np.round(difference, 3).tolist(),
            "error_percent": np.round(error, 3).tolist(),
            "limit_percent": LIMITS[name],
        }
    share = theirs["layers"].mean(axis=0) / theirs["layers"].mean(axis=0).sum()
    difference, error = at_equal_depth(sample, reference)
    numbers["sampling fraction at equal depth"] = {
        "difference_percent": round(difference, 3),
        "error_percent": round(error, 3),
        "limit_percent": LIMITS["sampling fraction at equal depth"],
    }
    numbers["layers"]["share"] = np.round(share, 5).tolist()
    numbers["classifiers"] = areas(sample, reference, min(options.n, len(sample)))
    text = json.dumps(numbers, indent=1)
    print(text)
    options.output.with_suffix(".json").write_text(text + "\n")
    draw(numbers, ours, theirs, sample, reference, options.output.with_suffix(".png"))


def draw(
    numbers: dict[str, dict[str, list[float]]],
    ours: dict[str, Float64Array],
    theirs: dict[str, Float64Array],
    sample: Showers,
    reference: Showers,
    path: Path,
) -> None:
    """Layers, sampling fraction against Ep, and widths."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 3.6), layout="constrained")
    layers, response, widths = figure.subplots(1, 3)
    found = numbers["layers"]
    visible = np.array(found["share"]) > 0.01
    at = np.arange(len(visible))
    layers.axhspan(-LIMITS["layers"], LIMITS["layers"], color="#dddddd")
    layers.errorbar(
        at[visible], np.array(found["difference_percent"])[visible],
        np.array(found["error_percent"])[visible], fmt="o", markersize=4,
    )  # fmt: skip
    layers.set(xlabel="layer", ylabel="built-in / evaluated - 1 [%]", title="layer means")
    edges = np.geomspace(10, 500, BINS + 1)
    allowed = LIMITS["sampling fraction"]
    response.axhspan(-allowed, allowed, color="#dddddd")
    for i in range(BINS):
        parts = [
            values[(energy >= edges[i]) & (energy < edges[i + 1])]
            for values, energy in (
                (ours["sampling fraction"], sample.energy),
                (theirs["sampling fraction"], reference.energy),
            )
        ]
        means = [part.mean() for part in parts]
        errors = [part.std() / len(part) ** 0.5 / part.mean() for part in parts]
        response.errorbar(
            (edges[i] * edges[i + 1]) ** 0.5, 100 * (means[0] / means[1] - 1),
            100 * np.hypot(*errors), fmt="o", color="C0", markersize=4,
        )  # fmt: skip
    response.set(xscale="log", xlabel="Ep [GeV]", title="sampling fraction")
    ticks = [10, 20, 50, 100, 200, 500]
    response.set_xticks(ticks, [str(tick) for tick in ticks])
    response.set_xticks([], minor=True)
    names = [name for name in LIMITS if name != "layers"]
    for row, name in enumerate(names):
        limit = numbers[name]["limit_percent"]
        widths.barh(row, 2 * limit, left=-limit, color="#dddddd")
        widths.errorbar(
            numbers[name]["difference_percent"], row, xerr=numbers[name]["error_percent"],
            fmt="o", color="C0", markersize=4,
        )  # fmt: skip
    labels = [name.replace(" at ", "\nat ") for name in names]
    widths.set_yticks(range(len(names)), labels)
    widths.set(xlabel="built-in / evaluated - 1 [%]", title="all energies")
    figure.savefig(path, dpi=130)


if __name__ == "__main__":
    main()
