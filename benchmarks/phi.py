"""How a model's showers lean and spread where Geant4's lean between the pads' axes.

    caloforge simulate clic_ecal --window angle --energy 10:100 --theta 60:120 --phi 0:90 -n 300 \\
        --seed 5 -o g4.h5
    python benchmarks/phi.py g4.h5 clic_ecal_angle

A line a quantity: Geant4's mean, the model's, and the difference with its error from shower to
shower, in its errors. A model makes each of the sample's conditions ``--times`` over. ``along`` is
towards where the particle flies, ``across`` is at a right angle to it. Slopes are those of the line
through the layers' barycentres; variances and covariance, in mm2, are those of the energy in a
layer about its barycentre; far is more than 45 mm from the image's middle.
"""

import argparse
from pathlib import Path

import numpy as np

import caloforge
from caloforge.showers import Showers
from caloforge.typing import Float64Array

FAR_MM = 45.0


def quantities(showers: Showers) -> dict[str, Float64Array]:
    """What is compared, of each shower (N,)."""
    detector, cells = showers.detector, showers.cells.astype(np.float64)
    geometry = detector.geometry(showers.window)
    x, y = geometry.x_mm[:, 0, 0], geometry.y_mm[0, :, 0]
    layer = cells.sum(axis=(1, 2))
    total, safe = layer.sum(axis=1), np.maximum(layer, 1e-12)
    in_x, in_y = cells.sum(axis=2), cells.sum(axis=1)
    mean = [np.einsum("nxz,x->nz", each, at) / safe for each, at in ((in_x, x), (in_y, y))]
    xx, yy = (
        np.einsum("nxz,x->nz", each, at**2) / safe - middle**2
        for each, at, middle in zip((in_x, in_y), (x, y), mean, strict=True)
    )
    xy = np.einsum("nxyz,x,y->nz", cells, x, y, optimize=True) / safe - mean[0] * mean[1]
    share = layer / total[:, None]
    depth = detector.layer_centres_mm - (share @ detector.layer_centres_mm)[:, None]
    scale = (share * depth**2).sum(axis=1)
    slopes = np.stack([(share * depth * each).sum(axis=1) / scale for each in mean])
    azimuth = np.full(len(cells), np.pi / 2) if showers.phi is None else showers.phi
    cos, sin = np.cos(azimuth.astype(np.float64)), np.sin(azimuth.astype(np.float64))
    cotangent = 1 / np.tan(showers.theta.astype(np.float64))
    spread = [(share * each).sum(axis=1) for each in (xx, yy, xy)]
    far = np.hypot(x[:, None], y) > FAR_MM
    return {
        "slope along - cot(theta)": slopes[0] * cos + slopes[1] * sin - cotangent,
        "slope across": slopes[1] * cos - slopes[0] * sin,
        "variance along": spread[0] * cos**2 + spread[1] * sin**2 + 2 * spread[2] * cos * sin,
        "variance across": spread[0] * sin**2 + spread[1] * cos**2 - 2 * spread[2] * cos * sin,
        "covariance along, across": (spread[1] - spread[0]) * cos * sin
        + spread[2] * (cos**2 - sin**2),
        "covariance x, y": spread[2],
        "part of Ep, %": 100 * total / showers.energy,
        "hits": (cells > 0).sum(axis=(1, 2, 3)).astype(float),
        "hits far": (cells[:, far] > 0).sum(axis=(1, 2)).astype(float),
        "energy far, %": 100 * cells[:, far].sum(axis=(1, 2)) / total,
    }


def main() -> None:
    """Print the lines."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sample", type=Path)
    parser.add_argument("model")
    parser.add_argument("--runtime", default="onnx")
    parser.add_argument("--times", type=int, default=6)
    asked = parser.parse_args()
    showers = caloforge.read(asked.sample)
    model = caloforge.load(asked.model, runtime=asked.runtime, threads=1)
    wanted = quantities(showers)
    made = [
        quantities(model.sample(showers.conditions, seed=3 + number))
        for number in range(asked.times)
    ]
    print(f"{len(showers)} showers {'Geant4':>22}{'model':>12}{'difference':>13}")
    for name, values in wanted.items():
        found = np.mean([each[name] for each in made], axis=0)
        off = found - values
        error = off.std() / np.sqrt(len(off))
        print(
            f"{name:26}{values.mean():10.4g}{found.mean():12.4g}{off.mean():11.3g} +- {error:.2g}"
            f" ({off.mean() / error:+.1f})"
        )


if __name__ == "__main__":
    main()
