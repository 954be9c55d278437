"""The definitions, written as slowly and obviously as they read; the fast ones must agree."""

import math
from itertools import combinations, pairwise, product

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


def profile_error(reference, generated):
    """Mean relative error of the cells with at least a thousandth of the sum."""
    errors = [
        abs(g - r) / r
        for r, g in zip(reference, generated, strict=True)
        if r > 0.001 * sum(reference)
    ]
    return sum(errors) / len(errors)


def residuals(values, x):
    """What a straight line in x leaves of values."""
    slope, offset = np.polyfit(x, values, 1)
    return [v - slope * a - offset for v, a in zip(values, x, strict=True)]


def correlations(tables, energies, edges):
    """Root mean square over pairs of features of the difference of their correlations."""
    both = []
    for number, (table, energy) in enumerate(zip(tables, energies, strict=True)):
        columns = []
        for column in table.T:
            standard = []
            for rows in bins_of(energies, edges):
                chosen = rows[number]
                left = residuals([column[i] for i in chosen], [math.log(energy[i]) for i in chosen])
                width = math.sqrt(sum(v * v for v in left) / len(left))
                flat = width < 1e-9 * max(abs(column[i]) for i in chosen)
                standard += [0.0 if flat or width == 0 else v / width for v in left]
            columns.append(standard)
        both.append(columns)
    squares = []
    for i, j in combinations(range(len(both[0])), 2):
        if any(both[0][i]) and any(both[0][j]):
            first, second = (np.corrcoef(columns[i], columns[j])[0, 1] for columns in both)
            squares.append((second - first) ** 2)
    return math.sqrt(sum(squares) / len(squares))


def conditional_spread(values, x):
    """Standard deviation around the line y = a + b x, with n - 2 degrees of freedom."""
    n, x_mean, y_mean = len(x), sum(x) / len(x), sum(values) / len(x)
    b = sum((p - x_mean) * (v - y_mean) for p, v in zip(x, values, strict=True)) / sum(
        (p - x_mean) ** 2 for p in x
    )
    residuals = [v - y_mean - b * (p - x_mean) for p, v in zip(x, values, strict=True)]
    return math.sqrt(sum(r**2 for r in residuals) / (n - 2))


def bins_of(energies, edges, least=20):
    """Rows of both samples in each energy bin that both fill; one bin where none is full."""
    chosen = []
    for low, high in zip((0.0, *edges), (*edges, math.inf), strict=True):
        last = high == edges[-1]
        rows = [
            [i for i, e in enumerate(sample) if low <= e < high or (last and e == high)]
            for sample in energies
        ]
        if min(map(len, rows)) >= least:
            chosen.append(rows)
    return chosen or [[list(range(len(sample))) for sample in energies]]


def response_scores(responses, energies, edges):
    """Response bias and width: mean over bins of |ratio of the means, of the widths, - 1|."""
    bias, width = [], []
    for rows in bins_of(energies, edges):
        parts = [[r[i] for i in chosen] for r, chosen in zip(responses, rows, strict=True)]
        logs = [[math.log(e[i]) for i in chosen] for e, chosen in zip(energies, rows, strict=True)]
        means = [sum(part) / len(part) for part in parts]
        widths = [conditional_spread(*pair) for pair in zip(parts, logs, strict=True)]
        bias.append(abs(means[1] / means[0] - 1))
        width.append(abs(widths[1] / widths[0] - 1))
    return sum(bias) / len(bias), sum(width) / len(width)


def spread(tables, energies, edges):
    """Mean over features of the mean over bins of the ratio of the conditional spreads."""
    by_feature = []
    for columns in zip(*(table.T for table in tables), strict=True):
        ratios = []
        for rows in bins_of(energies, edges):
            spreads = [
                conditional_spread([column[i] for i in chosen], [math.log(e[i]) for i in chosen])
                for column, e, chosen in zip(columns, energies, rows, strict=True)
            ]
            if spreads[0] > 1e-9 * max(abs(columns[0])):
                ratios.append(spreads[1] / spreads[0])
        if ratios:
            by_feature.append(sum(ratios) / len(ratios))
    return sum(by_feature) / len(by_feature)


