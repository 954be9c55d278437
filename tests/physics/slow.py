"""The definitions, written as slowly and obviously as they read; the fast ones must agree."""

import math
from itertools import product

import numpy as np


def profile(shower, axis):
    sums = [0.0] * shower.shape["xyz".index(axis)]
    for index in product(*map(range, shower.shape)):
        sums[index["xyz".index(axis)]] += float(shower[index])
    return sums


def centre(profile):
    return sum(i * e for i, e in enumerate(profile)) / sum(profile)


def moment(profile, order):
    middle = centre(profile)
    return sum((i - middle) ** order * e for i, e in enumerate(profile)) / sum(profile)


def core_fraction(shower, side):
    x0, y0 = (n // 2 - side // 2 for n in shower.shape[:2])
    inside = sum(
        float(shower[x, y, z])
        for x, y, z in product(*map(range, shower.shape))
        if x0 <= x < x0 + side and y0 <= y < y0 + side
    )
    return inside / float(shower.astype(float).sum())


def hits(shower, layer, threshold):
    return sum(
        float(shower[x, y, layer]) > threshold for x, y in product(*map(range, shower.shape[:2]))
    )


def measured_angle(shower, depths, pad):
    """Weighted least squares by the normal equations of y = a + b z."""
    rows, targets, weights = [], [], []
    for z, depth in enumerate(depths):
        energy = float(shower[:, :, z].astype(float).sum())
        if energy > 0:
            y = sum(j * float(shower[:, j, z].astype(float).sum()) for j in range(shower.shape[1]))
            rows.append([1.0, depth])
            targets.append(y / energy * pad)
            weights.append(energy)
    a, w = np.array(rows), np.diag(weights)
    _, slope = np.linalg.solve(a.T @ w @ a, a.T @ w @ np.array(targets))
    return math.pi / 2 - math.atan(slope)


def published_angle(shower, depths, pad):
    def y_mean(image):
        return sum(j * float(image[:, j].sum()) for j in range(image.shape[1])) / image.sum() * pad

    shower = shower.astype(float)
    z_mean = sum(d * shower[:, :, z].sum() for z, d in enumerate(depths)) / shower.sum()
    y_all = y_mean(shower.sum(axis=2))
    top = bottom = 0.0
    for z, depth in enumerate(depths):
        if shower[:, :, z].sum() > 0:
            top += z * (
                math.pi / 2 - math.atan((y_mean(shower[:, :, z]) - y_all) / (depth - z_mean))
            )
            bottom += z
    return top / bottom


def validation_number(reference, generated, energy, generated_energy, bins):
    errors = []
    for low, high in bins:
        for axis in (3, 2, 1):
            mean = []
            for cells, energies in ((reference, energy), (generated, generated_energy)):
                chosen = [
                    cell.astype(float).sum(axis=axis - 1) / e
                    for cell, e in zip(cells, energies, strict=True)
                    if low <= e < high
                ]
                mean.append(sum(chosen) / len(chosen))
            errors.append(((mean[1] - mean[0]) ** 2).sum() / (mean[0] ** 2).sum())
    return sum(errors) / len(errors)


def separation(first, second):
    return 0.5 * sum(
        (a / sum(first) - b / sum(second)) ** 2 / (a / sum(first) + b / sum(second))
        for a, b in zip(first, second, strict=True)
        if a + b > 0
    )


def wasserstein(first, second):
    """Mean distance of the sorted values: the optimal transport of equally large samples."""
    return float(np.mean(np.abs(np.sort(first) - np.sort(second))))


def frechet(first, second):
    from scipy.linalg import sqrtm

    one, two = np.cov(first.T), np.cov(second.T)
    shift = first.mean(axis=0) - second.mean(axis=0)
    return float(shift @ shift + np.trace(one + two - 2 * np.real(sqrtm(one @ two))))


def mmd(first, second):
    def kernel(a, b):
        return (float(np.dot(a, b)) / len(a) + 1) ** 4

    def within(rows):
        n = len(rows)
        pairs = [(i, j) for i in range(n) for j in range(n) if i != j]
        return sum(kernel(rows[i], rows[j]) for i, j in pairs) / len(pairs)

    across = [kernel(a, b) for a in first for b in second]
    return within(first) + within(second) - 2 * sum(across) / len(across)


def auc(labels, scores):
    """Share of the pairs (signal, background) that the scores put in order; ties count half."""
    signal = [s for s, label in zip(scores, labels, strict=True) if label]
    background = [s for s, label in zip(scores, labels, strict=True) if not label]
    wins = sum((a > b) + 0.5 * (a == b) for a in signal for b in background)
    return wins / (len(signal) * len(background))
