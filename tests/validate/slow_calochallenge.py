"""The CaloChallenge's definitions, voxel by voxel, as its paper describes them."""

import math

import numpy as np
from scipy.optimize import nnls
from tests.physics import slow


def observables(shower, edges, sectors):
    """A shower (list of layers, each a list of sectors of rings, MeV) in numbers, one a layer."""
    found = []
    for layer, ring_edges, n in zip(shower, edges, sectors, strict=True):
        points = []
        for sector in range(n):
            for ring in range(len(ring_edges) - 1):
                r = (ring_edges[ring] + ring_edges[ring + 1]) / 2
                phi = 2 * math.pi * (sector + 0.5) / n
                points.append((layer[sector][ring], r, r * math.cos(phi), r * math.sin(phi)))
        energy = sum(e for e, *_ in points)

        def moments(axis, points=points, energy=energy):
            if energy == 0:
                return 0.0, 0.0
            mean = sum(point[0] * point[axis] for point in points) / energy
            square = sum(point[0] * (point[axis] - mean) ** 2 for point in points) / energy
            return mean, math.sqrt(square)

        empty = sum(e == 0 for e, *_ in points) / len(points)
        found.append({"energy": energy, "r": moments(1), "x": moments(2), "y": moments(3),
                      "sparsity": empty})  # fmt: skip
    return found


def frechet(first, second, rng):
    """20 draws at ten sizes from N/2 to N/10, evenly spaced in 1/N; a line that is not negative."""
    n = min(len(first), len(second))
    least, most = n // 10, n // 2
    inverse, means = [], []
    for step in range(10):
        size = round(1 / (1 / least + step / 9 * (1 / most - 1 / least)))
        values = []
        for _ in range(20):
            one = first[rng.integers(0, len(first), size)]
            two = second[rng.integers(0, len(second), size)]
            values.append(slow.frechet(one, two))
        inverse.append(1 / size)
        means.append(sum(values) / 20)
    return nnls(np.array([[1.0, x] for x in inverse]), np.array(means))[0][0]


def kernel(first, second, rng):
    """Median of ten squared MMDs of random tenths."""
    size = min(len(first), len(second)) // 10
    found = []
    for _ in range(10):
        one = first[rng.integers(0, len(first), size)]
        two = second[rng.integers(0, len(second), size)]
        found.append(slow.mmd(one, two))
    return (sorted(found)[4] + sorted(found)[5]) / 2