def rows_near(values, point, half_width, least=20):
    """Rows within the half width of a point, or the nearest ones where they are too few."""
    inside = [i for i, v in enumerate(values) if abs(v - point) <= half_width]
    nearest = sorted(range(len(values)), key=lambda i: abs(values[i] - point))
    return inside if len(inside) >= least else nearest[:least]


def gan3d(cells, energies, biases, thetas, points, angles):
    """P, S and A of the angle 3DGAN at some energies (GeV) and angles (rad)."""
    moments, shapes = [], []
    for point in points:
        parts = [
            [(c[i].astype(float), e[i]) for i in rows_near(e, point, 5.0)]
            for c, e in zip(cells, energies, strict=True)
        ]
        p_errors, s_errors = [], []
        for axis in "xyz":
            tables = [[(profile(shower, axis), e) for shower, e in part] for part in parts]
            for number in (centre, lambda p: moment(p, 2)):
                r, g = (sum(number(p) for p, _ in table) / len(table) for table in tables)
                p_errors.append(abs(g - r) / abs(r))
            r, g = (
                [sum(p[k] / e for p, e in table) / len(table) for k in range(len(table[0][0]))]
                for table in tables
            )
            s_errors.append(profile_error(r, g))
        moments.append(sum(p_errors) / len(p_errors))
        shapes.append(sum(s_errors) / len(s_errors))
    a_errors = []
    for angle in angles:
        rows = [rows_near(theta, angle, math.radians(5)) for theta in thetas]
        r, g = (
            sum(b[i] for i in chosen) / len(chosen) for b, chosen in zip(biases, rows, strict=True)
        )
        a_errors.append(abs(g - r) / (sum(thetas[0][i] for i in rows[0]) / len(rows[0])))
    return [sum(errors) / len(errors) for errors in (moments, shapes, a_errors)]


def angle_scores(residuals, energies, thetas, edges_deg, energy_edges):
    """Angle bias in degrees, mean over bins of theta, and angle resolution."""
    biases = []
    for low, high in pairwise(edges_deg):
        parts = [
            [r for r, t in zip(residual, theta, strict=True) if low <= math.degrees(t) < high]
            for residual, theta in zip(residuals, thetas, strict=True)
        ]
        if min(map(len, parts)) >= 20:
            biases.append(
                abs(math.degrees(sum(parts[1]) / len(parts[1]) - sum(parts[0]) / len(parts[0])))
            )
    ratio = spread([np.array(r)[:, None] for r in residuals], energies, energy_edges)
    return sum(biases) / len(biases), abs(ratio - 1)


def feature_separation(reference, generated, bins):
    """Separation in bins with equally many values of the reference."""
    inner = sorted({float(np.quantile(reference, k / bins)) for k in range(1, bins)})
    edges = [-math.inf, *inner, math.inf]
    counts = [
        [sum(low <= v < high for v in sample) for low, high in pairwise(edges)]
        for sample in (reference, generated)
    ]
    return separation(*counts)


def frechet_physics_distance(first, second, rng):
    """Frechet distances at six sizes, evenly spaced in 1/N from N to N/4, four subsets each; the
    straight line through them in 1/N by its normal equations; its value at 0."""
    n = min(len(first), len(second))
    points = []
    for step in range(6):
        size = round(1 / (1 / n + step / 5 * (1 / (n // 4) - 1 / n)))
        for _ in range(4):
            one = first[rng.choice(len(first), size, replace=False)]
            two = second[rng.choice(len(second), size, replace=False)]
            points.append((1 / size, frechet(one, two)))
    x, y = (sum(column) / len(points) for column in zip(*points, strict=True))
    slope = sum((a - x) * (b - y) for a, b in points) / sum((a - x) ** 2 for a, _ in points)
    return y - slope * x


def kernel_physics_distance(first, second, rng):
    """Median of ten MMDs, each between random halves of both samples."""
    size = min(len(first), len(second)) // 2
    found = []
    for _ in range(10):
        one = first[rng.choice(len(first), size, replace=False)]
        two = second[rng.choice(len(second), size, replace=False)]
        found.append(mmd(one, two))
    return (sorted(found)[4] + sorted(found)[5]) / 2


def nearest_ratio(probes, fresh, library):
    """Median distance to the nearest of the library, of some showers over that of fresh ones."""

    def median(showers):
        return float(np.median([min(math.dist(a, b) for b in library) for a in showers]))

    return median(probes) / median(fresh)
