"""The Challenge's protocol on two samples: histograms, FPD, KPD, classifiers, and their floors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from caloforge.errors import InputError
from caloforge.physics.gaussian import feature_scale
from caloforge.physics.voxels import VoxelGeometry
from caloforge.typing import Float64Array, FloatArray
from caloforge.validate.calochallenge import distances
from caloforge.validate.calochallenge.dataset import ChallengeDataset
from caloforge.validate.calochallenge.histograms import Histogram, histograms, mean_separations
from caloforge.validate.calochallenge.result import Classifiers, ProtocolResult, ProtocolScore
from caloforge.validate.calochallenge.sample import ChallengeSample
from caloforge.validate.classifier import auc_error

Pair = tuple[ChallengeSample, ChallengeSample]
SMALLEST_IMAGE = 7


def judge_by_protocol(
    reference: ChallengeSample,
    generated: ChallengeSample,
    geometry: VoxelGeometry,
    dataset: ChallengeDataset,
    *,
    labels: tuple[str, str],
    classifiers: Classifiers = "dense",
    notes: tuple[str, ...] = (),
    seed: int = 0,
    on_progress: Callable[[str], None] = lambda step: None,
) -> ProtocolResult:
    """Every score of the protocol, of generated against reference and of two halves of the latter.

    Histograms, FPD and KPD of the score have as many showers a side as the floor has; classifiers
    use all, as the floor of an AUC is 0.5 at any size.

    Raises
    ------
    MissingExtraError
        if classifiers are wanted and torch is not installed.
    """
    rng = np.random.default_rng(seed)
    size = min(len(reference) // 2, len(generated))
    order = rng.permutation(len(reference))
    half, other = reference[order[:size]], reference[order[size : 2 * size]]
    made = generated[rng.permutation(len(generated))[:size]]
    on_progress("histograms")
    ours = histograms(half, made, geometry, dataset)
    floors = histograms(half, other, geometry, dataset)
    scores = _separations(ours, floors, size)
    on_progress("FPD and KPD")
    scale = feature_scale(reference.high_level())
    scores |= _distances(half, made, other, scale, rng)
    if classifiers != "none":
        most = min(len(reference), len(generated))
        scores |= _classifiers(
            (reference[:most], generated[:most]), (half, other), geometry, dataset, classifiers,
            seed, on_progress,
        )  # fmt: skip
    return ProtocolResult(labels, dataset, scores, ours, floors, notes, seed)


def check_image(geometry: VoxelGeometry, name: str) -> None:
    """Refuse voxels that are no image for the ResNet, `name` being the detector's.

    Its first convolution is 7 cells wide: smaller images would be padding for the most part.

    Raises
    ------
    InputError
        if layers differ in their voxels, or there are less than 7 rings, sectors or layers.
    """
    shape = geometry.cells.present.shape
    if not geometry.is_regular:
        msg = f"the ResNet needs layers of equal voxels, those of {name} differ"
        raise InputError(msg)
    if min(shape) < SMALLEST_IMAGE:
        msg = (
            f"the ResNet needs {SMALLEST_IMAGE} rings, sectors and layers at least, {name} has "
            f"{' x '.join(map(str, shape))}"
        )
        raise InputError(msg)


def _separations(
    ours: list[Histogram], floors: list[Histogram], showers: int
) -> dict[str, ProtocolScore]:
    values, floor = mean_separations(ours), mean_separations(floors)
    return {
        f"separation, {name}": ProtocolScore(
            values[name], None, floor[name], None, showers, showers
        )
        for name in values
    }


def _distances(
    half: ChallengeSample,
    made: ChallengeSample,
    other: ChallengeSample,
    scale: Float64Array,
    rng: np.random.Generator,
) -> dict[str, ProtocolScore]:
    tables = [sample.high_level() / scale for sample in (half, made, other)]
    return {
        name: ProtocolScore(
            *distance(tables[0], tables[1], rng), *distance(tables[0], tables[2], rng),
            len(half), len(half),
        )
        for name, distance in (("fpd", distances.frechet), ("kpd", distances.kernel))
    }  # fmt: skip


def _classifiers(
    pair: Pair,
    floor: Pair,
    geometry: VoxelGeometry,
    dataset: ChallengeDataset,
    classifiers: Classifiers,
    seed: int,
    on_progress: Callable[[str], None],
) -> dict[str, ProtocolScore]:
    """AUCs of the dense classifiers, and of the ResNet where it is wanted, with their floors."""
    from caloforge._extras import require

    require("torch")
    from caloforge.networks.classifiers.dense import dense_classifier
    from caloforge.networks.classifiers.resnet import ResNetClassifier
    from caloforge.networks.classifiers.train import train_and_test

    def auc(name: str, build: Callable[[int], Any], inputs: str) -> ProtocolScore:
        def test(step: str, samples: Pair) -> tuple[float, float]:
            first, second = (_table(sample, inputs) for sample in samples)
            found = train_and_test(
                lambda: build(first.shape[1]), first, second, split=dataset.split, seed=seed,
                on_epoch=lambda epoch: on_progress(f"{step}, epoch {epoch}"),
            )  # fmt: skip
            return found.auc, auc_error(found.auc, found.tested)

        score, twin = test(name, pair), test(f"floor of {name}", floor)
        return ProtocolScore(*score, *twin, len(pair[0]), len(floor[0]))

    scores = {
        "auc_low": auc("dense classifier on voxels", dense_classifier, "low_level"),
        "auc_high": auc("dense classifier on features", dense_classifier, "high_level"),
    }
    if classifiers == "resnet":
        rings, sectors, layers = geometry.cells.present.shape
        shape = layers, sectors, rings
        scores["auc_resnet"] = auc("ResNet", lambda _: ResNetClassifier(shape), "low_level")
    return scores


def _table(sample: ChallengeSample, inputs: str) -> FloatArray:
    table: FloatArray = getattr(sample, inputs)().astype(np.float32)
    return table
