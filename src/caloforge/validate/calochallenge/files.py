"""Two sample files through the Challenge's protocol, into a folder of results."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from caloforge._extras import require
from caloforge.errors import InputError
from caloforge.io import Opens, ShowerFile, open_showers
from caloforge.io.parts import sample_digest
from caloforge.physics.voxels import VoxelGeometry, voxel_geometry
from caloforge.provenance import write_record
from caloforge.showers import Showers
from caloforge.validate.calochallenge.dataset import SHOWERS, ChallengeDataset, dataset_of
from caloforge.validate.calochallenge.protocol import check_image, judge_by_protocol
from caloforge.validate.calochallenge.report import render_protocol
from caloforge.validate.calochallenge.result import Classifiers, ProtocolResult
from caloforge.validate.calochallenge.sample import challenge_sample
from caloforge.validate.comparison import MIN_SHOWERS
from caloforge.validate.files import OnStep, kind_of, sample_labels, silent
from caloforge.validate.folder import RECORD, REPORT, check_folder, report_folder, write_metrics

CALIBRATED = (0.5, 1.5)
"""A mean of Etot / Einc within this is that of calibrated showers."""


def validate_files_by_protocol(
    reference: Path,
    generated: Path,
    folder: Path,
    *,
    classifiers: Classifiers = "dense",
    showers: int = SHOWERS,
    seed: int = 0,
    opens: Opens = open_showers,
    on_progress: OnStep = silent,
) -> ProtocolResult:
    """Judge a sample of a cylinder as the CaloChallenge does, and write the results to `folder`.

    At most `showers` of each file are read; their voxels stay in memory (4 bytes each). `opens` is
    how samples are opened.

    Raises
    ------
    MissingExtraError
        if classifiers are wanted and torch is not installed.
    InputError, DetectorError
        if a file cannot be read, has too few showers, another detector, particle or calibration,
        or is no cylinder; if the ResNet is wanted for voxels that are no image (`check_image`).
    OutputError
        if the folder cannot be written, or holds something else than a former report.
    """
    start = time.perf_counter()
    check_folder(folder)
    if classifiers != "none":
        require("torch")
    with opens(reference) as first, opens(generated) as second:
        result = _judge(first, second, classifiers, showers, seed, on_progress)
    inputs = {str(path): sample_digest(path) for path in (reference, generated)}
    with report_folder(folder) as partial:
        write_metrics(partial, result.to_dict())
        (partial / REPORT).write_text(render_protocol(result), encoding="utf-8")
        write_record(
            partial / RECORD, verb="validate", inputs=inputs, seed=seed,
            config={"protocol": "calochallenge", "classifiers": classifiers, "showers": showers},
            seconds=time.perf_counter() - start,
        )  # fmt: skip
    return result


def _judge(
    first: ShowerFile,
    second: ShowerFile,
    classifiers: Classifiers,
    showers: int,
    seed: int,
    on_progress: OnStep,
) -> ProtocolResult:
    labels = sample_labels(first, second)
    kinds = [kind_of(file) for file in (first, second)]
    kinds[0].check(kinds[1], labels)
    geometry = voxel_geometry(first.detector, first.window)
    dataset = dataset_of(geometry)
    _check_sizes(first, second, labels)
    if classifiers == "resnet":
        check_image(geometry, first.detector.name)
    on_progress("reading")

    def chunks(file: ShowerFile) -> Iterator[Showers]:
        return kinds[0].convert(file.chunks(stop=showers))

    factor = _calibration_factor(chunks(first), labels[0])
    samples = [
        challenge_sample(chunks(file), geometry, threshold_mev=dataset.threshold_mev, factor=factor)
        for file in (first, second)
    ]
    notes = kinds[0].notes(kinds[1], labels) + _notes(factor, dataset, geometry, labels[0])
    return judge_by_protocol(
        samples[0], samples[1], geometry, dataset, labels=labels, classifiers=classifiers,
        notes=tuple(notes), seed=seed, on_progress=on_progress,
    )  # fmt: skip


def _check_sizes(first: ShowerFile, second: ShowerFile, labels: tuple[str, str]) -> None:
    for file, label in zip((first, second), labels, strict=True):
        if len(file) < MIN_SHOWERS:
            msg = f"{label} has {len(file)} showers: a comparison needs {MIN_SHOWERS}"
            raise InputError(msg)


def _calibration_factor(chunks: Iterator[Showers], label: str) -> float:
    """What makes the reference sum to Ep; 1 where it does so already, as the Challenge's files do.

    Raises
    ------
    InputError
        if the reference is empty.
    """
    sums = [
        (chunk.cells.sum(dtype=np.float64), chunk.energy.sum(dtype=np.float64)) for chunk in chunks
    ]
    deposited, primary = np.sum(sums, axis=0)
    if deposited == 0:
        msg = f"all showers of {label} are empty: there is nothing to compare with"
        raise InputError(msg)
    low, high = CALIBRATED
    return 1.0 if low < deposited / primary < high else float(primary / deposited)


def _notes(
    factor: float, dataset: ChallengeDataset, geometry: VoxelGeometry, label: str
) -> list[str]:
    found = []
    if factor != 1:
        found.append(
            f"All cells were multiplied by {factor:.4g}, so that those of {label} sum to Ep: "
            "the Challenge's showers are calibrated."
        )
    if dataset.published is None:
        found.append(
            f"{len(geometry.layer)} voxels in {len(geometry.sizes)} layers are none of the "
            "Challenge's datasets: there are no published entries to compare with."
        )
    return found
